//! From the shape of a suite to cases that can be evaluated: names that mean something, expectations that can be met and missed.

mod capture;
mod counters;
mod flow;
mod script;

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use vpcemu_lab::{DropReason, Flow, Lab};
use vpcemu_model::behavior::Span;
use vpcemu_model::native::Finding;
use vpcemu_model::native::mistakes::{listed, nearest};
use vpcemu_model::{Network, Origin};

use crate::components::Components;
use crate::expected::End;
use crate::file::{Text, TextOrNumber};
use crate::suite::Context;

#[cfg(test)]
pub(crate) use counters::NAT as NAT_COUNTERS;

/// Checks the cases of one suite, and collects what is wrong with them.
pub(crate) struct Checker<'c, 'a> {
    context: &'c mut Context<'a>,
    network: &'c Network,
    lab: &'c Lab,
    components: Components,
    findings: Vec<Finding>,
    /// Where each name was given.
    names: HashMap<String, Origin>,
}

impl<'c, 'a> Checker<'c, 'a> {
    pub(crate) fn new(context: &'c mut Context<'a>, network: &'c Network, lab: &'c Lab) -> Self {
        let mut components = Components::of([network]);
        components.add_registry(lab.timeline().registry());
        Self { context, network, lab, components, findings: Vec::new(), names: HashMap::new() }
    }

    /// Everything that is wrong.
    pub(crate) fn finish(self) -> Vec<Finding> {
        self.findings
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        self.context.places.at(span)
    }

    fn line(&self, span: Range<usize>) -> u32 {
        self.origin(span).line.unwrap_or(1)
    }

    fn refuse(&mut self, code: &'static str, span: Range<usize>, text: impl Into<String>, help: impl Into<String>) {
        let finding = Finding::error(code, &self.origin(span), text).help(help);
        self.findings.push(finding);
    }

    /// An expectation that nothing could meet or miss.
    fn never(&mut self, span: Range<usize>, text: impl Into<String>, help: impl Into<String>) {
        self.refuse("never-evaluated", span, text, help);
    }

    /// The name of a case: one line, and its own.
    fn name(&mut self, name: &Text) -> String {
        let text = name.get_ref();
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            self.refuse("bad-name", name.span(), "a name is one line of text", "results are reported under it");
        }
        let origin = self.origin(name.span());
        if let Some(first) = self.names.get(text) {
            let told = format!("two cases are called `{text}`: a result would not say of which it is");
            self.findings.push(Finding::error("duplicate-name", &origin, told).related(first, "the first one"));
        } else {
            self.names.insert(text.clone(), origin);
        }
        text.clone()
    }

    fn protocol(&mut self, proto: &Spanned<TextOrNumber>) -> Option<u8> {
        let text = &proto.get_ref().0;
        let found = Flow::protocol(text);
        if let Err(error) = &found {
            let help = nearest(text, ["tcp", "udp", "icmp", "icmpv6"]);
            let help = help.map_or_else(|| "as in `proto = \"tcp\"`".to_owned(), |it| format!("did you mean `{it}`?"));
            self.refuse("bad-protocol", proto.span(), error.to_string(), help);
        }
        found.ok()
    }

    fn reason(&mut self, text: &Text) -> Option<DropReason> {
        let code = text.get_ref();
        let found = DropReason::of_code(code);
        if found.is_none() {
            let known = || DropReason::ALL.iter().map(|reason| reason.code());
            let help = match nearest(&code.to_uppercase(), known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there is {}", listed(known())),
            };
            self.refuse("unknown-reason", text.span(), format!("`{code}` is no reason of a denial"), help);
        }
        found
    }

    fn component(&mut self, components: &Components, text: &Text) -> Option<String> {
        match components.find(text.get_ref()) {
            Ok(id) => Some(id),
            Err((told, help)) => {
                self.refuse("unknown-component", text.span(), told, help);
                None
            }
        }
    }

    fn rule(&mut self, components: &Components, rule: Option<&Spanned<TextOrNumber>>) -> Option<String> {
        let rule = rule?;
        match components.rule(&rule.get_ref().0) {
            Ok(name) => Some(name),
            Err((told, help)) => {
                self.refuse("unknown-rule", rule.span(), told, help);
                None
            }
        }
    }

    fn end(&mut self, text: Option<&Text>) -> Option<End> {
        let text = text?;
        let end = End::parse(text.get_ref());
        if end.is_none() {
            let told = format!("`{}` is no address", text.get_ref());
            self.refuse("bad-address", text.span(), told, "as 203.0.113.20, 203.0.113.20:40112 or [2001:db8::1]:443");
        }
        end
    }

    /// A flow that cannot be, at the end that is to blame.
    fn refuse_flow(&mut self, error: &vpcemu_lab::Error, from: &Text, to: &Text) {
        let (span, text, help) = match error {
            vpcemu_lab::Error::Unknown { name, what, known } => {
                let is_to = to.get_ref().contains(name.as_str()) && !from.get_ref().contains(name.as_str());
                let span = if is_to { to.span() } else { from.span() };
                // Each is an id, with its name in parentheses where it has one.
                let names = known.split(", ").flat_map(|it| it.split([' ', '(', ')'])).filter(|it| !it.is_empty());
                let short = names.clone().map(|it| it.strip_prefix("eni-").unwrap_or(it));
                let help = match nearest(name, names.clone().chain(short)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there is {}", listed(known.split(", "))),
                };
                (span, format!("`{name}` names no {what}"), help)
            }
            vpcemu_lab::Error::Ambiguous { name, .. } => {
                let span = if from.get_ref().contains(name.as_str()) { from.span() } else { to.span() };
                (span, error.to_string(), "write the id of one of them".to_owned())
            }
            other => {
                (to.span(), other.to_string(), "a flow goes from one end to another that can be reached".to_owned())
            }
        };
        self.refuse("bad-flow", span, text, help);
    }

    /// `+351s`, after the beginning.
    fn since(&mut self, text: &Text) -> Option<Duration> {
        let found = text.get_ref().strip_prefix('+').and_then(Span::parse);
        if found.is_none() {
            let told = format!("`{}` is no time after the beginning", text.get_ref());
            self.refuse("bad-time", text.span(), told, "write a + and a number with ms, s, m, h or d, as `+351s`");
        }
        found.map(|Span(time)| time)
    }
}
