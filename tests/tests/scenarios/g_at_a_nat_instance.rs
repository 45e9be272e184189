//! Malformed and special packets at a NAT instance, whose Linux makes something else of some of them (11.3).

use vpcemu_dataplane::DropReason::CtInvalid;
use vpcemu_tests::scenario::*;

#[test]
fn a_source_route_is_not_followed_and_other_options_are() {
    for options in [&[7, 7, 4, 0, 0, 0, 0, 0][..], &[1, 1, 1, 0]] {
        let mut s = NAT_INSTANCE.start();
        let out = s.leave("one", udp("one:5353 > dns:53").options(options)).to("internet", |p| p.src("nat:5353").hop());
        let out = out.counts(OPENED);
        s.arrive(out.reply().options(options)).to("one", |p| p.dst("one:5353").hop()).counts(NOTHING);
    }
    // Loose and strict, one of them behind another option: Linux does not forward by them unless told to.
    for options in [&[0x83, 7, 4, 198, 51, 100, 8, 0][..], &[1, 0x89, 7, 4, 198, 51, 100, 8]] {
        let mut s = NAT_INSTANCE.start();
        let packet = udp("one:5353 > dns:53").options(options);
        s.leave("one", packet).dropped(CtInvalid, "eni-nat").counts(NOTHING);
    }
}
