# shellcheck shell=bash
# A worker behind an egress-only gateway, and somebody who knocks. Sourced by remake.sh.

backbone
subnet rt work 10.0.16.1/24 2001:db8:1234:1a10::1/64
subnet core net 2001:db8:ffff:80::1/64
subnet core far 2001:db8:ffff:9::1/64

host worker rt work 10.0.16.10/24 2001:db8:1234:1a10::10/64
host server core net 2001:db8:ffff:80::80/64
host resolver core net 2001:db8:ffff:80::53/64
host knocker core far 2001:db8:ffff:9::66/64

# A narrow link in the internet: packets of 1500 bytes do not fit, so an upload makes the
# internet's router answer with packet too big.
ip -n "$NS_PREFIX-core" link set dev net mtu 1400
# The VPC has no way out over IPv4: what the worker sends there is lost in silence.
on rt nft -f - <<'NFT'
table ip lost {
    chain forward { type filter hook forward priority filter; policy drop; }
}
NFT

nginx_on server 'location /upload { client_max_body_size 1m; proxy_pass http://[::1]:80/index.html; proxy_method GET; proxy_pass_request_body off; proxy_set_header Content-Length ""; }' tls
http_server_on worker 8080 ::
resolver_on resolver --host-record=www6.example,2001:db8:ffff:80::80 --host-record=www.example,198.51.100.80
settle

capture_pcap worker.pcap worker eth0 "$ONLY_TRAFFIC"
capture_pcapng outside.pcapng rt igw -f 'net 2001:db8:1234:1a00::/56'

# Outwards, allowed: names, pages, an upload, pings.
DIG=(dig -6 @2001:db8:ffff:80::53 +time=2 +tries=1 +noall +nocookie)
on worker "${DIG[@]}" www6.example AAAA
on worker "${DIG[@]}" www.example A
on worker "${DIG[@]}" +tcp www6.example AAAA
fetch worker 'http://[2001:db8:ffff:80::80]/'
fetch worker -k 'https://[2001:db8:ffff:80::80]/report.txt'
fetch worker --data-binary "@$TMP/www/report.txt" 'http://[2001:db8:ffff:80::80]/upload'
on worker ping -6 -n -q -c 3 -i 0.2 2001:db8:ffff:80::80 >/dev/null

# ICMPv6 errors come back: time exceeded by the router, port unreachable by the server.
try_on worker ping -6 -n -q -c 2 -i 0.3 -t 2 -W 1 2001:db8:ffff:80::80
try_on worker sh -c 'echo hello | nc -n -6 -u -w 1 2001:db8:ffff:80::80 9999'

# Inwards, not allowed though the security group would: here all of it is answered.
fetch knocker 'http://[2001:db8:1234:1a10::10]:8080/'
try_on knocker nc -n -v -z -w 2 2001:db8:1234:1a10::10 22
try_on knocker ping -6 -n -q -c 3 -i 0.2 2001:db8:1234:1a10::10
try_on knocker sh -c 'echo hello | nc -n -6 -u -w 1 2001:db8:1234:1a10::10 8080'
# Not even from a server that the worker is talking with, if it is another flow.
try_on server nc -n -v -z -w 2 2001:db8:1234:1a10::10 8080

# Over IPv4 there is no route: two SYNs and no answer.
try_on worker curl -q -sS -o /dev/null --connect-timeout 2 http://198.51.100.80/
