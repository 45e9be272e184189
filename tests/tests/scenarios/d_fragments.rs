//! Fragments. Nothing is put together on the way: the first fragment lends its ports to the others, which wait for it.

use vpcemu_dataplane::DropReason::{Fragment, FragmentDuplicate, FragmentOverlap, NatFragment, NetworkAcl};
use vpcemu_tests::scenario::*;

/// A question in three pieces.
fn question() -> Vec<Datagram> {
    udp("one:5353 > dns:53").id(77).sized(1200).pieces(500)
}

#[test]
fn d1_in_order_udp_passes_and_tcp_and_icmp_do_not() {
    let mut s = NAT.start();
    let pieces = question();
    assert_eq!(pieces.len(), 3);
    for (piece, opens) in pieces.into_iter().zip([OPENED, NOTHING, NOTHING]) {
        s.leave("one", piece).to("internet", |p| p.src("nat:*").hop()).counts(OUT + opens);
    }
    // (4.20)
    for whole in [tcp("one:4000 > server:443", "PA"), ping("one > server", 77)] {
        for piece in whole.dont_fragment(false).id(78).sized(1200).pieces(500) {
            s.leave("one", piece).dropped(NatFragment, "nat-nat").counts(REFUSED_OUT);
        }
    }
    // Unless a knob says so.
    let mut s = NAT.knob("nat_gateway.frag_icmp = 'forward'").start();
    let echo = ping("one > server", 77).dont_fragment(false).id(78).sized(1200);
    for (piece, opens) in echo.pieces(500).into_iter().zip([OPENED, NOTHING, NOTHING]) {
        s.leave("one", piece).to("internet", |p| p.src("nat:*").hop()).counts(OUT + opens);
    }
}

#[test]
fn d2_out_of_order_the_last_waits_for_the_first() {
    let mut s = NAT.start();
    let [first, middle, last] = question().try_into().unwrap();
    let held = s.leave("one", last).held().counts(NOTHING);
    let step = s.leave("one", first).to("internet", |p| p.src("nat:*").hop());
    let out = step.releases(&held, "internet", |p| p.src("nat:*").hop()).counts(OUT * 2 + OPENED);
    s.leave("one", middle).to("internet", |p| p.src(&out.source()).hop()).counts(OUT);
}

#[test]
fn d3_out_of_order_without_translation_they_pass_unmodified() {
    let mut s = EIP_PAIR.start();
    let [first, middle, last] = udp("web:5353 > db:53").id(77).sized(1200).pieces(500).try_into().unwrap();
    let middle = s.leave("web", middle).held().counts(NOTHING);
    let last = s.leave("web", last).held().counts(NOTHING);
    let step = s.leave("web", first).to("db", |p| p).releases(&middle, "db", |p| p);
    step.releases(&last, "db", |p| p).counts(NOTHING);
}

#[test]
fn d4_both_directions_through_an_elastic_ip() {
    let mut s = EIP_PAIR.start();
    for whole in [udp("dns:53 > web.pub:5353"), tcp("server:443 > web.pub:4000", "A"), ping("server > web.pub", 7)] {
        let whole = whole.dont_fragment(false).sized(1200);
        for (id, order) in [[0, 1, 2], [2, 1, 0]].into_iter().enumerate() {
            let pieces = whole.clone().id(id as u16).pieces(500);
            let mut held = Vec::new();
            for index in order {
                let waits = order[0] == 2 && index > 0;
                let step = s.arrive(pieces[index].clone());
                if waits {
                    held.push(step.held().counts(NOTHING));
                    continue;
                }
                let mut step = step.to("web", |p| p.dst("web"));
                for waited in &held {
                    step = step.releases(waited, "web", |p| p.dst("web"));
                }
                // Echo is tracked (6.15).
                let opens = if id == 0 && index == 0 && whole.source() == "198.51.100.7:7" { OPENED } else { NOTHING };
                step.counts(opens);
            }
        }
    }
    for piece in udp("web:53 > dns:5353").id(9).sized(1200).pieces(500) {
        s.leave("web", piece).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    }
}

#[test]
fn d5_the_fragments_of_a_reply() {
    let mut s = NAT.start();
    let out = s.leave("one", udp("one:5353 > dns:53")).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    let [first, middle, last] = out.reply().id(5).sized(1200).pieces(500).try_into().unwrap();
    let last = s.arrive(last).held().counts(NOTHING);
    let step = s.arrive(first).to("one", |p| p.dst("one:5353").hop());
    step.releases(&last, "one", |p| p.dst("one:5353").hop()).counts(BACK * 2);
    s.arrive(middle).to("one", |p| p.dst("one:5353").hop()).counts(BACK);
}

#[test]
fn d6_an_overlap_ends_the_whole_datagram() {
    let mut s = NAT.start();
    let whole = udp("one:5353 > dns:53").id(77).sized(1200);
    let [first, middle, last] = whole.pieces(500).try_into().unwrap();
    // Another cut of the same datagram: 280 to 560 instead of 480 to 960.
    let overlapping = whole.pieces(300).swap_remove(1);
    // Before the first has come, nothing passes, and nothing is remembered of it.
    s.leave("one", middle.clone()).held().counts(NOTHING);
    s.leave("one", overlapping.clone()).dropped(FragmentOverlap, "-").counts(NOTHING);
    s.wait(0.0, drops(FragmentOverlap, 1));
    s.leave("one", first.clone()).dropped(FragmentOverlap, "-").counts(NOTHING);
    s.leave("one", last).dropped(FragmentOverlap, "-").counts(NOTHING);
    // What had gone its way before is not called back, but there is no more of it.
    let of_another = |piece: Datagram| piece.id(78);
    s.leave("one", of_another(first)).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    s.leave("one", of_another(overlapping)).dropped(FragmentOverlap, "-").counts(NOTHING);
    s.leave("one", of_another(middle)).dropped(FragmentOverlap, "-").counts(NOTHING);
}

#[test]
fn d7_an_exact_duplicate_is_dropped_and_the_rest_passes() {
    let mut s = NAT.start();
    let [first, middle, last] = question().try_into().unwrap();
    let out = s.leave("one", first.clone()).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    s.leave("one", first).dropped(FragmentDuplicate, "-").counts(NOTHING);
    s.leave("one", middle.clone()).to("internet", |p| p.src(&out.source()).hop()).counts(OUT);
    s.leave("one", middle).dropped(FragmentDuplicate, "-").counts(NOTHING);
    s.leave("one", last).to("internet", |p| p.src(&out.source()).hop()).counts(OUT);
}

#[test]
fn d8_what_waits_in_vain_is_dropped_and_forgotten() {
    let mut s = NAT.start();
    let [first, middle, _] = question().try_into().unwrap();
    // Only the first: it has all that it needs.
    s.leave("one", first.id(1)).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    // Only the middle: it waits for one second (4.20).
    s.leave("one", middle).held().counts(NOTHING);
    s.wait(0.999, NOTHING);
    s.wait(0.001, drops(Fragment, 1));
    let held: usize = s.lab().shards().iter().map(|shard| shard.reassembly.len().1).sum();
    assert_eq!(held, 0);
}

#[test]
fn d9_a_tiny_last_fragment_waits_like_any_other() {
    let mut s = NAT.start();
    let tiny = udp("one:5353 > dns:53").id(9).sized(32).pieces(28).pop().unwrap();
    assert_eq!(tiny.bytes().len(), 24, "four bytes at offset 8");
    s.leave("one", tiny).held().counts(NOTHING);
    s.wait(1.0, drops(Fragment, 1));
}

#[test]
fn d11_ipv6_fragments_behind_extension_headers_out_of_order() {
    let mut s = EIGW.start();
    out_of_order(&mut s, udp("one6:1 > server6:53").id(1));
    out_of_order(&mut s, udp("one6:2 > server6:53").id(2).extension(HOP_BY_HOP));
    let lost = udp("one6:9 > server6:53").id(9).sized(1200).pieces(500).pop().unwrap();
    s.leave("one", lost).held().counts(NOTHING);
    s.wait(1.0, drops(Fragment, 1));
}

#[test]
fn an_extension_header_behind_the_fragment_header_is_of_the_same_datagram() {
    out_of_order(&mut EIGW.start(), udp("one6:3 > server6:53").id(3).extension(DESTINATION_OPTIONS));
}

const HOP_BY_HOP: u8 = 0;
const DESTINATION_OPTIONS: u8 = 60;

/// Three pieces, the last one first.
fn out_of_order(s: &mut Scenario, whole: Datagram) {
    let [first, middle, last] = whole.sized(1200).pieces(500).try_into().unwrap();
    let last = s.leave("one", last).held().counts(NOTHING);
    let middle = s.leave("one", middle).held().counts(NOTHING);
    let step = s.leave("one", first).to("internet", |p| p).releases(&last, "internet", |p| p);
    step.releases(&middle, "internet", |p| p).counts(OPENED);
}

/// A public instance that takes questions to port 53 and nothing else.
fn only_dns() -> Net {
    let group = "[security_group.dns]\ningress = [{ proto = \"udp\", ports = \"53\", from = \"0.0.0.0/0\" }]";
    let own = "public = \"203.0.113.10\"\nsecurity_groups = [\"open\"]";
    EIP_PAIR.but(own, "public = \"203.0.113.10\"\nsecurity_groups = [\"dns\"]").with(group)
}

#[test]
fn d12_later_fragments_are_judged_by_the_ports_of_the_first() {
    let mut s = only_dns().start();
    for piece in udp("dns:4000 > web.pub:53").id(1).sized(1200).pieces(500) {
        s.arrive(piece).to("web", |p| p.dst("web")).counts(NOTHING);
    }
    for piece in udp("dns:4000 > web.pub:54").id(2).sized(1200).pieces(500) {
        s.arrive(piece).dropped(vpcemu_dataplane::DropReason::SecurityGroup, "eni-web").counts(NOTHING);
    }
}

/// A subnet whose network ACL has these entries on the way in.
fn with_acl(entries: &str) -> Net {
    let table = "cidrs = [\"10.0.0.0/24\", \"2001:db8:1::/64\"]\n";
    let acl = format!(
        "[network_acl.pub]\ningress = [{entries}]\negress = [{{ rule = 100, action = \"allow\", proto = \"all\", to = \"0.0.0.0/0\" }}]"
    );
    EIP_PAIR.but(table, &format!("{table}nacl = \"pub\"\n")).with(&acl)
}

#[test]
fn d13_no_fragment_of_a_denied_port_passes() {
    let deny = "{ rule = 10, action = \"deny\", proto = \"udp\", ports = \"53\", from = \"0.0.0.0/0\" }, \
        { rule = 100, action = \"allow\", proto = \"all\", from = \"0.0.0.0/0\" }";
    let mut s = with_acl(deny).start();
    for piece in udp("dns:4000 > web.pub:53").id(1).sized(1200).pieces(500) {
        s.arrive(piece).dropped(NetworkAcl, "acl-pub").counts(NOTHING);
    }
    for piece in udp("dns:4000 > web.pub:54").id(2).sized(1200).pieces(500) {
        s.arrive(piece).to("web", |p| p.dst("web")).counts(NOTHING);
    }
}

#[test]
fn d14_an_entry_with_ports_matches_later_fragments_by_inheritance() {
    let allow = "{ rule = 10, action = \"allow\", proto = \"udp\", ports = \"53\", from = \"0.0.0.0/0\" }";
    let mut s = with_acl(allow).start();
    for piece in udp("dns:4000 > web.pub:53").id(1).sized(1200).pieces(500) {
        s.arrive(piece).to("web", |p| p.dst("web")).counts(NOTHING);
    }
}

#[test]
fn without_inheritance_later_fragments_meet_the_implicit_deny() {
    let allow = "{ rule = 10, action = \"allow\", proto = \"udp\", ports = \"53\", from = \"0.0.0.0/0\" }";
    // What the recorded router does with rules that need ports (7.13).
    let mut s = with_acl(allow).knob("network_acl.nacl_fragments = \"portless_only\"").start();
    let [first, middle, last] = udp("dns:4000 > web.pub:53").id(1).sized(1200).pieces(500).try_into().unwrap();
    s.arrive(first).to("web", |p| p.dst("web")).counts(NOTHING);
    for later in [middle, last] {
        s.arrive(later).dropped(NetworkAcl, "acl-pub").counts(NOTHING);
    }
}
