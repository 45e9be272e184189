use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal: $words:literal),+ $(,)?) => {
        /// Why a packet was dropped. The codes are stable: AWS Reachability Analyzer's explanation codes where one
        /// exists, `X_...` where none does. The rules are those of the [semantics page](crate::semantics).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[$doc])* $name,)+
        }

        impl DropReason {
            /// Every reason, in the order of their counters.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// What it means, in words a network engineer needs no manual for.
            pub fn in_words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }

            /// The reason with this code.
            pub fn of_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.code() == code)
            }
        }
    };
}

reasons! {
    /// No rule of the interface's security groups matches (6.2).
    SecurityGroup = "ENI_SG_RULES_MISMATCH": "no security group rule allows it",
    /// The interface's security groups have no rule at all in that direction (6.1).
    SecurityGroupEmpty = "SG_HAS_NO_RULES": "the security groups have no rule in that direction",
    /// Only a rule that references a group would match, and the sender's identity was lost on the way (6.10), or the receiver's
    /// will be (6.12).
    SecurityGroupReferenceLost = "SG_REFERENCES_NOT_PRESERVED":
        "a security group reference would match, but the sender's identity was lost on the way",
    /// TCP port 25 of a public address, which instances cannot send to (6.33).
    SmtpBlocked = "X_SMTP_BLOCKED": "mail to public addresses, which instances may not send",
    /// A network ACL entry, or its implicit deny, refused the packet (7.3).
    NetworkAcl = "SUBNET_ACL_RESTRICTION": "denied by the network ACL",
    /// Source/destination check: the address is not the interface's own (1.16).
    SourceDestCheck = "ENI_SOURCE_DEST_CHECK_RESTRICTION":
        "source/destination check: the address is not the interface's own",
    /// A gateway saw a source that belongs to no interface of the VPC (1.17).
    Spoofed = "GATEWAY_REJECTS_SPOOFED_TRAFFIC": "the source belongs to no interface of the VPC",
    /// No route covers the destination (2.9).
    NoRoute = "NO_ROUTE_TO_DESTINATION": "no route",
    /// The route is a blackhole: its target is gone (2.8).
    Blackhole = "BAD_STATE_ROUTE": "blackhole route",
    /// The gateway is not available (4.9).
    BadState = "BAD_STATE": "the gateway is not available",
    /// The destination is inside the VPC, but no interface has the address.
    NeighborUnknown = "X_NEIGHBOR_UNKNOWN": "no interface has the destination address",
    /// The source has no public address that the internet gateway could give it (2.10, 3.2).
    NoPublicAddress = "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS": "the source has no public address",
    /// The destination is no public address of an attached interface (3.3, 3.11).
    NoSuchPublicAddress = "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS": "nobody has that public address",
    /// The internet gateway does not carry private destinations (2.11).
    EgressToRfc1918 = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS":
        "a private destination does not leave by the internet gateway",
    /// The internet gateway does not carry shared-address-space destinations (2.11).
    EgressToRfc6598 = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS":
        "a private destination does not leave by the internet gateway",
    /// A private source cannot come from the internet (3.3).
    IngressFromRfc1918 = "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS": "a private source cannot come from the internet",
    /// A shared-address-space source cannot come from the internet (3.3).
    IngressFromRfc6598 = "IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS": "a private source cannot come from the internet",
    /// Private IPv6 at an internet or egress-only gateway (1.6).
    PrivateIpv6 = "X_IGW_PRIVATE_IPV6": "private IPv6 does not pass a gateway to the internet",
    /// A protocol that the component does not carry: NAT gateways translate TCP, UDP and ICMP echo only (4.10), interface
    /// endpoints answer what their service listens on (10.10, 10.11).
    Protocol = "PROTOCOL_RESTRICTION": "the NAT gateway carries TCP, UDP and ICMP echo only",
    /// No mapping at the NAT gateway (4.26, 4.27).
    NatNoSession = "X_NAT_NO_SESSION": "the NAT gateway has no mapping for it",
    /// Every port towards that destination is taken (4.16).
    NatPortExhausted = "X_NAT_PORT_EXHAUSTED": "the NAT gateway has no free port to that destination",
    /// The mapping died of idleness; the inside got a RST (4.25).
    NatIdleExpired = "X_NAT_IDLE_EXPIRED": "the NAT mapping expired; the inside got a RST",
    /// The NAT gateway does not serve its own subnet (4.6).
    NatOwnSubnet = "X_NAT_OWN_SUBNET": "the NAT gateway does not serve its own subnet",
    /// The NAT gateway serves interfaces of its own VPC only (4.7).
    NatForeignSource = "NGW_REQUIRES_SOURCE_IN_VPC": "the NAT gateway serves its own VPC only",
    /// A fragment of TCP or ICMP at a NAT gateway (4.20).
    NatFragment = "X_NAT_FRAGMENT": "the NAT gateway drops fragments of TCP and ICMP",
    /// The regional NAT gateway has no address in the client's availability zone (4.4).
    RegionalZone = "REGIONAL_NGW_ROUTE_AZ_RESTRICTION": "the NAT gateway has no address in the client's zone",
    /// The packet has no counterpart in the other IP version (4.33).
    Untranslatable = "X_NAT64_UNTRANSLATABLE": "it has no form in the other IP version",
    /// Connection tracking of a NAT instance finds the packet invalid (11.3).
    CtInvalid = "X_CT_INVALID": "the NAT instance's connection tracking finds it invalid",
    /// The gateway's route table leads to an interface without a public address (2.16).
    EdgeNoPublic = "INGRESS_RTB_NO_PUBLIC_IP":
        "the gateway's route table leads to an interface without a public address",
    /// What comes in for the subnet is redirected, so that it cannot leave directly (2.17).
    EdgeRedirected = "INGRESS_RTB_TRAFFIC_REDIRECTION": "what comes in is redirected, so it cannot leave directly",
    /// VPC Block Public Access (3.15).
    BlockPublicAccess = "VPC_BLOCK_PUBLIC_ACCESS_ENABLED": "Block Public Access",
    /// No state at the egress-only gateway (5.3).
    EgressOnlyNoSession = "X_EIGW_NO_SESSION": "nothing inside had opened it: the egress-only gateway lets nothing in",
    /// A gateway endpoint carries TCP and ICMP echo only (10.4).
    EndpointProtocol = "VPCE_GATEWAY_PROTOCOL_RESTRICTION": "a gateway endpoint carries TCP and ping only",
    /// A gateway endpoint brings packets of its own service only (10.4).
    EndpointSource = "VPCE_GATEWAY_EGRESS_SOURCE_ADDRESS_RESTRICTION":
        "a gateway endpoint brings packets of its service only",
    /// An interface endpoint opens no connections into its VPC (10.9).
    EndpointInitiates = "VPCE_INTRA_VPC_TRAFFIC": "an interface endpoint opens no connections",
    /// The endpoint has forgotten a connection that was idle for too long (10.10, 10.15).
    EndpointIdleExpired = "X_VPCE_IDLE_EXPIRED": "the endpoint had forgotten the connection: it was idle for too long",
    /// A segment of a connection that the endpoint never saw the SYN of (10.10, 10.15).
    EndpointNoSession = "X_VPCE_NO_SESSION": "the endpoint never saw the connection begin",
    /// The destination is in no block of the peered VPC (10.18).
    PeeringAddress = "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR": "the peered VPC has no such address",
    /// The attachment to the transit gateway is not available (10.21).
    BadStateAttachment = "BAD_STATE_ATTACHMENT": "the attachment is not available",
    /// The transit gateway is not attached to the VPC in the sender's availability zone (10.21).
    TransitZone = "TGW_ROUTE_AZ_RESTRICTION": "the transit gateway is not attached in that availability zone",
    /// The attachment is associated with no route table of the transit gateway (10.22).
    TransitUnassociated = "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION": "the attachment has no route table",
    /// No route of the transit gateway covers the destination (10.22).
    TransitNoRoute = "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT": "the transit gateway has no route",
    /// The transit gateway's route is a blackhole (10.22).
    TransitBlackhole = "TGW_RTB_BAD_STATE_ROUTE": "blackhole route of the transit gateway",
    /// The virtual private gateway takes packets of the VPC's interfaces only (10.28).
    VpnSource = "VGW_PRIVATE_IP_ASSOCIATION_FOR_EGRESS": "the source belongs to no interface of the VPC",
    /// The virtual private gateway brings packets for the VPC's interfaces only (10.28).
    VpnDestination = "VGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS": "no interface of the VPC has the destination address",
    /// IPv6 at a virtual private gateway, or at an attachment that does not carry it (10.25, 10.28).
    Ipv6Unsupported = "X_IPV6_UNSUPPORTED": "no IPv6 on that way",
    /// Larger than the path carries, and not to be fragmented (1.22).
    Mtu = "X_MTU": "too large for the path, and not to be fragmented",
    /// The TTL or hop limit ran out (1.25).
    Ttl = "X_TTL": "TTL ran out",
    /// The first fragment of its datagram never came (6.31).
    Fragment = "X_FRAGMENT": "the first fragment never came",
    /// The fragment overlaps another of its datagram, or comes after one that did (4.20).
    FragmentOverlap = "X_FRAGMENT_OVERLAP": "fragments of the datagram overlap",
    /// The fragment was there before (4.20).
    FragmentDuplicate = "X_FRAGMENT_DUPLICATE": "the fragment had come before",
    /// More fragments a second than the interface may send (1.26).
    FragmentRate = "X_FRAGMENT_PPS": "more fragments a second than an interface may send",
    /// More packets a second than the interface may send to the VPC's own services (1.12).
    ServiceRate = "X_SERVICE_PPS": "more packets a second than an interface may send to the VPC's services",
    /// The connection table of an instance is full (6.19), or a table of the shard (R6).
    TableFull = "X_TABLE_FULL": "the instance's connection table is full, or a table of this program is",
    /// Multicast or broadcast, which a VPC does not carry (1.19).
    Multicast = "X_MULTICAST": "a VPC carries no multicast or broadcast",
    /// An address that no packet on a wire has: loopback, 0.0.0.0/8, or a source that is multicast or broadcast
    /// (RFC 1122 3.2.1.3).
    Martian = "X_MARTIAN_ADDRESS": "an address that no packet on a wire has",
    /// An address that the VPC keeps for itself (1.8, 1.14).
    ReservedAddress = "X_RESERVED_ADDRESS": "an address that the VPC keeps for itself",
    /// Link-scope IPv6: neighbour discovery is answered by the VPC itself and never forwarded (1.9, 1.18).
    LinkScope = "X_LINK_SCOPE": "link-scope IPv6 (neighbour discovery) stays on the link",
    /// Not IP: ARP and the like.
    NonIp = "X_NON_IP": "not IP (ARP and the like)",
    /// The headers contradict themselves or each other.
    Malformed = "X_MALFORMED": "damaged headers",
    /// Nothing in the configuration tells where the packet was captured.
    NoVantage = "X_NO_VANTAGE": "nothing in the configuration has its addresses",
    /// A reply captured behind the internet gateway's translation, for an address without a public one.
    ReanchorNoPublic = "X_REANCHOR_NO_PUBLIC": "a reply for an address that has no public one",
    /// A reply captured behind a NAT gateway that has no mapping for it.
    ReanchorNoMapping = "X_REANCHOR_NO_MAPPING": "a reply to something the NAT gateway did not send",
    /// The opening packet of this flow was denied here, though the captured network let it through.
    Diverged = "X_DIVERGED": "rest of a flow whose opening packet was denied",
    /// The second copy of a packet that was captured at two places.
    Duplicate = "X_DUPLICATE": "second copy of a captured packet",
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_indexed() {
        let codes: HashSet<_> = DropReason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), DropReason::ALL.len());
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
        }
    }
}
