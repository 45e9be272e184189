# shellcheck shell=bash
# An IPv6-only client of NAT64, captured before the translation. Sourced by remake.sh.

# Nobody translates here: the far side simply has the addresses that a client of NAT64 sees,
# 64:ff9b::/96 and an IPv4 address, its router too. c633:64xx is 198.51.100.x, c000:20x is 192.0.2.x.
namespace rt forward
namespace core forward
link rt igw core vpc
addresses rt igw 64:ff9b::c000:202/126
addresses core vpc 64:ff9b::c000:201/126
ip -n "$NS_PREFIX-rt" -6 route add default via 64:ff9b::c000:201
ip -n "$NS_PREFIX-core" -6 route add 2001:db8:1234:1a00::/56 via 64:ff9b::c000:202
subnet rt six 2001:db8:1234:1a40::1/64
subnet core net 64:ff9b::c633:6401/120

host client rt six 2001:db8:1234:1a40::10/64
host server core net 64:ff9b::c633:6450/120
host resolver core net 64:ff9b::c633:6435/120
# A narrow link in the internet: packets of 1500 bytes do not fit, so an upload makes the internet's
# router answer with packet too big.
ip -n "$NS_PREFIX-core" link set dev net mtu 1400

nginx_on server 'location /upload { client_max_body_size 1m; proxy_pass http://[::1]:80/index.html; proxy_method GET; proxy_pass_request_body off; proxy_set_header Content-Length ""; }' tls
http_server_on server 8080 ::
# What DNS64 answers for a name that has an IPv4 address only. `long.example` is a text of about
# 2,400 bytes: too long for one packet.
text=$(printf 'x%.0s' {1..200})
# shellcheck disable=SC2054
records=(--host-record=www.example,64:ff9b::c633:6450)
for i in {1..12}; do
    records+=("--txt-record=long.example,$i$text")
done
resolver_on resolver "${records[@]}"
settle

# The client's own interface; and all its interfaces with Linux's own link header (SLL2).
capture_pcap client.pcap client eth0 "$ONLY_TRAFFIC"
capture_pcap any.pcap client any "$ONLY_TRAFFIC and (udp or tcp port 53 or ip6 proto 44 or (icmp6 and ip6[40] != 2))"

# Names; the long text comes in fragments.
DIG=(dig -6 @64:ff9b::c633:6435 +time=2 +tries=1 +noall +nocookie)
on client "${DIG[@]}" www.example AAAA
on client "${DIG[@]}" +tcp www.example AAAA
on client "${DIG[@]}" +bufsize=4096 +ignore long.example TXT

# Pages, and an upload that does not fit until its segments are smaller.
fetch client 'http://[64:ff9b::c633:6450]/'
fetch client -k 'https://[64:ff9b::c633:6450]/'
fetch client --data-binary "@$TMP/www/report.txt" 'http://[64:ff9b::c633:6450]/upload'

# Pings; a long one in fragments, which a NAT gateway does not pass for ICMP.
on client ping -6 -n -q -c 2 -i 0.2 64:ff9b::c633:6450 >/dev/null
on client ping -6 -n -q -c 1 -s 2000 64:ff9b::c633:6450 >/dev/null

# Time exceeded by the internet's router, port unreachable by the server.
try_on client ping -6 -n -q -c 1 -t 2 -W 1 64:ff9b::c633:6450
try_on client sh -c 'echo hello | nc -n -6 -u -w 1 64:ff9b::c633:6450 9999'

# Not allowed by the security group (here it is answered).
fetch client 'http://[64:ff9b::c633:6450]:8080/'
# No route: only 64:ff9b::/96 leads to the NAT gateway (here the router says no route, too).
try_on client ping -6 -n -q -c 1 -W 1 2001:db8:ffff:80::80
