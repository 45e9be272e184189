# shellcheck shell=bash
# A public web server, seen from the internet and from itself. Sourced by remake.sh.

backbone
nat_tables
subnet rt pub 10.0.0.1/24 2001:db8:1234:1a00::1/64
subnet core net 198.51.100.1/24 2001:db8:ffff:1::1/64
subnet core office 192.0.2.129/27 2001:db8:ffff:2::1/64

host web rt pub 10.0.0.10/24 2001:db8:1234:1a00::10/64
host client core net 198.51.100.23/24 2001:db8:ffff:1::23/64
host mirror core net 198.51.100.80/24 2001:db8:ffff:1::80/64
host corp core office 192.0.2.130/27 2001:db8:ffff:2::130/64
elastic_ip 203.0.113.10 10.0.0.10

nginx_on web '' tls
nginx_on mirror ''
sshd_on web
ssh_options
settle

# Outside: the web server's public addresses, no neighbour discovery. Inside: everything.
capture_pcap outside.pcap core vpc "(host 203.0.113.10 or host 2001:db8:1234:1a00::10) and $ONLY_TRAFFIC"
capture_pcapng inside.pcapng web eth0

# Allowed: pages and pings from anywhere.
fetch client http://203.0.113.10/
fetch client http://203.0.113.10/report.txt http://203.0.113.10/nothing-here
fetch client -k https://203.0.113.10/
fetch client 'http://[2001:db8:1234:1a00::10]/'
fetch client -k 'https://[2001:db8:1234:1a00::10]/report.txt'
on client ping -n -q -c 3 -i 0.2 203.0.113.10 >/dev/null
on client ping -n -q -c 3 -i 0.2 2001:db8:1234:1a00::10 >/dev/null

# Allowed: the server fetches something itself, over both families.
fetch web http://198.51.100.80/
fetch web 'http://[2001:db8:ffff:1::80]/'

# Allowed: ssh from the office. Not allowed: the same over IPv6 (the prefix list is IPv4).
on corp "${SSH[@]}" 203.0.113.10 echo hello >/dev/null
on corp "${SSH[@]}" 2001:db8:1234:1a00::10 echo hello >/dev/null

# Not allowed: ssh from elsewhere (here the banner comes), and a port that no rule names
# (here it is refused: nothing listens).
try_on client nc -n -v -w 1 203.0.113.10 22
try_on client nc -n -v -z -w 2 203.0.113.10 8080
try_on client nc -n -v -z -w 2 2001:db8:1234:1a00::10 8080
# Not allowed: UDP to a closed port; the answer is a port unreachable.
try_on client sh -c 'echo hello | nc -n -u -w 1 203.0.113.10 161'
