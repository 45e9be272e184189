use std::time::Duration;

/// `[behavior.vpc_peering]`.
#[derive(Clone, Debug, PartialEq)]
pub struct VpcPeeringBehavior {
    /// The largest packet that a connection between regions carries (1.22).
    pub inter_region_mtu: u32,
    /// Whether the sender hears of a packet that is larger and not to be fragmented; the router of its subnet says it (1.22).
    pub fragmentation_needed: bool,
    /// Whether replies to a NAT gateway of a peered VPC return to it past a default route, or only where there is no route at
    /// all (4.8).
    pub nat_replies_past_default_route: bool,
}

impl Default for VpcPeeringBehavior {
    fn default() -> Self {
        Self { inter_region_mtu: 8500, fragmentation_needed: true, nat_replies_past_default_route: true }
    }
}

/// `[behavior.transit_gateway]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitGatewayBehavior {
    /// The largest packet that it carries (1.22).
    pub mtu: u32,
    /// The largest packet that it sends over a VPN (1.22, 10.30).
    pub vpn_mtu: u32,
    /// Whether a larger packet that may be fragmented leaves in pieces, instead of dying (1.22).
    pub fragment: bool,
    /// Whether a VPC hears of a larger packet that is not to be fragmented (1.22).
    pub fragmentation_needed: bool,
    /// Whether the TCP maximum segment size is lowered to what fits (1.23).
    pub mss_clamp: bool,
    /// Whether a VPC hears of a packet whose TTL ran out there (1.25).
    pub time_exceeded: bool,
}

impl Default for TransitGatewayBehavior {
    fn default() -> Self {
        Self {
            mtu: 8500,
            vpn_mtu: 1446,
            fragment: false,
            fragmentation_needed: true,
            mss_clamp: true,
            time_exceeded: false,
        }
    }
}

/// `[behavior.vpn_gateway]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpnGatewayBehavior {
    /// The largest packet that fits into a tunnel (1.22, 10.30).
    pub mtu: u32,
    /// Whether a larger packet that may be fragmented is, before it is encrypted (1.22).
    pub fragment: bool,
}

impl Default for VpnGatewayBehavior {
    fn default() -> Self {
        Self { mtu: 1446, fragment: true }
    }
}

/// `[behavior.vpc_endpoint]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcEndpointBehavior {
    /// The largest packet that an endpoint of any kind carries (1.22).
    pub mtu: u32,
    /// Whether gateway and interface endpoints lower the TCP maximum segment size to what fits (1.23).
    pub mss_clamp: bool,
    /// TCP without traffic at interface and Gateway Load Balancer endpoints (10.10, 10.15).
    pub tcp_idle: Duration,
    /// UDP without traffic there (10.15).
    pub udp_idle: Duration,
    /// Whether an interface endpoint answers a segment of a connection that it has forgotten with RST (10.10).
    pub rst_on_unknown: bool,
}

impl Default for VpcEndpointBehavior {
    fn default() -> Self {
        Self {
            mtu: 8500,
            mss_clamp: true,
            tcp_idle: Duration::from_secs(350),
            udp_idle: Duration::from_secs(120),
            rst_on_unknown: true,
        }
    }
}
