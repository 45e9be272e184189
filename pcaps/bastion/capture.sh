# shellcheck shell=bash
# ssh through a bastion. Sourced by remake.sh.

backbone
nat_tables
subnet rt pub 10.0.0.1/24
subnet rt priv 10.0.30.1/24
subnet core net 198.51.100.1/24
subnet core office 192.0.2.129/27

host bastion rt pub 10.0.0.22/24
host server rt priv 10.0.30.10/24
host other rt priv 10.0.30.20/24
host admin core office 192.0.2.140/27
host stranger core net 198.51.100.77/24
elastic_ip 203.0.113.22 10.0.0.22

sshd_on bastion
sshd_on server
ssh_options
settle

capture_pcap bastion.pcap bastion eth0 "$ONLY_TRAFFIC"
capture_pcapng server.pcapng server eth0 -f "$ONLY_TRAFFIC"

# Allowed: two logins on the server, each a connection to the bastion and one from there.
for word in first second; do
    on admin "${SSH[@]}" -o "ProxyCommand=${SSH[*]} -W %h:%p 203.0.113.22" 10.0.30.10 "echo $word; seq 500" >/dev/null
done

# Not allowed: the bastion from elsewhere; the server from its neighbour (a member of its own
# group, but the rule names the bastion's). Here both get the banner.
try_on stranger nc -n -v -w 1 203.0.113.22 22
try_on other nc -n -v -w 1 10.0.30.10 22
# Not allowed: the bastion is for ssh only (here it is refused: nothing listens).
try_on bastion nc -n -v -z -w 2 10.0.30.10 80
