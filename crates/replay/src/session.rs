//! Sessions: connections that are alive, and the lines that tell of them.

use std::net::IpAddr;

use serde::Serialize;
use vpcemu_dataplane::Timestamp;
use vpcemu_dataplane::conntrack::LiveConnection;
use vpcemu_packet::{FlowKey, endpoint, protocol_name};

use crate::verdict::{Ends, Names};

/// A connection that both ends accepted and that is alive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// What the engine has of it.
    pub live: LiveConnection,
    /// When its first packet came; none if that was before anybody wanted to know.
    pub first_seen: Option<Timestamp>,
}

/// A line of `--sessions`. Times are seconds since the epoch with nine decimals; ends are written as in verdicts.
#[derive(Debug, Serialize)]
struct SessionLine<'a> {
    conn: u64,
    proto: String,
    #[serde(flatten)]
    opened: EndsText,
    xlate: Option<EndsText>,
    state: &'static str,
    components: Vec<&'a str>,
    first: Option<String>,
    last: String,
    expires: String,
}

#[derive(Debug, Serialize)]
struct EndsText {
    src: String,
    dst: String,
}

impl Session {
    /// Appends its line: a JSON object and a line feed.
    ///
    /// # Errors
    /// If `out` takes no more. No session is without a form in JSON.
    pub fn write_json(&self, names: Names<'_>, out: &mut impl std::io::Write) -> std::io::Result<()> {
        let LiveConnection { n, opened, translated, state, last_seen, expires, components, .. } = &self.live;
        let line = SessionLine {
            conn: *n,
            proto: protocol_name(opened.protocol).map_or_else(|| opened.protocol.to_string(), str::to_owned),
            opened: EndsText::of(opened),
            xlate: translated.as_ref().map(EndsText::of),
            state,
            components: components.iter().map(|component| names.component(*component)).collect(),
            first: self.first_seen.map(seconds),
            last: seconds(*last_seen),
            expires: seconds(*expires),
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")
    }
}

impl EndsText {
    fn of(key: &FlowKey) -> Self {
        let text = |(address, port): (IpAddr, Option<u16>)| endpoint(address, port).to_string();
        let Ends { src, dst } = Ends::of(key);
        Self { src: text(src), dst: text(dst) }
    }
}

fn seconds(Timestamp(nanoseconds): Timestamp) -> String {
    format!("{}.{:09}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use vpcemu_dataplane::Component;
    use vpcemu_dataplane::Timeline;
    use vpcemu_dataplane::index::EniIx;

    use super::*;

    #[test]
    fn a_line_says_everything_that_is_known() {
        let network = "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[subnet.a]\ncidrs = [\"10.0.0.0/24\"]\n\
             [instance.app]\nsubnet = \"a\"\naddresses = [\"10.0.0.10\"]";
        let timeline = Timeline::compile(&[vpcemu_model::native::parse("net.toml", network).unwrap().network]);
        let key = |src: &str, src_port| FlowKey {
            src: src.parse().unwrap(),
            dst: "192.0.2.1".parse().unwrap(),
            src_port,
            dst_port: 443,
            protocol: 6,
            icmp_type: 0,
        };
        let live = LiveConnection {
            n: 7,
            accepted: true,
            opened: key("10.0.0.10", 4000),
            translated: Some(key("10.0.0.200", 1024)),
            state: "established",
            last_seen: Timestamp(2_000_000_001),
            expires: Timestamp(352_000_000_001),
            components: [Component::Interface(EniIx(0))].into_iter().collect(),
        };
        let line = |session: &Session| {
            let mut out = Vec::new();
            session.write_json(Names::new(&timeline), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let session = Session { live, first_seen: Some(Timestamp(1_000_000_000)) };
        let ends =
            r#""src":"10.0.0.10:4000","dst":"192.0.2.1:443","xlate":{"src":"10.0.0.200:1024","dst":"192.0.2.1:443"}"#;
        let rest = r#""components":["eni-app"],"first":"1.000000000","last":"2.000000001","expires":"352.000000001""#;
        let expected = format!("{{\"conn\":7,\"proto\":\"tcp\",{ends},\"state\":\"established\",{rest}}}\n");
        assert_eq!(line(&session), expected);
        let plain = LiveConnection { translated: None, ..session.live };
        let line = line(&Session { live: plain, first_seen: None });
        assert!(line.contains(r#""xlate":null"#) && line.contains(r#""first":null"#), "{line}");
    }
}
