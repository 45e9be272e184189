# shellcheck shell=bash
# Private clients behind a NAT instance, captured before the translation. Sourced by remake.sh.

backbone
nat_tables
subnet rt priv 10.0.10.1/24
subnet core net 198.51.100.1/24

host client rt priv 10.0.10.11/24
host other rt priv 10.0.10.12/24
host server core net 198.51.100.80/24
host resolver core net 198.51.100.53/24
# `rt` is the NAT instance here: one hop, which translates as Linux does, and reports errors from
# the instance's own address.
source_nat 203.0.113.5 10.0.10.0/24
addresses rt lo 10.0.0.5/32
ip -n "$NS_PREFIX-rt" route replace 10.0.10.0/24 dev priv proto kernel scope link src 10.0.0.5

nginx_on server 'location /upload { client_max_body_size 1m; proxy_pass http://[::1]:80/index.html; proxy_method GET; proxy_pass_request_body off; proxy_set_header Content-Length ""; }'
http_server_on server 8080 198.51.100.80
# `long.example` is a text of about 2,400 bytes: too long for one packet.
text=$(printf 'x%.0s' {1..200})
# shellcheck disable=SC2054
records=(--host-record=www.example,198.51.100.80)
for i in {1..12}; do
    records+=("--txt-record=long.example,$i$text")
done
resolver_on resolver "${records[@]}"
settle

# The client's own interface; and both bridge ports of the router, the clients' common port only.
capture_pcap client.pcap client eth0 "$ONLY_TRAFFIC"
capture_pcapng same-port.pcapng rt 'client other' -f 'tcp port 40000'

# Names; the long text comes in fragments.
DIG=(dig @198.51.100.53 +time=2 +tries=1 +noall +nocookie)
on client "${DIG[@]}" www.example
on client "${DIG[@]}" +bufsize=4096 +ignore long.example TXT

# Pages. Both clients ask from the same source port within a second, so that the second has to
# be given another.
fetch client --local-port 40000 http://198.51.100.80/
fetch other --local-port 40000 http://198.51.100.80/

# An upload that ends as it should, and one that the client resets half-way.
fetch client --data-binary "@$TMP/www/report.txt" http://198.51.100.80/upload
on client python3 -c '
import socket, struct, time
upload = socket.create_connection(("198.51.100.80", 80))
upload.sendall(b"POST /upload HTTP/1.1\r\nHost: server\r\nContent-Length: 100000\r\n\r\n" + bytes(4000))
time.sleep(0.2)
upload.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
upload.close()
'

# Pings; a long one in fragments, which a NAT instance passes and a NAT gateway would not.
on client ping -n -q -c 2 -i 0.2 198.51.100.80 >/dev/null
on client ping -n -q -c 2 -i 0.2 -s 2000 198.51.100.80 >/dev/null

# Time exceeded by the NAT instance, then by the internet's router; port unreachable by the server.
on client traceroute -n -q 1 -N 1 -w 1 198.51.100.80 >/dev/null
try_on client sh -c 'echo hello | nc -n -u -w 1 198.51.100.80 33500'

# Allowed by the client's security group, not by the NAT instance's (here it is answered).
fetch client http://198.51.100.80:8080/
