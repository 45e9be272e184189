use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use vpcemu_lab::{Flow, Lab, Midstream, Options, TcpFlags};
use vpcemu_model::Network;
use vpcemu_model::behavior::Span;
use vpcemu_model::native::mistakes::{listed, nearest};

use super::Checker;
use crate::case::{Case, Generated, PacketStep, Script, Step, What};
use crate::components::Components;
use crate::expected::Expected;
use crate::file::{self, Fate, ScriptFile, StepFile, Text};
use crate::suite::Error;

/// What a short packet with a full TTL can cause.
const MADE_OF_TCP: [&str; 2] = ["tcp-rst", "tcp-fin"];
const MADE_OF_ANY: [&str; 1] = ["icmp-unreachable"];
/// What only packets cause that are too large, or have come too far.
const MADE_OF_OTHERS: [&str; 3] = ["icmp-frag-needed", "icmpv6-ptb", "icmp-time-exceeded"];
const STATES: [&str; 4] = ["new", "established", "related", "untracked"];

/// A flow of a script, as far as it has come.
struct Opened {
    name: Option<String>,
    protocol: u8,
    /// Whether any of its packets is expected to be delivered: before that there is nothing to answer.
    reaches: bool,
}

/// A script, as far as it has been checked.
struct Progress {
    lab: Lab,
    components: Components,
    time: Duration,
    flows: Vec<Opened>,
    /// The flow that goes on where none is named.
    current: Option<usize>,
}

impl Checker<'_, '_> {
    /// Checks a script; none if something is wrong with it.
    ///
    /// # Errors
    /// If a configuration that it puts into force cannot be used.
    pub(crate) fn script(&mut self, file: Spanned<ScriptFile>) -> Result<Option<Case>, Error> {
        let (before, line) = (self.findings.len(), self.line(file.span()));
        let file = file.into_inner();
        let name = self.name(&file.name);
        let mut later = Vec::new();
        for step in file.steps.get_ref() {
            if let Some(config) = &step.get_ref().config {
                later.push(self.context.load(config)?);
            }
        }
        let networks: Vec<Network> = std::iter::once(self.network).chain(&later).cloned().collect();
        let mut components = Components::of(&networks);
        let lab = Lab::of(networks, Options::default());
        components.add_registry(lab.timeline().registry());
        let mut progress = Progress { lab, components, time: Duration::ZERO, flows: Vec::new(), current: None };
        let steps_span = file.steps.span();
        let steps: Vec<_> =
            file.steps.into_inner().into_iter().filter_map(|step| self.step(&mut progress, step)).collect();
        if !steps.iter().any(|step| step.packet.is_some()) && self.findings.len() == before {
            let text = "the script sends no packet, so there is nothing that it could show";
            self.refuse(
                "no-packets",
                steps_span,
                text,
                "as `{ from = \"app\", to = \"web:443\", proto = \"tcp\", flags = \"S\" }`",
            );
        }
        let counters = self.counters(file.counters, &progress.components);
        let midstream = match file.midstream {
            Some(file::Midstream::Strict) => Midstream::Strict,
            Some(file::Midstream::Adopt) | None => Midstream::Adopt,
        };
        let what = What::Script(Script { midstream, later, steps, counters });
        Ok((self.findings.len() == before).then_some(Case { name, line, what }))
    }

    fn step(&mut self, progress: &mut Progress, file: Spanned<StepFile>) -> Option<Step> {
        let span = file.span();
        let line = self.line(span.clone());
        let file = file.into_inner();
        progress.time = self.time(progress.time, &file);
        let (time, switches) = (progress.time, file.config.is_some());
        if switches {
            progress.lab.switch();
        }
        if !sends(&file) {
            if !switches && file.at.is_none() && file.wait.is_none() {
                self.refuse("empty-step", span, "the step does nothing", "write a packet, a time or a configuration");
                return None;
            }
            return Some(Step { line, time, switches, packet: None });
        }
        let packet = self.packet(progress, file, span)?;
        Some(Step { line, time, switches, packet: Some(packet) })
    }

    fn time(&mut self, now: Duration, file: &StepFile) -> Duration {
        match (&file.at, &file.wait) {
            (Some(at), Some(_)) => {
                self.refuse("two-times", at.span(), "`at` and `wait` both say when", "leave one of them out");
                now
            }
            (Some(at), None) => {
                let Some(time) = self.since(at) else { return now };
                if time < now {
                    let text = format!("`{}` lies before the step above, which is at +{}", at.get_ref(), Span(now));
                    self.refuse("time-runs-back", at.span(), text, "times of steps rise");
                    return now;
                }
                time
            }
            (None, Some(wait)) => now.saturating_add(wait.get_ref().0),
            (None, None) => now,
        }
    }

    fn packet(&mut self, progress: &mut Progress, file: StepFile, span: Range<usize>) -> Option<PacketStep> {
        let before = self.findings.len();
        let (flow, opens) = self.flow_of(progress, &file, &span)?;
        let protocol = progress.flows[flow].protocol;
        let flags = self.flags(&file, protocol, &span);
        let is_reply = file.reply.as_ref().is_some_and(|reply| *reply.get_ref());
        if let Some(reply) = file.reply.as_ref().filter(|_| is_reply && !progress.flows[flow].reaches) {
            let text = "nothing of the flow is expected to have reached the other side, so there is nothing to answer";
            self.never(reply.span(), text, "expect a packet before this one to be delivered");
        }
        let expected = self.expected(&progress.components, &file);
        progress.flows[flow].reaches |= !is_reply && expected.fate == Fate::Allow;
        if let Some(state) = &file.state {
            let text = state.get_ref();
            if !STATES.contains(&text.as_str()) {
                let help = nearest(text, STATES);
                let help =
                    help.map_or_else(|| format!("there is {}", listed(STATES)), |it| format!("did you mean `{it}`?"));
                self.refuse("unknown-state", state.span(), format!("`{text}` is no state of a connection"), help);
            }
        }
        let generated = file.generated.as_ref().and_then(|text| self.generated(text, protocol, flags));
        (self.findings.len() == before).then_some(PacketStep {
            flow,
            opens,
            is_reply,
            flags,
            expected,
            state: file.state.map(Spanned::into_inner),
            generated,
        })
    }

    /// The flow that a step is about, and what it means where the step opens it.
    fn flow_of(
        &mut self,
        progress: &mut Progress,
        file: &StepFile,
        span: &Range<usize>,
    ) -> Option<(usize, Option<Flow>)> {
        match (&file.from, &file.to) {
            (Some(from), Some(to)) => self.open(progress, file, from, to),
            (None, None) => {
                let of_opening = file.proto.as_ref().map(Spanned::span).or_else(|| Some(file.ipv6.as_ref()?.span()));
                if let Some(span) = of_opening {
                    let text = "`proto` and `ipv6` belong to the step that opens a flow";
                    self.refuse("not-opened", span, text, "give them with `from` and `to`");
                }
                let Some(name) = &file.flow else {
                    if progress.current.is_none() {
                        let help = "the first step says `from`, `to` and `proto`";
                        self.refuse("not-opened", span.clone(), "no flow has been opened yet", help);
                    }
                    return progress.current.map(|flow| (flow, None));
                };
                let named = |flow: &Opened| flow.name.as_ref() == Some(name.get_ref());
                let found = progress.flows.iter().position(named);
                if found.is_none() {
                    let known = || progress.flows.iter().filter_map(|flow| flow.name.as_deref());
                    let help = match nearest(name.get_ref(), known()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("opened so far: {}", listed(known())),
                    };
                    self.refuse(
                        "unknown-flow",
                        name.span(),
                        format!("no flow `{}` has been opened", name.get_ref()),
                        help,
                    );
                }
                progress.current = found.or(progress.current);
                found.map(|flow| (flow, None))
            }
            (Some(one), None) | (None, Some(one)) => {
                let help = "a flow is opened with `from`, `to` and `proto`";
                self.refuse("half-a-flow", one.span(), "a flow has two ends, and one of them is missing", help);
                None
            }
        }
    }

    fn open(
        &mut self,
        progress: &mut Progress,
        file: &StepFile,
        from: &Text,
        to: &Text,
    ) -> Option<(usize, Option<Flow>)> {
        let Some(proto) = &file.proto else {
            self.refuse("no-protocol", to.span(), "of which protocol?", "as in `proto = \"tcp\"`");
            return None;
        };
        let protocol = self.protocol(proto)?;
        let flow = Flow {
            from: from.get_ref().clone(),
            to: to.get_ref().clone(),
            protocol,
            source_port: None,
            ipv6: file.ipv6.as_ref().map(|ipv6| *ipv6.get_ref()),
        };
        if let Err(error) = progress.lab.resolve(&flow) {
            self.refuse_flow(&error, from, to);
            return None;
        }
        if let Some(name) = &file.flow
            && progress.flows.iter().any(|flow| flow.name.as_ref() == Some(name.get_ref()))
        {
            let text = format!("a flow `{}` has been opened before", name.get_ref());
            self.refuse("duplicate-flow", name.span(), text, "leave `from` and `to` out to go on with it");
        }
        let name = file.flow.as_ref().map(|name| name.get_ref().clone());
        progress.flows.push(Opened { name, protocol, reaches: false });
        let index = progress.flows.len() - 1;
        progress.current = Some(index);
        Some((index, Some(flow)))
    }

    fn flags(&mut self, file: &StepFile, protocol: u8, span: &Range<usize>) -> TcpFlags {
        let is_tcp = protocol == Flow::TCP;
        let none = TcpFlags(0);
        match &file.flags {
            Some(flags) if !is_tcp => {
                self.never(flags.span(), "only TCP has flags", "leave them out");
                none
            }
            Some(flags) => flags.get_ref().parse().unwrap_or_else(|error: vpcemu_packet::NotTcpFlags| {
                self.refuse("bad-flags", flags.span(), error.to_string(), "as \"S\", \"SA\", \"PA\"");
                none
            }),
            None => {
                if is_tcp {
                    let help = "as `flags = \"S\"`; a step with nothing but a time sends nothing";
                    self.refuse("no-flags", span.clone(), "a TCP packet has flags", help);
                }
                none
            }
        }
    }

    fn expected(&mut self, components: &Components, file: &StepFile) -> Expected {
        let fate = file.expect.as_ref().map_or(Fate::Allow, |fate| *fate.get_ref());
        let rule = file.rule.as_ref().map(|rule| ("rule", rule.span()));
        let texts = |pairs: [(&'static str, &Option<Text>); 2]| {
            pairs.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?.span()))).collect::<Vec<_>>()
        };
        match fate {
            Fate::Allow => {
                for (key, span) in texts([("reason", &file.reason), ("by", &file.by)]).into_iter().chain(rule) {
                    let text = format!("`{key}` is about a denial, and the packet is expected to be delivered");
                    self.never(span, text, "leave it out, or write `expect = \"deny\"`");
                }
            }
            Fate::Deny => {
                for (key, span) in texts([("xlate_src", &file.xlate_src), ("xlate_dst", &file.xlate_dst)]) {
                    let text = format!("`{key}` is about what is delivered, and the packet is expected to be denied");
                    self.never(span, text, "leave it out, or expect `allow`");
                }
            }
        }
        Expected {
            fate,
            reason: file.reason.as_ref().and_then(|text| self.reason(text)),
            at: file.by.as_ref().and_then(|text| self.component(components, text)),
            rule: self.rule(components, file.rule.as_ref()),
            src: self.end(file.xlate_src.as_ref()),
            dst: self.end(file.xlate_dst.as_ref()),
        }
    }

    fn generated(&mut self, text: &Text, protocol: u8, flags: TcpFlags) -> Option<Generated> {
        let kind = text.get_ref().as_str();
        if kind == "none" {
            return Some(Generated::Nothing);
        }
        if MADE_OF_TCP.contains(&kind) {
            if protocol != Flow::TCP {
                let told = format!("only a TCP segment causes a {kind}");
                self.never(text.span(), told, "leave it out, or write \"none\"");
            } else if flags.contains(TcpFlags::RST) {
                self.never(text.span(), "nobody answers a RST", "leave it out, or write \"none\"");
            }
        } else if MADE_OF_OTHERS.contains(&kind) {
            let told = format!("packets of scripts are short and have come no way: none causes {kind}");
            self.never(text.span(), told, "a `[[capture]]` with such packets can expect it");
        } else if !MADE_OF_ANY.contains(&kind) {
            let known = MADE_OF_TCP.iter().chain(&MADE_OF_ANY).chain(&["none"]).copied();
            let help = match nearest(kind, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there is {}", listed(known)),
            };
            self.refuse("unknown-kind", text.span(), format!("nothing makes a `{kind}`"), help);
        }
        Some(Generated::Kind(kind.to_owned()))
    }
}

/// Whether a step sends a packet: it has more than a time and a configuration.
fn sends(file: &StepFile) -> bool {
    let StepFile {
        from,
        to,
        proto,
        ipv6,
        flow,
        reply,
        flags,
        at: _,
        wait: _,
        config: _,
        expect,
        reason,
        by,
        rule,
        xlate_src,
        xlate_dst,
        state,
        generated,
    } = file;
    let texts = [from, to, flow, flags, reason, by, xlate_src, xlate_dst, state, generated];
    texts.iter().any(|text| text.is_some())
        || proto.is_some()
        || ipv6.is_some()
        || reply.is_some()
        || expect.is_some()
        || rule.is_some()
}
