# shellcheck shell=bash
# The servers of the scenarios. Sourced by remake.sh after net.sh.

# web_pages: what the web servers serve, in $TMP/www: / (small), /report.txt (about 20 kB).
web_pages() {
    [[ -d $TMP/www ]] && return
    mkdir "$TMP/www"
    echo '<!doctype html><title>it works</title><p>It works.</p>' >"$TMP/www/index.html"
    seq -f 'line %05g of the report' 1 800 >"$TMP/www/report.txt"
}

# nginx_on NAME LOCATIONS [tls]: nginx on port 80 (and 443) of both families, with these
# location blocks; logs and temporary files stay in $TMP.
nginx_on() {
    local name=$1 locations=$2 dir=$TMP/nginx-$1 tls=''
    web_pages
    mkdir "$dir"
    if [[ ${3-} == tls ]]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
            -subj "/CN=$name.example" -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
        tls="listen 443 ssl; listen [::]:443 ssl; ssl_certificate $dir/cert.pem; ssl_certificate_key $dir/key.pem;"
    fi
    cat >"$dir/nginx.conf" <<NGINX
user root;
daemon off;
worker_processes 1;
pid $dir/pid;
error_log $dir/error.log;
events { worker_connections 64; }
http {
    access_log off;
    server_tokens off;
    default_type text/plain;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    server {
        listen 80; listen [::]:80; $tls
        root $TMP/www;
        $locations
    }
}
NGINX
    spawn "$name" nginx -e "$dir/error.log" -c "$dir/nginx.conf"
    wait_for 10 listening "$name" tcp 80
}

# http_server_on NAME PORT ADDRESS: Python's own server, for the same pages.
http_server_on() {
    web_pages
    spawn "$1" python3 -u -m http.server --directory "$TMP/www" --bind "$3" "$2"
    wait_for 10 listening "$1" tcp "$2"
}

# resolver_on NAME RECORD...: dnsmasq, which answers from these records only (options of dnsmasq).
resolver_on() {
    local name=$1
    shift
    spawn "$name" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --no-poll \
        --user=root --pid-file= --port=53 --local=/example/ --edns-packet-max=4096 "$@"
    wait_for 10 listening "$name" udp 53
}

iperf_on() {
    spawn "$1" iperf3 -s -p 5201
    wait_for 10 listening "$1" tcp 5201
}

# ssh_keys: throw-away keys of hosts and users for this run; they go with $TMP.
ssh_keys() {
    [[ -f $TMP/user ]] && return
    ssh-keygen -q -t ed25519 -N '' -C throw-away -f "$TMP/user"
    ssh-keygen -q -t ed25519 -N '' -C throw-away -f "$TMP/hostkey"
    cp "$TMP/user.pub" "$TMP/authorized"
}

# sshd_on NAME: a real sshd on port 22 that lets in the throw-away key. It sees an empty /run of
# its own (its namespace has its own mounts).
sshd_on() {
    ssh_keys
    cat >"$TMP/sshd_config" <<SSHD
Port 22
HostKey $TMP/hostkey
AuthorizedKeysFile $TMP/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
UseDNS no
DebianBanner no
SSHD
    # shellcheck disable=SC2016
    spawn "$1" sh -c 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec /usr/sbin/sshd -D -e -f "$1"' \
        sshd "$TMP/sshd_config"
    wait_for 10 listening "$1" tcp 22
}

# ssh_options: fills SSH with a client that has the throw-away key and knows nothing else.
ssh_options() {
    ssh_keys
    # shellcheck disable=SC2034
    SSH=(ssh -F /dev/null -i "$TMP/user" -l root -o BatchMode=yes -o IdentitiesOnly=yes
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=3)
}

# fetch NAME ARGUMENT...: curl on that host: quiet, no settings of the user, bounded.
fetch() {
    local name=$1
    shift
    on "$name" curl -q -sS -g --connect-timeout 3 --max-time 10 "$@" >/dev/null
}
