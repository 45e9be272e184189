# shellcheck shell=bash
# A web server behind a firewall appliance, captured on the server. Sourced by remake.sh.

backbone
nat_tables
# `rt` is the appliance here: one hop. It forwards everything.
subnet rt web-net 10.0.1.1/24 2001:db8:1234:1a01::1/64
subnet core net 198.51.100.1/24 2001:db8:ffff:1::1/64
subnet core office 192.0.2.129/27

host web rt web-net 10.0.1.10/24 2001:db8:1234:1a01::10/64
host client core net 198.51.100.23/24 2001:db8:ffff:1::23/64
host mirror core net 198.51.100.80/24
host corp core office 192.0.2.130/27
elastic_ip 203.0.113.80 10.0.1.10

nginx_on web '' tls
http_server_on web 8080 ::
nginx_on mirror ''
sshd_on web
ssh_options
settle

capture_pcapng web.pcapng web eth0 -f "$ONLY_TRAFFIC"

# Allowed: pages and pings from anywhere.
fetch client http://203.0.113.80/
fetch client -k https://203.0.113.80/report.txt
fetch client 'http://[2001:db8:1234:1a01::10]/'
on client ping -n -q -c 2 -i 0.2 203.0.113.80 >/dev/null
on client ping -6 -n -q -c 2 -i 0.2 2001:db8:1234:1a01::10 >/dev/null

# Allowed: the server fetches something itself, through the firewall too.
fetch web http://198.51.100.80/

# Allowed: ssh from the office, with an ICMP error in between: what the office sends to a closed UDP
# port is answered by the server.
on corp "${SSH[@]}" 203.0.113.80 echo hello >/dev/null
try_on corp sh -c 'echo hello | nc -n -u -w 1 203.0.113.80 161'

# Allowed by the server's security group, not by the firewall's (here it is answered).
fetch client http://203.0.113.80:8080/
fetch client 'http://[2001:db8:1234:1a01::10]:8080/'
# The firewall lets ssh through, the server's security group does not (here the banner comes).
try_on client nc -n -v -w 1 203.0.113.80 22
# Not allowed outwards by the firewall's security group (here it is refused: nothing listens).
try_on web nc -n -v -z -w 2 198.51.100.80 8443
