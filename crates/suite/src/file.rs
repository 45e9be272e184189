//! The shape of a suite file, as serde and the JSON Schema see it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use vpcemu_model::behavior::Span;

/// A text with its place.
pub(crate) type Text = Spanned<String>;

/// Assertions about a network: flows, scripts over time and captures. Relative paths are relative to the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "vpcemu suite")]
pub(crate) struct SuiteFile {
    /// The configuration: a native file, a dump, or a plan or state of Terraform's as JSON (`PLAN#prior`: before it).
    #[schemars(with = "String")]
    pub(crate) config: Text,
    /// Keep this VPC only.
    pub(crate) vpc: Option<String>,
    /// Attributes that a Terraform plan leaves open: `aws_nat_gateway.a.allocation_id=aws_eip.a`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) bind: Vec<Text>,
    /// Behind every choice that AWS makes at random; 1 by default.
    pub(crate) seed: Option<u64>,
    /// Flows: one packet there, one back, and of TCP the rest of the handshake. Each begins with nothing remembered.
    #[serde(default)]
    #[schemars(with = "Vec<FlowFile>")]
    pub(crate) flow: Vec<Spanned<FlowFile>>,
    /// Packets over time. Each script begins with nothing remembered.
    #[serde(default)]
    #[schemars(with = "Vec<ScriptFile>")]
    pub(crate) script: Vec<Spanned<ScriptFile>>,
    /// Captures, replayed.
    #[serde(default)]
    #[schemars(with = "Vec<CaptureFile>")]
    pub(crate) capture: Vec<Spanned<CaptureFile>>,
}

/// What is to become of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fate {
    /// It is delivered.
    Allow,
    /// It is dropped.
    Deny,
}

/// What is to have been assumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Assumed {
    /// Nothing, neither while the configuration was read nor for the packets.
    None,
}

/// One flow.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FlowFile {
    /// What results are reported under; no two cases of a suite have the same.
    #[schemars(with = "String")]
    pub(crate) name: Text,
    /// Where it begins: an interface or instance by name, id or address, `internet`, an address that the network does not have,
    /// or `ADDRESS@NAME`; with `:PORT` where it matters.
    #[schemars(with = "String")]
    pub(crate) from: Text,
    /// Where it goes, likewise; TCP and UDP need a port.
    #[schemars(with = "String")]
    pub(crate) to: Text,
    /// `tcp`, `udp`, `icmp`, `icmpv6` or a number.
    #[schemars(with = "TextOrNumber")]
    pub(crate) proto: Spanned<TextOrNumber>,
    /// The port it comes from; 40000 by default.
    pub(crate) sport: Option<u16>,
    /// Whether it is IPv6, where both ends have addresses of both families; IPv4 by default.
    pub(crate) ipv6: Option<bool>,
    /// Whether the packet that opens it is delivered.
    pub(crate) expect: Fate,
    /// Whether the answer is delivered, and of TCP what confirms it. Not judged if it is not said.
    #[schemars(with = "Option<Fate>")]
    pub(crate) reply: Option<Spanned<Fate>>,
    /// The reason of the denial, of the answer's where `expect` is `allow`.
    #[schemars(with = "Option<String>")]
    pub(crate) reason: Option<Text>,
    /// The component that denies it, by id or name.
    #[schemars(with = "Option<String>")]
    pub(crate) at: Option<Text>,
    /// The rule that denies it: the id of a security group rule, the number of a network ACL entry, or `*` where none matched.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(crate) rule: Option<Spanned<TextOrNumber>>,
    /// The source that the other side sees, with or without its port.
    #[schemars(with = "Option<String>")]
    pub(crate) xlate_src: Option<Text>,
    /// The destination that the other side sees, with or without its port.
    #[schemars(with = "Option<String>")]
    pub(crate) xlate_dst: Option<Text>,
    /// Gateways, endpoints and interfaces that pass it on, by id or name: all of these, in this order.
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) via: Option<Spanned<Vec<Text>>>,
    /// `none`: nothing is assumed, neither while the configuration is read nor for the packets.
    pub(crate) assumed: Option<Assumed>,
}

/// Packets over time.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ScriptFile {
    /// What results are reported under; no two cases of a suite have the same.
    #[schemars(with = "String")]
    pub(crate) name: Text,
    /// TCP that does not begin with SYN: taken for established where rules allow it (the default), or treated as AWS would.
    pub(crate) midstream: Option<Midstream>,
    /// What happens, in order.
    #[schemars(with = "Vec<StepFile>")]
    pub(crate) steps: Spanned<Vec<Spanned<StepFile>>>,
    /// Exact counts after the last step: `"nat-nat.IdleTimeoutCount" = 1`, `"connections.created" = 1`. Of a NAT gateway what
    /// CloudWatch counts, but for the gauge ActiveConnectionCount; `connections` has `created`, `expired` and `live`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, u64>")]
    pub(crate) counters: BTreeMap<Text, u64>,
}

/// What to do with TCP that began earlier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Midstream {
    /// It is established where rules allow it.
    Adopt,
    /// As AWS would treat it.
    Strict,
}

/// One step of a script: a packet, unless it has nothing but a time or a configuration. A packet is expected to be delivered
/// where `expect` does not say otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(default, deny_unknown_fields)]
pub(crate) struct StepFile {
    /// Opens a flow: where it begins, as in a flow.
    #[schemars(with = "Option<String>")]
    pub(crate) from: Option<Text>,
    /// Opens a flow: where it goes.
    #[schemars(with = "Option<String>")]
    pub(crate) to: Option<Text>,
    /// Opens a flow: its protocol.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(crate) proto: Option<Spanned<TextOrNumber>>,
    /// Opens a flow: whether it is IPv6, where that is open.
    #[schemars(with = "Option<bool>")]
    pub(crate) ipv6: Option<Spanned<bool>>,
    /// With `from` and `to`: the name of the flow that is opened. Without: the flow that goes on, if not the last one.
    #[schemars(with = "Option<String>")]
    pub(crate) flow: Option<Text>,
    /// The other side sends, back to where the last packet that it got came from.
    #[schemars(with = "Option<bool>")]
    pub(crate) reply: Option<Spanned<bool>>,
    /// TCP flags, letters of FSRPAUEC, or `.` for none. With P four bytes of data are sent.
    #[schemars(with = "Option<String>")]
    pub(crate) flags: Option<Text>,
    /// When, after the beginning of the script: `+351s`. Units are ms, s, m, h and d.
    #[schemars(with = "Option<String>")]
    pub(crate) at: Option<Text>,
    /// How long after the step before: `10s`.
    #[schemars(with = "Option<Span>")]
    pub(crate) wait: Option<Spanned<Span>>,
    /// Puts another configuration into force, from this step on.
    #[schemars(with = "Option<String>")]
    pub(crate) config: Option<Text>,
    /// Whether the packet is delivered; `allow` by default.
    #[schemars(with = "Option<Fate>")]
    pub(crate) expect: Option<Spanned<Fate>>,
    /// The reason of the denial.
    #[schemars(with = "Option<String>")]
    pub(crate) reason: Option<Text>,
    /// The component that denies it, by id or name: what is `at` in a flow.
    #[schemars(with = "Option<String>")]
    pub(crate) by: Option<Text>,
    /// The rule that denies it.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(crate) rule: Option<Spanned<TextOrNumber>>,
    /// The source as it is delivered, with or without its port.
    #[schemars(with = "Option<String>")]
    pub(crate) xlate_src: Option<Text>,
    /// The destination as it is delivered, with or without its port.
    #[schemars(with = "Option<String>")]
    pub(crate) xlate_dst: Option<Text>,
    /// What connection tracking thinks: `new`, `established`, `related` or `untracked`.
    #[schemars(with = "Option<String>")]
    pub(crate) state: Option<Text>,
    /// What a gateway makes because of the packet, and delivers: `tcp-rst`, `tcp-fin`, `icmp-unreachable`, or `none`.
    #[schemars(with = "Option<String>")]
    pub(crate) generated: Option<Text>,
}

/// A capture, replayed.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct CaptureFile {
    /// What results are reported under; the name of the file by default.
    #[schemars(with = "Option<String>")]
    pub(crate) name: Option<Text>,
    /// The capture: pcap or pcapng, also .gz and .zst.
    #[schemars(with = "String")]
    pub(crate) file: Text,
    /// Verdicts as `replay --verdicts` writes them, compared packet by packet. `test --bless` rewrites them.
    #[schemars(with = "Option<String>")]
    pub(crate) golden: Option<Text>,
    /// Where it was taken: `auto` (the default), `internet`, or an interface.
    #[schemars(with = "Option<String>")]
    pub(crate) at: Option<Text>,
    /// Hosts of the capture that stand for interfaces: `192.168.1.10=web`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) bind: Vec<Text>,
    /// TCP that began before the capture: `adopt` (the default) or `strict`.
    pub(crate) midstream: Option<Midstream>,
    /// What capturing hosts leave wrong: `tolerate` (the default) or `strict`.
    pub(crate) offloads: Option<OffloadRules>,
    /// Drop the second copy of a packet that was captured at two places.
    #[serde(default)]
    pub(crate) dedup: bool,
    /// Configurations that come into force while the capture is replayed.
    #[serde(default)]
    pub(crate) then: Vec<ThenFile>,
    /// Numbers of the summary, as `replay --format json` has them. What is not named is not compared.
    #[schemars(with = "Option<SummaryFile>")]
    pub(crate) summary: Option<Spanned<SummaryFile>>,
}

/// What to do about what capturing hosts leave wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OffloadRules {
    /// It is tolerated.
    Tolerate,
    /// It is malformed.
    Strict,
}

/// Another configuration, from a time on.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ThenFile {
    /// When, after the first packet: `+60s`.
    #[schemars(with = "String")]
    pub(crate) at: Text,
    /// The configuration.
    #[schemars(with = "String")]
    pub(crate) config: Text,
}

/// Numbers of a replay's summary.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(default, deny_unknown_fields)]
pub(crate) struct SummaryFile {
    /// Packets by fate: `in`, `delivered`, `dropped`, `generated` ...
    #[schemars(with = "BTreeMap<String, u64>")]
    pub(crate) packets: BTreeMap<Text, u64>,
    /// Bytes: `in`, `delivered`.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub(crate) bytes: BTreeMap<Text, u64>,
    /// Dropped packets by reason.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub(crate) dropped_by_reason: BTreeMap<Text, u64>,
    /// Delivered packets by place.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub(crate) delivered_to: BTreeMap<Text, u64>,
    /// How packets were placed: `leaves`, `arrives`, `reanchored`, `service`, `forced`.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub(crate) vantage: BTreeMap<Text, u64>,
    /// Connections: `created`, `expired`, `live`, `peak`.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub(crate) connections: BTreeMap<Text, u64>,
    /// Counters of NAT gateways by id, as CloudWatch names them.
    #[schemars(with = "BTreeMap<String, BTreeMap<String, u64>>")]
    pub(crate) nat: BTreeMap<Text, BTreeMap<Text, u64>>,
}

/// A text or a whole number, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextOrNumber(pub(crate) String);

impl JsonSchema for TextOrNumber {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TextOrNumber".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "integer"] })
    }
}

impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl serde::de::Visitor<'_> for Reader {
            type Value = TextOrNumber;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a whole number")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<TextOrNumber, E> {
                Ok(TextOrNumber(number.to_string()))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TextOrNumber, E> {
                Ok(TextOrNumber(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
