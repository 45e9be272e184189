# shellcheck shell=bash
# Three VPCs and an office: two VPCs go to the internet by the NAT gateway of a third. Sourced by remake.sh.

backbone
nat_tables
subnet rt dev 10.1.0.1/24
subnet rt prod 10.2.0.1/24
subnet rt tools 10.3.0.1/24
subnet rt office 192.168.10.1/24
subnet core net 198.51.100.1/24

host app rt dev 10.1.0.10/24
host api rt prod 10.2.0.10/24
host registry rt tools 10.3.0.10/24
host desk rt office 192.168.10.10/24
host server core net 198.51.100.80/24
host resolver core net 198.51.100.53/24
source_nat 203.0.113.20 10.0.0.0/8

nginx_on server ''
nginx_on api ''
nginx_on registry ''
resolver_on resolver --host-record=www.example,198.51.100.80
settle

capture_pcap app.pcap app eth0 "$ONLY_TRAFFIC"
capture_pcapng vpcs.pcapng rt 'api registry' -f "$ONLY_TRAFFIC"

# To the internet, through the transit gateway and the NAT gateway of the egress VPC.
on app dig @198.51.100.53 +time=2 +tries=1 +noall +nocookie www.example
fetch app http://198.51.100.80/report.txt
on app ping -n -q -c 2 -i 0.2 198.51.100.80 >/dev/null
try_on app sh -c 'echo hello | nc -n -u -w 1 198.51.100.80 9999'

# From the office, over the VPN; and back to it.
fetch desk http://10.2.0.10/
on app ping -n -q -c 2 -i 0.2 192.168.10.10 >/dev/null

# Over the peering connection, and without one.
fetch app http://10.3.0.10/
fetch api http://10.3.0.10/

# The transit gateway keeps development and production apart (here they are not).
fetch app http://10.2.0.10/
