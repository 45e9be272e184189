use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[behavior.nat_instance]`: what Linux does where a configuration declares an instance a NAT instance (11.3). Timers are
/// those of `net.netfilter.nf_conntrack_*` as the kernel sets them.
#[derive(Clone, Debug, PartialEq)]
pub struct NatInstanceBehavior {
    /// SYN sent.
    pub tcp_syn_sent: Duration,
    /// SYN received.
    pub tcp_syn_recv: Duration,
    /// Established.
    pub tcp_established: Duration,
    /// FIN from one side.
    pub tcp_fin_wait: Duration,
    /// FIN from one side, acknowledged.
    pub tcp_close_wait: Duration,
    /// FIN from both sides.
    pub tcp_last_ack: Duration,
    /// Closed in order.
    pub tcp_time_wait: Duration,
    /// RST.
    pub tcp_close: Duration,
    /// After too many retransmissions.
    pub tcp_max_retrans: Duration,
    /// Data that nobody acknowledges.
    pub tcp_unacknowledged: Duration,
    /// UDP in one direction.
    pub udp: Duration,
    /// UDP in both directions.
    pub udp_stream: Duration,
    /// ICMP queries.
    pub icmp: Duration,
    /// Every other protocol.
    pub generic: Duration,
    /// Whether segments outside the window are invalid, and dropped (E9).
    pub tcp_window_check: bool,
    /// Whether TCP that began before the capture is picked up (`nf_conntrack_tcp_loose`).
    pub tcp_loose: bool,
    /// What the inside hears of a connection that timed out (11.4).
    pub timeout: InstanceTimeout,
    /// The largest packet that its interface sends (1.22).
    pub mtu: u32,
}

impl Default for NatInstanceBehavior {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            tcp_syn_sent: seconds(120),
            tcp_syn_recv: seconds(60),
            tcp_established: seconds(432_000),
            tcp_fin_wait: seconds(120),
            tcp_close_wait: seconds(60),
            tcp_last_ack: seconds(30),
            tcp_time_wait: seconds(120),
            tcp_close: seconds(10),
            tcp_max_retrans: seconds(300),
            tcp_unacknowledged: seconds(300),
            udp: seconds(30),
            udp_stream: seconds(120),
            icmp: seconds(30),
            generic: seconds(600),
            tcp_window_check: true,
            tcp_loose: true,
            timeout: InstanceTimeout::Silent,
            mtu: 9001,
        }
    }
}

/// What the inside hears of a connection that timed out at a NAT instance (11.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceTimeout {
    /// Nothing, as plain Linux.
    Silent,
    /// A FIN for its next segment, as AWS says of its NAT AMI.
    Fin,
    /// A RST for its next segment.
    Rst,
}
