#!/usr/bin/env bash
# Makes the captures of the scenario folders again.
#
#   pcaps/remake.sh                     all scenarios
#   pcaps/remake.sh bastion ...         the named ones
#
# Each scenario builds a small network of its own out of network namespaces, lets
# real programs talk in it, captures, and removes the namespaces again. Nothing is
# sent or changed outside those namespaces. It needs root (for the namespaces) and
# these programs:
#
#   ip nft sysctl ethtool ss tcpdump dumpcap tshark capinfos python3 openssl
#   nginx curl ping traceroute dnsmasq dig iperf3 nc (OpenBSD's) ssh sshd ssh-keygen
#
# A scenario is `SCENARIO/capture.sh`, which is sourced here with the functions of
# lib/net.sh (namespaces, links, captures) and lib/services.sh (servers) and leaves
# its captures in $OUT. They replace the old ones only when all went well.
#
# Ports, sequence numbers and times differ on every run, so the verdicts that stand
# beside the captures have to be blessed anew afterwards.
set -euo pipefail

PCAPS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/net.sh
source "$PCAPS/lib/net.sh"
# shellcheck source=lib/services.sh
source "$PCAPS/lib/services.sh"

die() {
    echo "remake.sh: $*" >&2
    exit 2
}

[[ $EUID -eq 0 ]] || die "must run as root: it makes network namespaces"
for program in ip nft sysctl ethtool ss tcpdump dumpcap tshark capinfos python3 openssl \
    nginx curl ping traceroute dnsmasq dig iperf3 nc ssh sshd ssh-keygen timeout; do
    command -v "$program" >/dev/null || die "the program '$program' is missing"
done

scenarios=("$@")
if [[ ${#scenarios[@]} -eq 0 ]]; then
    for script in "$PCAPS"/*/capture.sh; do
        scenarios+=("$(basename "$(dirname "$script")")")
    done
fi
for scenario in "${scenarios[@]}"; do
    [[ -f $PCAPS/$scenario/capture.sh ]] || die "no scenario '$scenario' (no $scenario/capture.sh)"
done

for scenario in "${scenarios[@]}"; do
    echo "== $scenario"
    # A subshell each: its trap removes what this scenario made, whatever happens.
    (
        HERE=$PCAPS/$scenario
        net_begin
        trap net_end EXIT
        trap 'exit 130' INT TERM
        # shellcheck disable=SC1091
        source "$HERE/capture.sh"
        captures_stop
        for capture in "$OUT"/*.pcap "$OUT"/*.pcapng; do
            [[ -e $capture ]] || continue
            [[ $capture != *.pcapng ]] || python3 "$PCAPS/lib/strip-host.py" "$capture"
            install -m 644 "$capture" "$HERE/$(basename "$capture")"
        done
    )
    (cd "$PCAPS" && capinfos -T -r -m -E -c -s "$scenario"/*.pcap "$scenario"/*.pcapng 2>/dev/null) || true
done
