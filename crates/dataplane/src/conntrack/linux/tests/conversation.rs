//! Two endpoints that keep to RFC 9293 are never INVALID, whatever the network does to their segments on the way to the
//! router; what is far from anything they say never passes as theirs.

use proptest::prelude::*;
use vpcemu_packet::TcpFlags;

use super::super::*;

/// One endpoint, as much of it as its segments show.
struct Endpoint {
    first: u32,
    /// Sent so far, in bytes from the SYN on.
    sent: u32,
    /// Received in order so far.
    received: u32,
    /// The highest acknowledgement that arrived.
    acked: u32,
    /// The window to the peer, in bytes from its SYN on.
    peer_limit: u32,
    /// The receive buffer.
    buffer: u32,
    shift: Option<u8>,
    finished: bool,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// One side sends this many bytes, as far as the window lets it.
    Send { server: bool, len: u32 },
    /// One side repeats its last unacknowledged segment of data or acknowledges again.
    Repeat { server: bool, back: usize },
    /// One side acknowledges what it has.
    Acknowledge { server: bool },
    /// One side ends its half.
    Finish { server: bool },
}

/// A conversation on the way through the router. The network may hold a segment back on either side of it.
struct Talk {
    sides: [Endpoint; 2],
    tcp: LinuxTcp,
    /// Data segments sent, by side: offset and length.
    history: [Vec<(u32, u32)>; 2],
}

const SYN_ACK: TcpFlags = TcpFlags(0x12);
const FIN_ACK: TcpFlags = TcpFlags(0x11);

impl Endpoint {
    fn new(first: u32, buffer: u32, shift: Option<u8>) -> Self {
        Self { first, sent: 0, received: 0, acked: 0, peer_limit: 0, buffer, shift, finished: false }
    }
}

impl Talk {
    /// After the handshake.
    fn open(firsts: [u32; 2], buffers: [u32; 2], shifts: [Option<u8>; 2]) -> Self {
        let scaled = shifts.iter().all(Option::is_some);
        let mut sides = [0, 1].map(|side| Endpoint::new(firsts[side], buffers[side], shifts[side].filter(|_| scaled)));
        let syn = |side: usize, flags, ack| Segment {
            flags,
            seq: firsts[side],
            ack,
            window: buffers[side].min(0xFFFF) as u16,
            payload_len: 0,
            options: TcpOptions {
                present: shifts[side].is_some(),
                window_scale: shifts[side],
                ..TcpOptions::default()
            },
        };
        let (tcp, _) = LinuxTcp::open(&syn(0, TcpFlags::SYN, 0), true).unwrap();
        for (side, endpoint) in sides.iter_mut().enumerate() {
            (endpoint.sent, endpoint.received, endpoint.acked) = (1, 1, 1);
            endpoint.peer_limit = 1 + buffers[1 - side].min(0xFFFF);
        }
        let mut talk = Self { sides, tcp, history: [Vec::new(), Vec::new()] };
        let answer = syn(1, SYN_ACK, firsts[0].wrapping_add(1));
        assert!(matches!(talk.tcp.observe(true, &answer, true), Judgement::Accept { .. }));
        assert!(matches!(talk.pass(0, talk.segment(0, TcpFlags::ACK, 1, 0)), Judgement::Accept { .. }));
        talk
    }

    /// A segment of one side with the acknowledgement and window of this moment.
    fn segment(&self, side: usize, flags: TcpFlags, offset: u32, payload_len: u32) -> Segment {
        let [me, peer] = [&self.sides[side], &self.sides[1 - side]];
        Segment {
            flags,
            seq: me.first.wrapping_add(offset),
            ack: peer.first.wrapping_add(me.received),
            window: (me.buffer >> me.shift.unwrap_or(0)).min(0xFFFF) as u16,
            payload_len,
            options: TcpOptions::default(),
        }
    }

    fn pass(&mut self, side: usize, segment: Segment) -> Judgement {
        self.tcp.observe(side == 1, &segment, true)
    }

    /// The segments that an act puts on the wire, with their senders.
    fn act(&mut self, act: Act) -> Option<(usize, Segment)> {
        match act {
            Act::Send { server, len } => {
                let side = usize::from(server);
                let me = &self.sides[side];
                let len = len.min(me.peer_limit.saturating_sub(me.sent));
                if me.finished || len == 0 {
                    return None;
                }
                let offset = me.sent;
                self.history[side].push((offset, len));
                self.sides[side].sent += len;
                Some((side, self.segment(side, TcpFlags::ACK, offset, len)))
            }
            Act::Repeat { server, back } => {
                let side = usize::from(server);
                let (offset, len) = *self.history[side].iter().rev().nth(back)?;
                Some((side, self.segment(side, TcpFlags::ACK, offset, len)))
            }
            Act::Acknowledge { server } => {
                let side = usize::from(server);
                Some((side, self.segment(side, TcpFlags::ACK, self.sides[side].sent, 0)))
            }
            Act::Finish { server } => {
                let side = usize::from(server);
                let me = &mut self.sides[side];
                if me.finished || me.sent >= me.peer_limit {
                    return None;
                }
                let offset = me.sent;
                (me.finished, me.sent) = (true, offset + 1);
                Some((side, self.segment(side, FIN_ACK, offset, 0)))
            }
        }
    }

    /// A segment arrives: data in order are taken, the acknowledgement and the window too.
    fn arrive(&mut self, from: usize, segment: &Segment) {
        let [seq, end] = [segment.seq, segment.end()].map(|number| number.wrapping_sub(self.sides[from].first));
        let shift = self.sides[from].shift.unwrap_or(0);
        let me = &mut self.sides[1 - from];
        if seq <= me.received {
            me.received = me.received.max(end);
        }
        me.acked = me.acked.max(segment.ack.wrapping_sub(me.first));
        me.peer_limit = me.peer_limit.max(me.acked + (u32::from(segment.window) << shift));
    }
}

fn acts() -> impl Strategy<Value = Vec<(Act, bool, bool)>> {
    let act = prop_oneof![
        6 => (any::<bool>(), 1..5000u32).prop_map(|(server, len)| Act::Send { server, len }),
        2 => (any::<bool>(), 0..3usize).prop_map(|(server, back)| Act::Repeat { server, back }),
        4 => any::<bool>().prop_map(|server| Act::Acknowledge { server }),
        1 => any::<bool>().prop_map(|server| Act::Finish { server }),
    ];
    // Held back before the router for a while; lost behind it.
    proptest::collection::vec((act, proptest::bool::weighted(0.2), proptest::bool::weighted(0.1)), 1..120)
}

fn buffer() -> impl Strategy<Value = u32> {
    prop_oneof![1000..0xFFFFu32, 0x1_0000..0x40_0000u32]
}

fn shift() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![Just(None), (0..=14u8).prop_map(Some)]
}

fn any_segment() -> impl Strategy<Value = Segment> {
    let near = || prop_oneof![any::<u32>(), 0..5u32, 990..1010u32, 4990..5010u32];
    let flags = prop_oneof![Just(0x02), Just(0x12), Just(0x10), Just(0x11), Just(0x04), Just(0x14), any::<u8>()];
    let options = (any::<bool>(), proptest::option::of(any::<u8>()), any::<bool>(), proptest::option::of(any::<u32>()));
    (flags, near(), near(), any::<u16>(), prop_oneof![Just(0), any::<u32>()], options).prop_map(
        |(flags, seq, ack, window, payload_len, (present, window_scale, sack_permitted, sack_edge))| Segment {
            flags: TcpFlags(flags),
            seq,
            ack,
            window,
            payload_len,
            options: TcpOptions { present, window_scale, sack_permitted, sack_edge },
        },
    )
}

proptest! {
    #[test]
    fn a_conversation_by_the_rules_is_never_invalid(
        firsts: [u32; 2],
        buffers in [buffer(), buffer()],
        shifts in [shift(), shift()],
        acts in acts(),
    ) {
        let mut talk = Talk::open(firsts, buffers, shifts);
        let mut held: Option<(usize, Segment)> = None;
        for (act, hold, lost) in acts {
            let Some((side, segment)) = talk.act(act) else { continue };
            // One segment at a time overtakes another, before the router.
            let mut arriving = vec![(side, segment)];
            if hold && held.is_none() {
                held = arriving.pop();
            } else {
                arriving.extend(held.take());
            }
            for (from, segment) in arriving {
                let before = talk.tcp;
                let judgement = talk.pass(from, segment);
                prop_assert!(
                    matches!(judgement, Judgement::Accept { .. }),
                    "{segment:?} from {from} at {before:?}: {judgement:?}"
                );
                if !lost {
                    talk.arrive(from, &segment);
                }
            }
        }
    }

    #[test]
    fn what_is_far_from_a_conversation_is_no_part_of_it(
        firsts: [u32; 2],
        acts in proptest::collection::vec((any::<bool>(), 1..1400u32), 0..30),
        from in 0..2usize,
        far in 10_000_000..2_000_000_000u32,
        flags in prop_oneof![Just(0x10u8), Just(0x11), Just(0x18), Just(0x04), Just(0x14)],
        wrong_ack: bool,
    ) {
        let mut talk = Talk::open(firsts, [60_000; 2], [None; 2]);
        for (server, len) in acts {
            if let Some((from, segment)) = talk.act(Act::Send { server, len }) {
                let _ = talk.pass(from, segment);
                talk.arrive(from, &segment);
            }
        }
        let mut stray = talk.segment(from, TcpFlags(flags), talk.sides[from].sent, 0);
        if wrong_ack && flags & 0x10 != 0 {
            stray.ack = stray.ack.wrapping_add(far);
        } else {
            stray.seq = stray.seq.wrapping_add(far);
        }
        let before = talk.tcp.state();
        let judgement = talk.pass(from, stray);
        prop_assert!(matches!(judgement, Judgement::Invalid { .. }), "{judgement:?}");
        prop_assert_eq!(talk.tcp.state(), before);
    }

    #[test]
    fn any_stream_of_segments_is_survived(
        first in any_segment(),
        stream in proptest::collection::vec((any::<bool>(), any_segment()), 0..60),
        loose: bool,
        window_check: bool,
    ) {
        let opened = LinuxTcp::open(&first, loose);
        prop_assume!(opened.is_ok());
        let (mut tcp, _) = opened.unwrap();
        for (reply, segment) in stream {
            let before = tcp.state();
            match tcp.observe(reply, &segment, window_check) {
                Judgement::Invalid { .. } | Judgement::Reopen => prop_assert_eq!(tcp.state(), before),
                Judgement::Accept { lease: Some(lease) } => {
                    let longest = Timeouts::default().of(TimeoutClass::from(tcp.state()));
                    prop_assert!(Timeouts::default().lasting(lease) <= longest.max(Timeouts::default().close));
                }
                Judgement::Accept { lease: None } | Judgement::Refused => {}
            }
        }
    }
}
