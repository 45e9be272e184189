# shellcheck shell=bash
# Web, application and database, captured on each. Sourced by remake.sh.

backbone
nat_tables
subnet rt web-net 10.0.0.1/24
subnet rt app-net 10.0.10.1/24
subnet rt db-net 10.0.20.1/24
subnet core net 198.51.100.1/24

host web rt web-net 10.0.0.10/24
host app rt app-net 10.0.10.10/24
host db rt db-net 10.0.20.10/24
host client core net 198.51.100.23/24
host banned core net 198.51.100.66/24
elastic_ip 203.0.113.30 10.0.0.10

nginx_on web 'location /orders/ { proxy_pass http://10.0.10.10:8080; }'
spawn app python3 -u "$HERE/app.py" 10.0.20.10
spawn db python3 -u "$HERE/db.py"
wait_for 10 listening app tcp 8080
wait_for 10 listening db tcp 5432
settle

# One of each kind: Ethernet with ARP; `-i any` in its newer form (SLL2) and its older (SLL).
capture_pcap web.pcap web eth0
capture_pcap app.pcap app any
capture_pcap db.pcap db any -y LINUX_SLL
capture_pcapng web-outside.pcapng core vpc -f 'host 203.0.113.30'

# The front page needs no other tier; orders need all three (0 and 3 are small, 300 is several packets).
fetch client http://203.0.113.30/
for order in 3 0 300; do
    fetch client "http://203.0.113.30/orders/$order"
done
# Two on one connection.
fetch client http://203.0.113.30/orders/1 http://203.0.113.30/orders/2

# From a network that the web subnet's ACL denies (here it is answered).
fetch banned http://203.0.113.30/
# Past the tiers, which no group allows (here it is answered): web asks the database itself.
try_on web sh -c 'echo order 1 | nc -n -w 1 10.0.20.10 5432'
