use toml::Spanned;
use vpcemu_lab::Flow;

use super::Checker;
use crate::case::{Case, FlowCase, What};
use crate::components::Components;
use crate::expected::Expected;
use crate::file::{Fate, FlowFile};

impl Checker<'_, '_> {
    /// Checks a flow; none if something is wrong with it.
    pub(crate) fn flow(&mut self, file: Spanned<FlowFile>) -> Option<Case> {
        let (before, line) = (self.findings.len(), self.line(file.span()));
        let file = file.into_inner();
        let name = self.name(&file.name);
        let protocol = self.protocol(&file.proto);
        let flow = protocol.map(|protocol| Flow {
            from: file.from.get_ref().clone(),
            to: file.to.get_ref().clone(),
            protocol,
            source_port: file.sport,
            ipv6: file.ipv6,
        });
        if let Some(flow) = &flow {
            // Where the flow can be without `sport`, the two ports are what is wrong with it.
            let without = || self.lab.resolve(&Flow { source_port: None, ..flow.clone() });
            match (self.lab.resolve(flow), file.sport) {
                (Ok(_), _) => {}
                (Err(error), None) => self.refuse_flow(&error, &file.from, &file.to),
                (Err(error), Some(_)) => match without() {
                    Ok(found) => {
                        let text = format!("`sport` says another port than `from`, which has {}", found.src_port);
                        self.refuse("two-ports", file.from.span(), text, "leave one of them out");
                    }
                    Err(_) => self.refuse_flow(&error, &file.from, &file.to),
                },
            }
        }
        let answer = file.reply.as_ref().map(|reply| *reply.get_ref());
        self.refuse_contradictions(&file, answer);
        let components = std::mem::replace(&mut self.components, Components::of([]));
        let denial = Expected {
            fate: Fate::Deny,
            reason: file.reason.as_ref().and_then(|text| self.reason(text)),
            at: file.at.as_ref().and_then(|text| self.component(&components, text)),
            rule: self.rule(&components, file.rule.as_ref()),
            ..Expected::default()
        };
        let via: Vec<_> = file.via.map(Spanned::into_inner).unwrap_or_default();
        let via = via.iter().filter_map(|text| self.component(&components, text)).collect();
        self.components = components;
        let delivery = Expected {
            src: self.end(file.xlate_src.as_ref()),
            dst: self.end(file.xlate_dst.as_ref()),
            ..Expected::default()
        };
        let (forward, reply) = match (file.expect, answer) {
            (Fate::Deny, _) => (denial, None),
            (Fate::Allow, Some(Fate::Deny)) => (delivery, Some(denial)),
            (Fate::Allow, Some(Fate::Allow)) => (delivery, Some(Expected::default())),
            (Fate::Allow, None) => (delivery, None),
        };
        let unassumed = file.assumed.is_some();
        let what = What::Flow(Box::new(FlowCase { flow: flow?, forward, reply, via, unassumed }));
        (self.findings.len() == before).then_some(Case { name, line, what })
    }

    /// Expectations that contradict `expect`.
    fn refuse_contradictions(&mut self, file: &FlowFile, answer: Option<Fate>) {
        if let (Fate::Deny, Some(reply)) = (file.expect, &file.reply) {
            let text = "nobody answers what is denied, so `reply` says nothing";
            self.never(reply.span(), text, "leave `reply` out, or expect `allow`");
        }
        let is_denied = file.expect == Fate::Deny || answer == Some(Fate::Deny);
        let rule = file.rule.as_ref().map(|rule| ("rule", rule.span()));
        let of_denial = [("reason", &file.reason), ("at", &file.at)]
            .into_iter()
            .filter_map(|(key, text)| Some((key, text.as_ref()?.span())))
            .chain(rule);
        for (key, span) in of_denial.filter(|_| !is_denied) {
            let text = format!("`{key}` is about a denial, and nothing is expected to be denied");
            self.never(span, text, "leave it out, or expect `deny` of the flow or of its reply");
        }
        let of_delivery = [("xlate_src", &file.xlate_src), ("xlate_dst", &file.xlate_dst)];
        for (key, text) in of_delivery.into_iter().filter(|_| file.expect == Fate::Deny) {
            if let Some(text) = text {
                let told = format!("`{key}` is about what is delivered, and the flow is expected to be denied");
                self.never(text.span(), told, "leave it out, or expect `allow`");
            }
        }
        if let Some(via) = file.via.as_ref().filter(|via| via.get_ref().is_empty()) {
            self.never(
                via.span(),
                "an empty `via` is met by every way",
                "name what passes the flow on, or leave it out",
            );
        }
    }
}
