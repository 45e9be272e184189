# shellcheck shell=bash
# Two private clients behind NAT, captured before the translation. Sourced by remake.sh.

# As on most machines: the kernel hands the interface large segments and leaves the
# checksums to it, and that is what a capture on the sender then shows.
# shellcheck disable=SC2034
OFFLOADS=on

backbone
nat_tables
subnet rt priv 10.0.10.1/24
subnet core net 198.51.100.1/24

host app-1 rt priv 10.0.10.11/24
host app-2 rt priv 10.0.10.12/24
host server core net 198.51.100.80/24
host resolver core net 198.51.100.53/24
source_nat 203.0.113.20 10.0.10.0/24

nginx_on server '' tls
http_server_on server 8080 198.51.100.80
iperf_on server
# `long.example` is a text of about 2,400 bytes: too long for one packet.
text=$(printf 'x%.0s' {1..200})
# shellcheck disable=SC2054
records=(--host-record=www.example,198.51.100.80 --host-record=api.example,198.51.100.81)
for i in {1..12}; do
    records+=("--txt-record=long.example,$i$text")
done
resolver_on resolver "${records[@]}"
settle

# Each client's own interface; and both bridge ports of the router in one file, headers only.
capture_pcap app-1.pcap app-1 eth0 "$ONLY_TRAFFIC"
capture_pcap app-2.pcap app-2 eth0 --time-stamp-precision=nano "$ONLY_TRAFFIC"
capture_pcapng clients.pcapng rt 'app-1 app-2' -s 96 -f "$ONLY_TRAFFIC"

DIG=(dig @198.51.100.53 +time=2 +tries=1 +noall +nocookie)
for client in app-1 app-2; do
    # Names, over UDP and TCP; the long text comes in fragments over UDP.
    on "$client" "${DIG[@]}" www.example
    on "$client" "${DIG[@]}" api.example
    on "$client" "${DIG[@]}" nothing.example
    on "$client" "${DIG[@]}" +tcp www.example
    on "$client" "${DIG[@]}" +bufsize=4096 +ignore long.example TXT

    # Pages. Both clients use the same source port: only the translation keeps them apart.
    fetch "$client" --local-port 40000 http://198.51.100.80/
    fetch "$client" -k https://198.51.100.80/report.txt
done

# Pings; a long one in fragments, which a NAT gateway does not pass for ICMP.
on app-1 ping -n -q -c 3 -i 0.2 198.51.100.80 >/dev/null
on app-2 ping -n -q -c 3 -i 0.2 198.51.100.80 >/dev/null
on app-2 ping -n -q -c 1 -s 2000 198.51.100.80 >/dev/null

# ICMP errors: time exceeded by the internet's router, port unreachable by the server.
try_on app-1 ping -n -q -c 2 -i 0.3 -t 2 -W 1 198.51.100.80
try_on app-1 sh -c 'echo hello | nc -n -u -w 1 198.51.100.80 53'

# Measurements: 64 kB each way over TCP, some datagrams.
on app-1 iperf3 -c 198.51.100.80 -n 64K >/dev/null
on app-1 iperf3 -c 198.51.100.80 -n 64K -R >/dev/null
on app-2 iperf3 -c 198.51.100.80 -u -b 1M -n 24K -l 1200 >/dev/null

# Not allowed by the security group (here it is answered).
fetch app-1 http://198.51.100.80:8080/
