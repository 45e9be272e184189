# shellcheck shell=bash
# Networks out of namespaces, and captures in them. Sourced by remake.sh.
#
# The usual shape of a scenario:
#
#   host --eth0-- [bridge = subnet] rt --igw-- core [bridge = network] --eth0-- host
#     VPC hosts       VPC router                internet router        internet hosts
#
# A bridge of `rt` is a subnet of the VPC (its address is the subnet's router), a
# bridge of `core` is a network of the internet. `rt` does with nftables what an
# internet or NAT gateway does, so that the programs really reach each other; it
# filters nothing. What should have been filtered is for the emulator to say.

# Namespaces are named vpcemu-PID-NAME, so that two runs cannot meet.
NS_PREFIX=vpcemu-$$

# Programs get this environment and no other: no proxies, no settings of the user.
CLEAN_PATH=/usr/sbin:/usr/bin:/sbin:/bin

# Segmentation and checksum offload of every link that is made: on or off.
OFFLOADS=off

net_begin() {
    TMP=$(mktemp -d)
    chmod 755 "$TMP"
    OUT=$TMP/out
    mkdir "$OUT" "$TMP/log"
    NAMESPACES=()
    CAPTURE_PIDS=()
    MAC_COUNT=0
}

# Ends every process that runs in a namespace of this scenario, removes the
# namespaces (their links go with them) and the temporary files.
net_end() {
    local status=$? ns pids
    trap - INT TERM
    set +e
    for ns in "${NAMESPACES[@]}"; do
        pids=$(ip netns pids "$ns" 2>/dev/null)
        # shellcheck disable=SC2086
        [[ -z $pids ]] || kill -KILL $pids 2>/dev/null
    done
    wait 2>/dev/null
    for ns in "${NAMESPACES[@]}"; do
        ip netns del "$ns" 2>/dev/null
    done
    if [[ $status -ne 0 ]]; then
        echo "remake.sh: the scenario failed ($status); the last lines of its logs:" >&2
        tail -n 4 "$TMP"/log/* >&2
    fi
    rm -rf -- "$TMP"
    exit "$status"
}

# on NAME COMMAND...: runs a command in a namespace, for at most 20 seconds.
on() {
    local ns=$NS_PREFIX-$1
    shift
    ip netns exec "$ns" env -i PATH="$CLEAN_PATH" HOME="$TMP" LC_ALL=C timeout 20 "$@"
}

# try_on NAME COMMAND...: the same where a failure is part of the scenario (refused,
# no answer); its output goes to the log.
try_on() {
    on "$@" >>"$TMP/log/tries" 2>&1 || true
}

# spawn NAME COMMAND...: leaves a program running in a namespace (five minutes at most).
spawn() {
    local ns=$NS_PREFIX-$1 log=$TMP/log/$1-${2##*/}
    shift
    ip netns exec "$ns" env -i PATH="$CLEAN_PATH" HOME="$TMP" LC_ALL=C timeout 300 "$@" \
        >>"$log" 2>&1 </dev/null &
    disown
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local tries=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1; do
        ((--tries > 0)) || {
            echo "remake.sh: waited in vain for: $*" >&2
            return 1
        }
        sleep 0.1
    done
}

# listening NAME tcp|udp PORT: somebody listens there.
listening() {
    local flag=-t
    [[ $2 == tcp ]] || flag=-u
    on "$1" ss -Hln "$flag" | grep -Eq "[:.]$3 "
}

# namespace NAME [forward]: a new namespace; with `forward` it is a router.
namespace() {
    local ns=$NS_PREFIX-$1
    ip netns add "$ns"
    NAMESPACES+=("$ns")
    # Quiet and quick: addresses are given by hand, nothing is to be detected.
    on "$1" sysctl -qw \
        net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
        net.ipv6.conf.default.autoconf=0 net.ipv6.conf.default.router_solicitations=0
    if [[ ${2-} == forward ]]; then
        on "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
            net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
    fi
    ip -n "$ns" link set lo up
}

next_mac() {
    MAC_COUNT=$((MAC_COUNT + 1))
    printf -v MAC '02:00:00:00:00:%02x' "$MAC_COUNT"
}

offloads() { # NAME INTERFACE
    [[ $OFFLOADS == off ]] || return 0
    on "$1" ethtool -K "$2" tx off rx off sg off tso off gso off gro off >/dev/null 2>&1
}

# link A IF-A B IF-B: a veth pair between two namespaces.
link() {
    local a=$NS_PREFIX-$1 b=$NS_PREFIX-$3
    ip -n "$a" link add name "$2" type veth peer name "$4" netns "$b"
    next_mac
    ip -n "$a" link set dev "$2" address "$MAC" up
    next_mac
    ip -n "$b" link set dev "$4" address "$MAC" up
    offloads "$1" "$2"
    offloads "$3" "$4"
}

# addresses NAME INTERFACE ADDRESS/LENGTH...
addresses() {
    local ns=$NS_PREFIX-$1 interface=$2 address
    shift 2
    for address in "$@"; do
        if [[ $address == *:* ]]; then
            ip -n "$ns" addr add "$address" dev "$interface" nodad
        else
            ip -n "$ns" addr add "$address" dev "$interface"
        fi
    done
}

# subnet ROUTER BRIDGE ADDRESS/LENGTH...: a bridge of the router, with the router's addresses.
subnet() {
    local router=$1 bridge=$2
    shift 2
    ip -n "$NS_PREFIX-$router" link add name "$bridge" type bridge mcast_snooping 0 stp_state 0 forward_delay 0
    next_mac
    ip -n "$NS_PREFIX-$router" link set dev "$bridge" address "$MAC" up
    offloads "$router" "$bridge"
    addresses "$router" "$bridge" "$@"
}

# host NAME ROUTER BRIDGE ADDRESS/LENGTH...: a new host on a subnet; its interface is eth0,
# its default routes lead to the router's addresses on the bridge.
host() {
    local name=$1 router=$2 bridge=$3 gateway
    shift 3
    namespace "$name"
    link "$name" eth0 "$router" "$name"
    ip -n "$NS_PREFIX-$router" link set dev "$name" master "$bridge"
    addresses "$name" eth0 "$@"
    for gateway in $(ip -n "$NS_PREFIX-$router" -o addr show dev "$bridge" scope global |
        awk '{ sub("/.*", "", $4); print $4 }'); do
        if [[ $gateway == *:* && "$*" == *:* ]]; then
            ip -n "$NS_PREFIX-$name" -6 route add default via "$gateway"
        elif [[ $gateway != *:* && "$*" == *.* ]]; then
            ip -n "$NS_PREFIX-$name" route add default via "$gateway"
        fi
    done
}

# backbone: the routers `rt` (the VPC's) and `core` (the internet's), the link between them
# (`igw` at the one, `vpc` at the other end), and the routes: all that is public of the VPC
# lies behind `rt`, all else behind `core`.
backbone() {
    namespace rt forward
    namespace core forward
    link rt igw core vpc
    addresses rt igw 192.0.2.2/30 2001:db8:ffff::2/64
    addresses core vpc 192.0.2.1/30 2001:db8:ffff::1/64
    ip -n "$NS_PREFIX-rt" route add default via 192.0.2.1
    ip -n "$NS_PREFIX-rt" -6 route add default via 2001:db8:ffff::1
    ip -n "$NS_PREFIX-core" route add 203.0.113.0/24 via 192.0.2.2
    ip -n "$NS_PREFIX-core" -6 route add 2001:db8:1234:1a00::/56 via 2001:db8:ffff::2
}

# nat_tables: room for what the VPC's gateways translate; see elastic_ip and source_nat.
nat_tables() {
    on rt nft -f - <<'NFT'
table ip gateways {
    chain in { type nat hook prerouting priority dstnat; }
    chain out { type nat hook postrouting priority srcnat; }
}
NFT
}

# elastic_ip PUBLIC PRIVATE: one to one, as an internet gateway does it.
elastic_ip() {
    on rt nft add rule ip gateways in iifname igw ip daddr "$1" dnat to "$2"
    on rt nft add rule ip gateways out oifname igw ip saddr "$2" snat to "$1"
}

# source_nat PUBLIC CIDR: many to one, as a NAT gateway does it.
source_nat() {
    on rt nft add rule ip gateways out oifname igw ip saddr "$2" snat to "$1"
}

# settle: after the network stands, until its multicast reports are over.
settle() {
    sleep 2.5
}

# ARP, neighbour discovery and multicast reports left out.
# shellcheck disable=SC2034
ONLY_TRAFFIC='(ip or ip6) and not (icmp6 and (ip6[40] >= 130 and ip6[40] <= 143)) and not ip6 proto 0'

# capture_pcap FILE NAME INTERFACE [ARGUMENT OR FILTER...]: tcpdump, classic pcap.
capture_pcap() {
    local file=$1 name=$2 interface=$3
    shift 3
    local log=$TMP/log/$file.log
    ip netns exec "$NS_PREFIX-$name" env -i PATH="$CLEAN_PATH" timeout 300 \
        tcpdump -n -Z root --immediate-mode -U -i "$interface" -w "$OUT/$file" "$@" \
        >"$log" 2>&1 </dev/null &
    CAPTURE_PIDS+=($!)
    wait_for 10 grep -q 'listening on' "$log"
}

# capture_pcapng FILE NAME "INTERFACE..." [ARGUMENT...]: dumpcap, pcapng; several interfaces
# go to one file. Arguments (-s, -f) come before the interfaces and so hold for all.
capture_pcapng() {
    local file=$1 name=$2 interface interfaces=()
    for interface in $3; do
        interfaces+=(-i "$interface")
    done
    shift 3
    local log=$TMP/log/$file.log
    ip netns exec "$NS_PREFIX-$name" env -i PATH="$CLEAN_PATH" HOME="$TMP" timeout 300 \
        dumpcap -q "$@" "${interfaces[@]}" -w "$OUT/$file" >"$log" 2>&1 </dev/null &
    CAPTURE_PIDS+=($!)
    wait_for 10 grep -q '^File:' "$log"
}

# captures_stop: ends the captures after the last packets have come in.
captures_stop() {
    local pid
    [[ ${#CAPTURE_PIDS[@]} -gt 0 ]] || return 0
    sleep 1
    for pid in "${CAPTURE_PIDS[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "${CAPTURE_PIDS[@]}"; do
        wait "$pid" || true
    done
    CAPTURE_PIDS=()
}
