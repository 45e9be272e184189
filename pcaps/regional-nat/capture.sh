# shellcheck shell=bash
# Clients in three zones behind a regional NAT gateway, captured before the translation. Sourced by remake.sh.

backbone
nat_tables
subnet core net 198.51.100.1/24
for zone in 1:a 2:b 3:c; do
    subnet rt "priv-${zone#*:}" "10.0.1${zone%:*}.1/24"
    host "app-${zone#*:}" rt "priv-${zone#*:}" "10.0.1${zone%:*}.10/24"
done
host server core net 198.51.100.80/24
host resolver core net 198.51.100.53/24
source_nat 203.0.113.41 10.0.11.0/24
source_nat 203.0.113.42 10.0.12.0/24
source_nat 203.0.113.41 10.0.13.0/24

nginx_on server ''
# `long.example` is a text of about 2,400 bytes: too long for one packet.
text=$(printf 'x%.0s' {1..200})
# shellcheck disable=SC2054
records=(--host-record=www.example,198.51.100.80)
for i in {1..12}; do
    records+=("--txt-record=long.example,$i$text")
done
resolver_on resolver "${records[@]}"
settle

capture_pcapng clients.pcapng rt 'app-a app-b app-c' -f "$ONLY_TRAFFIC"

DIG=(dig @198.51.100.53 +time=2 +tries=1 +noall +nocookie)
for client in app-a app-b app-c; do
    on "$client" "${DIG[@]}" www.example
    # All from the same source port: addresses and ports of the translation keep them apart.
    fetch "$client" --local-port 40000 http://198.51.100.80/
done
on app-a "${DIG[@]}" +bufsize=4096 +ignore long.example TXT
on app-b ping -n -q -c 2 -i 0.2 198.51.100.80 >/dev/null

# A long ping in fragments, which a NAT gateway does not pass for ICMP.
on app-b ping -n -q -c 1 -s 2000 198.51.100.80 >/dev/null
# ICMP errors: time exceeded by the internet's router, port unreachable by the server.
try_on app-a ping -n -q -c 1 -t 2 -W 1 198.51.100.80
try_on app-b sh -c 'echo hello | nc -n -u -w 1 198.51.100.80 9999'
