//! Explanations for people: a line a hop, in columns.

use std::fmt;

use super::{Denied, Explanation, Hop, Named};

/// What a line of a hop has in its columns.
struct Line {
    place: String,
    role: String,
    verdict: &'static str,
    what: String,
    origin: String,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.headline())?;
        let lines: Vec<_> = self.steps.iter().map(line).collect();
        let width = |of: fn(&Line) -> &str| lines.iter().map(|line| of(line).chars().count()).max().unwrap_or(0);
        let (place, role, verdict) = (width(|line| &line.place), width(|line| &line.role), width(|line| line.verdict));
        let what = width(|line| &line.what);
        for (number, line) in lines.iter().enumerate() {
            let Line { place: at, role: of, verdict: said, what: why, origin } = line;
            let row = format!("{:>3} {at:<place$}  {of:<role$}  {said:<verdict$}  {why:<what$}  {origin}", number + 1);
            writeln!(f, "{}", row.trim_end())?;
        }
        if let Some(denied) = &self.denied {
            denied.fmt(f)?;
        }
        if let Some(made) = &self.generated {
            write!(f, "  then {made}")?;
        }
        Ok(())
    }
}

impl Explanation {
    /// The packet and its fate, in one line.
    pub fn headline(&self) -> String {
        let name = match (self.n, self.kind) {
            (_, Some(kind)) => kind.to_owned(),
            (Some(n), None) => format!("#{n}"),
            (None, None) => "packet".to_owned(),
        };
        let flags = self.flags.as_ref().map_or_else(String::new, |flags| format!(" [{flags}]"));
        let packet = format!("{} {} > {}{flags}", self.proto, self.src, self.dst);
        let verdict = self.verdict.to_uppercase();
        let fate = match (&self.out, &self.denied) {
            (Some(out), _) => {
                let xlate = self.xlate.as_ref().map(|xlate| format!("  =>  {} > {}", xlate.src, xlate.dst));
                let via = if self.via.is_empty() { String::new() } else { format!(" via {}", self.via.join(", ")) };
                format!("{}  to {out}{via}", xlate.unwrap_or_default())
            }
            (None, Some(denied)) => {
                let at = denied.at.as_ref().map_or_else(String::new, |at| format!(" at {at}"));
                format!("  {}{at}", denied.reason)
            }
            (None, None) => String::new(),
        };
        format!("{name} {verdict}  {packet}{fate}")
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_ref().map_or_else(String::new, |name| format!(" {name}"));
        let at = self.at.as_ref().map_or_else(String::new, |at| format!(" at {at}{name}"));
        let dir = self.dir.map_or_else(String::new, |dir| format!(", {dir}"));
        writeln!(f, "    {}{at}{dir}: {}", self.reason, self.words)?;
        if let Some(because) = &self.because {
            writeln!(f, "    {because}")?;
        }
        if let Some(nearest) = &self.nearest {
            // An entry of a network ACL has its number in its text.
            let rule = nearest.group.as_ref().map_or_else(String::new, |_| format!("{} ", nearest.rule));
            writeln!(f, "    nearest: {rule}{}", nearest.text)?;
            for differs in &nearest.differs {
                writeln!(f, "             but {differs}")?;
            }
            if let Some(origin) = &nearest.origin {
                writeln!(f, "             defined at {origin}")?;
            }
        }
        if let Some(after) = self.after {
            writeln!(f, "    packet {after} opened its flow, and was denied")?;
        }
        Ok(())
    }
}

fn line(hop: &Hop) -> Line {
    let named = |named: &Named| match &named.name {
        Some(name) => format!("{} {name}", named.id),
        None => named.id.clone(),
    };
    let own = Named { id: hop.hop.clone(), name: hop.name.clone() };
    let way = match hop.dir {
        Some("egress") => "out ",
        Some(_) => "in  ",
        None => "",
    };
    let (place, role) = match hop.kind {
        "sg" => {
            let group = hop.group.as_ref().map_or_else(|| "security groups".to_owned(), named);
            (named(&own), format!("{way}{group}"))
        }
        "nacl" => (hop.subnet.as_ref().map_or_else(|| own.id.clone(), named), format!("{way}{}", named(&own))),
        kind => (named(&own), format!("{way}{}", in_words(kind, hop))),
    };
    // Those who judge say how; the others do something, or refuse to.
    let judges = matches!(hop.kind, "sg" | "nacl");
    let verdict = match (hop.verdict, judges) {
        ("deny", _) => "DENY",
        (_, true) => "ALLOW",
        (_, false) => "",
    };
    let mut what = match (hop.kind, &hop.text, &hop.rule) {
        ("sg", Some(text), Some(rule)) => format!("{rule} {text}"),
        ("sg" | "nacl", _, Some(rule)) if rule == "*" => "*, nothing matched".to_owned(),
        (_, Some(text), _) => text.clone(),
        (_, None, Some(rule)) => rule.clone(),
        (_, None, None) => String::new(),
    };
    if let Some(state) = hop.state.filter(|_| hop.verdict == "allow") {
        let told = match (hop.kind, state) {
            ("sg", "new") => "(session new)".to_owned(),
            ("sg", "established") if what.is_empty() => "session established".to_owned(),
            ("sg", "related") => "about a session it knows".to_owned(),
            ("nat", "new") => match hop.ports {
                Some([taken, most]) => format!("(new, {taken}/{most} ports to that remote)"),
                None => "(new)".to_owned(),
            },
            _ => format!("({state})"),
        };
        what = join(what, &told);
    }
    if let Some(change) = &hop.change {
        let told = |side: &str, change: &Option<[String; 2]>| {
            change.as_ref().map(|[before, after]| {
                let (before, after) = without_common_port(before, after);
                format!("{side} {before} -> {after}")
            })
        };
        let told: Vec<_> = told("src", &change.src).into_iter().chain(told("dst", &change.dst)).collect();
        what = if what.is_empty() { told.join(", ") } else { join(told.join(", "), &what) };
    }
    Line { place, role, verdict, what, origin: hop.origin.as_deref().map_or_else(String::new, shortened) }
}

/// Where a rule was defined, without the folders of its file: a line of a table has no room for them.
fn shortened(origin: &str) -> String {
    let (file, rest) = origin.split_once(": ").map_or((origin, None), |(file, rest)| (file, Some(rest)));
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    rest.map_or_else(|| file.to_owned(), |rest| format!("{file}: {rest}"))
}

/// Two ends without the port, where they have the same.
fn without_common_port<'a>(before: &'a str, after: &'a str) -> (&'a str, &'a str) {
    let split =
        |end: &'a str| end.rsplit_once(':').filter(|(address, _)| address.ends_with(']') || !address.contains(':'));
    match (split(before), split(after)) {
        (Some((one, port)), Some((other, same))) if port == same => (one, other),
        _ => (before, after),
    }
}

fn join(left: String, right: &str) -> String {
    if left.is_empty() { right.to_owned() } else { format!("{left}  {right}") }
}

/// What a component does with packets.
fn in_words(kind: &str, hop: &Hop) -> &'static str {
    let source = hop.change.as_ref().is_some_and(|change| change.src.is_some());
    let destination = hop.change.as_ref().is_some_and(|change| change.dst.is_some());
    match kind {
        "route" => "route",
        "check" => "check",
        "nat" if source => "snat",
        "nat" if destination => "dnat",
        "nat" => "nat",
        "igw" if source || destination => "1:1 nat",
        "igw" => "internet",
        "eigw" => "egress only",
        "endpoint" => "endpoint",
        "service" => "service",
        "forward" => "forward",
        "pcx" => "peering",
        "tgw" => "transit",
        _ => "vpn",
    }
}
