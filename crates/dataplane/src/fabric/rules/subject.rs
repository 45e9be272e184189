use vpcemu_packet::{FlowKey, Headers, Transport};

use crate::flow::protocol_of;

/// What rules look at: the packet as it stands at the component, fragments with the ports of their first.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    pub(super) protocol: u8,
    /// Destination port, `None` where there is none (6.7).
    pub(super) port: Option<u16>,
    /// ICMP type and code.
    pub(super) icmp: Option<(u8, u8)>,
}

impl Subject {
    /// The subject of a packet whose transport header is `transport`.
    pub fn new(headers: &Headers, transport: Transport) -> Self {
        let (port, icmp) = match transport {
            Transport::Tcp { dst, .. } | Transport::Udp { dst, .. } => (Some(dst), None),
            Transport::Query { kind, code, .. }
            | Transport::IcmpError { kind, code, .. }
            | Transport::Icmp { kind, code } => (None, Some((kind, code))),
            Transport::Other | Transport::Missing => (None, None),
        };
        Self { protocol: protocol_of(headers, transport), port, icmp }
    }

    /// The subject of the packet that opened a flow, from its key.
    pub fn of_key(key: &FlowKey) -> Self {
        let port = matches!(key.protocol, 6 | 17).then_some(key.dst_port);
        let icmp = matches!(key.protocol, 1 | 58).then_some((key.icmp_type, 0));
        Self { protocol: key.protocol, port, icmp }
    }
}
