//! Limits of instances and interfaces: how many connections are tracked, how often services are asked, mail.

use vpcemu_dataplane::DropReason::{NetworkAcl, SecurityGroupEmpty, ServiceRate, SmtpBlocked, TableFull};
use vpcemu_dataplane::outcome::CtState;
use vpcemu_tests::scenario::*;

use super::tracked;

/// `web`, which tracks what it sends, with room for so many connections.
fn limited(connections: u32) -> Net {
    tracked().knob(&format!("security_group.connections_per_instance = {connections}"))
}

/// A question of `web` from one of its ports.
fn question(port: u16) -> Datagram {
    udp(&format!("web:{port} > dns:53"))
}

#[track_caller]
fn asks(s: &mut Scenario, port: u16) -> Seen {
    s.leave("web", question(port)).to("internet", |p| p.src("web.pub")).counts(OPENED)
}

#[test]
fn f18_of_five_connections_three_are_tracked() {
    let mut s = limited(3).start();
    let asked: Vec<_> = (4001..=4003).map(|port| asks(&mut s, port)).collect();
    for port in [4004, 4005] {
        s.leave("web", question(port)).dropped(TableFull, "eni-web").counts(NOTHING);
    }
    assert_eq!(s.lab().tracked("i-web"), 3);
    // Those that are tracked go on, both ways (6.19), and more of the same takes no room.
    for asked in &asked {
        s.arrive(asked.reply()).to("web", |p| p.dst("web")).of(asked).counts(NOTHING);
    }
    s.leave("web", question(4001)).to("internet", |p| p.src("web.pub")).of(&asked[0]).counts(NOTHING);
    // Somebody else's table is another one.
    s.leave("db", udp("db:4001 > web:53")).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
    // That was one way and one answer, and more than one question of the first: 30 s, and 180 s.
    s.wait(30.0, FORGOTTEN * 2);
    assert_eq!(s.lab().tracked("i-web"), 1);
    for port in [4004, 4005] {
        asks(&mut s, port);
    }
    s.leave("web", question(4006)).dropped(TableFull, "eni-web").counts(NOTHING);
}

#[test]
fn a_limit_out_of_range_is_refused_with_a_message() {
    for (limit, message) in [("0", "0 is out of range"), ("-1", "-1"), ("4294967296", "4294967296"), ("'many'", "many")]
    {
        let text = EIP_PAIR.knob(&format!("security_group.connections_per_instance = {limit}")).text();
        let error = vpcemu_model::native::parse("scenario.toml", &text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn where_the_limit_is_taken_away_all_are_tracked() {
    let mut s = Scenario::through(&[limited(1), tracked()]);
    asks(&mut s, 4001);
    s.leave("web", question(4002)).dropped(TableFull, "eni-web").counts(NOTHING);
    s.switch();
    asks(&mut s, 4002);
    asks(&mut s, 4003);
}

#[test]
fn f19_the_limit_can_be_changed_and_the_count_be_told() {
    let mut s = Scenario::through(&[tracked(), limited(2), limited(4), limited(1)]);
    // What was tracked before there was a limit counts too, and nothing is evicted.
    let asked: Vec<_> = (4001..=4003).map(|port| asks(&mut s, port)).collect();
    assert_eq!(s.lab().tracked("i-web"), 3);
    s.switch();
    s.leave("web", question(4004)).dropped(TableFull, "eni-web").counts(NOTHING);
    for asked in &asked {
        s.arrive(asked.reply()).to("web", |p| p.dst("web")).of(asked).counts(NOTHING);
    }
    s.switch();
    asks(&mut s, 4004);
    s.leave("web", question(4005)).dropped(TableFull, "eni-web").counts(NOTHING);
    assert_eq!(s.lab().tracked("i-web"), 4);
    s.switch();
    s.wait(29.999, NOTHING);
    s.leave("web", question(4005)).dropped(TableFull, "eni-web").counts(NOTHING);
    s.wait(0.001, FORGOTTEN * 4);
    assert_eq!(s.lab().tracked("i-web"), 0);
    asks(&mut s, 4005);
}

#[test]
fn the_table_is_the_instances_and_not_the_interfaces() {
    let second = r#"
[eni.second]
subnet = "data"
instance = "web"
addresses = ["10.0.2.20"]
security_groups = ["client"]
"#;
    let mut s = limited(2).with(second).start();
    asks(&mut s, 4001);
    // `db` takes what everyone sends, and answers everyone: it tracks nothing (6.15).
    s.leave("second", udp("10.0.2.20:4000 > db:53")).to("db", |p| p).counts(OPENED);
    s.leave("second", udp("10.0.2.20:4001 > db:53")).dropped(TableFull, "eni-second").counts(NOTHING);
    s.leave("web", question(4002)).dropped(TableFull, "eni-web").counts(NOTHING);
    assert_eq!((s.lab().tracked("i-web"), s.lab().tracked("i-db")), (2, 0));
}

#[test]
fn what_a_change_of_rules_ends_gives_its_room_back() {
    let rules = |rules: &str| {
        let group = "[security_group.client]\ningress = []";
        limited(2).but(group, &format!("[security_group.client]\n{rules}"))
    };
    let tracked = "ingress = []";
    let open = "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]";
    for (between, room) in [(tracked, false), (open, true)] {
        let mut s = Scenario::through(&[rules(tracked), rules(between), rules(tracked)]);
        asks(&mut s, 4001);
        asks(&mut s, 4002);
        s.switch();
        s.switch();
        // For a moment nothing was tracked (6.18): the two are gone, though no packet of theirs has come since.
        let third = s.leave("web", question(4003));
        if room {
            third.to("internet", |p| p.src("web.pub")).counts(OPENED + FORGOTTEN * 2);
            s.arrive(udp("dns:53 > web.pub:4001")).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
        } else {
            third.dropped(TableFull, "eni-web").counts(NOTHING);
            s.arrive(udp("dns:53 > web.pub:4001")).to("web", |p| p.dst("web")).counts(NOTHING);
        }
    }
}

#[test]
fn what_is_not_tracked_needs_no_room() {
    let mut s = limited(1).start();
    for port in 4001..4010 {
        let out = s.leave("api", udp(&format!("api:{port} > dns:53"))).state(CtState::Untracked);
        out.to("internet", |p| p.src("api.pub")).counts(NOTHING);
    }
    // ICMP always is (6.15), whichever side begins.
    let ping_of = |id| ping("server > api.pub", id);
    s.arrive(ping_of(1)).to("api", |p| p.dst("api")).counts(OPENED);
    s.arrive(ping_of(2)).dropped(TableFull, "eni-api").counts(NOTHING);
    s.leave("api", ping("api > server", 3)).dropped(TableFull, "eni-api").counts(NOTHING);
    assert_eq!(s.lab().tracked("i-api"), 1);
    s.wait(30.0, FORGOTTEN);
    s.arrive(ping_of(2)).to("api", |p| p.dst("api")).counts(OPENED);
}

#[test]
fn what_the_network_acl_denies_takes_no_room() {
    let acl = r#"
[network_acl.pub]
ingress = [{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }]
egress = [
  { rule = 10, action = "deny", proto = "udp", ports = "9999", to = "0.0.0.0/0" },
  { rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" },
]
"#;
    let table = "route_table = \"pub\"";
    let net = |limit| limited(limit).but(table, &format!("{table}\nnacl = \"pub\"")).with(acl);
    let mut s = net(1).start();
    // (6.22)
    s.leave("web", udp("web:4000 > dns:9999")).dropped(NetworkAcl, "acl-pub").counts(NOTHING);
    assert_eq!(s.lab().tracked("i-web"), 0);
    asks(&mut s, 4001);
    // Nor does a full table keep the network ACL from being the one that denies.
    s.leave("web", udp("web:4001 > dns:9999")).dropped(NetworkAcl, "acl-pub").counts(NOTHING);
}

#[test]
fn a_closed_connection_gives_its_room_back_when_its_linger_is_over() {
    let mut s = limited(1).start();
    let segment = |flags| tcp("web:4000 > server:443", flags);
    let answer = |flags| tcp("server:443 > web.pub:4000", flags);
    let out = |s: &mut Scenario, flags, counts| {
        s.leave("web", segment(flags)).to("internet", |p| p.src("web.pub")).counts(counts);
    };
    let back = |s: &mut Scenario, flags| {
        s.arrive(answer(flags)).to("web", |p| p.dst("web")).counts(NOTHING);
    };
    out(&mut s, "S", OPENED);
    back(&mut s, "SA");
    out(&mut s, "A", NOTHING);
    s.wait(3600.0, NOTHING);
    s.leave("web", question(4001)).dropped(TableFull, "eni-web").counts(NOTHING);
    out(&mut s, "FA", NOTHING);
    back(&mut s, "FA");
    out(&mut s, "A", NOTHING);
    // Five days have become 30 s (6.16).
    s.wait(29.999, NOTHING);
    s.leave("web", question(4001)).dropped(TableFull, "eni-web").counts(NOTHING);
    s.wait(0.001, FORGOTTEN);
    asks(&mut s, 4001);
    // A SYN begins a connection again in the room that it has.
    let mut s = limited(1).start();
    out(&mut s, "S", OPENED);
    back(&mut s, "RA");
    out(&mut s, "S", FORGOTTEN + OPENED);
    assert_eq!(s.lab().tracked("i-web"), 1);
}

#[test]
fn connections_to_dynamodb_take_the_room_of_two() {
    let endpoint = |service: &str| {
        format!(
            "[prefix_list.tables]\nentries = [\"198.51.100.0/26\"]\n\
             [vpc_endpoint.tables]\ntype = \"gateway\"\nservice = \"com.amazonaws.eu-central-1.{service}\"\nprefix_list = \
             \"tables\"\nroute_tables = [\"data\"]\n"
        )
    };
    let call = |port: u16| tcp(&format!("db:{port} > server:443"), "S");
    let answer = |port: u16| tcp(&format!("server:443 > db:{port}"), "SA");
    let net = |service: &str| EIP_PAIR.with(&endpoint(service)).knob("security_group.connections_per_instance = 5");
    // Open both ways, and tracked all the same (6.20).
    let mut s = net("dynamodb").start();
    for port in [4001, 4002] {
        s.leave("db", call(port)).to("vpce-tables", |p| p).state(CtState::New).counts(OPENED);
    }
    s.leave("db", call(4003)).dropped(TableFull, "eni-db").counts(NOTHING);
    // One is left, of which an echo is content.
    s.leave("db", ping("db > web", 1)).to("web", |p| p).counts(OPENED);
    assert_eq!(s.lab().tracked("i-db"), 5);
    let db = s.lab().eni("db");
    let tables = s.lab().timeline().registry().endpoints.find(&"vpce-tables".into()).unwrap();
    let from_there = vpcemu_dataplane::Ingress::Endpoint(tables, db);
    s.enter(from_there, answer(4001)).to("db", |p| p).state(CtState::Established).counts(NOTHING);
    // S3 is not on the list.
    let mut s = net("s3").start();
    for port in 4001..4010 {
        s.leave("db", call(port)).to("vpce-tables", |p| p).state(CtState::Untracked).counts(NOTHING);
    }
    assert_eq!(s.lab().tracked("i-db"), 0);
}

/// The services of every VPC that `web` asks in turn, and one in IPv6.
const SERVICES: [&str; 6] = [
    "web:4000 > 169.254.169.253:53",
    "web:4000 > 10.0.0.2:53",
    "web:4000 > 169.254.169.254:80",
    "web:4000 > 169.254.169.123:123",
    "web:4000 > 169.254.169.250:1688",
    "web6:4000 > [fd00:ec2::254]:80",
];

#[test]
fn services_take_1024_packets_a_second_of_an_interface() {
    let mut s = EIP_PAIR.start();
    let ask = |count: usize| SERVICES.iter().cycle().take(count).map(|ends| udp(ends));
    let places: Vec<_> = s.leave_each("web", ask(1024)).counts(NOTHING);
    let places: Vec<_> = places.iter().take(6).filter_map(|sent| sent.place.as_deref()).collect();
    assert_eq!(places, ["dns", "dns", "imds", "ntp", "kms", "imds"]);
    for ends in SERVICES {
        s.leave("web", udp(ends)).dropped(ServiceRate, "eni-web").counts(NOTHING);
    }
    // (1.12) Others have a budget of their own, answers take nothing of it, and neither does DHCP, nor anything else.
    s.leave("api", udp("api:4000 > 169.254.169.253:53")).to("dns", |p| p).counts(NOTHING);
    let web = s.lab().eni("web");
    let from_dns = vpcemu_dataplane::Ingress::Service(vpcemu_dataplane::outcome::Service::Dns, web);
    s.enter(from_dns, udp("169.254.169.253:53 > web:4000")).to("web", |p| p).counts(NOTHING);
    s.leave("web", udp("web:68 > 255.255.255.255:67")).to("dhcp", |p| p).counts(NOTHING);
    s.leave("web", udp("web:4000 > server:53")).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    // The next second of capture time begins.
    s.wait(0.999, NOTHING);
    s.leave("web", udp(SERVICES[0])).dropped(ServiceRate, "eni-web").counts(NOTHING);
    s.wait(0.001, NOTHING);
    s.leave_each("web", ask(1030)).counts(drops(ServiceRate, 6));
}

#[test]
fn the_budget_for_services_is_a_knob_and_fragments_and_errors_are_packets() {
    let mut s = EIP_PAIR.knob("underlay.services_packets_per_second = 4").start();
    for piece in udp("web:4000 > 169.254.169.253:53").sized(1200).pieces(500) {
        s.leave("web", piece).to("dns", |p| p).counts(NOTHING);
    }
    let about = udp("169.254.169.253:53 > web:4000");
    s.leave("web", error("web > 169.254.169.253", 3, 3, &about)).to("dns", |p| p).counts(NOTHING);
    // Whatever an error quotes, its sender is who it is.
    let about = udp("server:53 > web:4000");
    let lie = error("web > 169.254.169.253", 3, 3, &about);
    s.leave("web", lie).dropped(ServiceRate, "eni-web").counts(NOTHING);
    let text = EIP_PAIR.knob("underlay.services_packets_per_second = 0").text();
    let refused = vpcemu_model::native::parse("scenario.toml", &text).unwrap_err().to_string();
    assert!(refused.contains("0 is out of range"), "{refused}");
}

#[test]
fn mail_to_public_addresses_is_blocked_where_a_knob_says_so() {
    let nat = NAT.knob("security_group.block_smtp = true");
    let mut s = nat.start();
    for (from, mail) in [
        ("one", "one:4000 > server:25"),
        ("web", "web:4000 > server:25"),
        ("web", "web:4000 > api.pub:25"),
        ("web", "web6:4000 > server6:25"),
    ] {
        // (6.33)
        s.leave(from, tcp(mail, "S")).dropped(SmtpBlocked, &format!("eni-{from}")).counts(NOTHING);
    }
    // Within the VPC it is private, other ports and protocols are other services, and mail that comes in is answered.
    s.leave("one", tcp("one:4000 > db:25", "S")).to("db", |p| p).counts(OPENED);
    s.leave("web", tcp("web:4000 > server:587", "S")).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    s.leave("web", udp("web:4000 > server:25")).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    s.arrive(tcp("server:4000 > web.pub:25", "S")).to("web", |p| p.dst("web")).counts(NOTHING);
    s.leave("web", tcp("web:25 > server:4000", "SA")).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    // Groups are asked first; what the block drops leaves nothing behind that would let an answer in.
    let no_egress = "[security_group.client]\ningress = []";
    let shut = NAT.knob("security_group.block_smtp = true").but(no_egress, &format!("{no_egress}\negress = []"));
    let mail = || tcp("one:4000 > server:25", "S");
    shut.start().leave("one", mail()).dropped(SecurityGroupEmpty, "eni-one").counts(NOTHING);
    let mut s = tracked().knob("security_group.block_smtp = true").from_the_beginning().start();
    s.leave("web", tcp("web:4000 > server:25", "S")).dropped(SmtpBlocked, "eni-web").counts(NOTHING);
    s.arrive(tcp("server:25 > web.pub:4000", "SA")).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
    // It is off unless a knob says so.
    s = tracked().start();
    s.leave("web", tcp("web:4000 > server:25", "S")).to("internet", |p| p.src("web.pub")).counts(OPENED);
}
