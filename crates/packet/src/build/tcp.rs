//! TCP segments, and the RST that answers one.

use std::net::SocketAddr;

use etherparse::{TcpHeader, TcpOptionElement};

use super::datagram::{Ip, ip_setters};
use crate::headers::Headers;
use crate::number::TCP;
use crate::tcp_flags::TcpFlags;
use crate::transport::Transport;

/// A TCP segment: a bare ACK until told otherwise.
pub fn tcp(src: SocketAddr, dst: SocketAddr) -> TcpBuilder {
    let mut ip = Ip::between(src.ip(), dst.ip());
    ip.dont_fragment = true;
    let mut header = TcpHeader::new(src.port(), dst.port(), 0, DEFAULT_WINDOW);
    header.ack = true;
    TcpBuilder { ip, header, mss: None, sack_permitted: false, window_scale: None, payload: Vec::new() }
}

/// The RST that answers a segment nobody expects (RFC 9293 3.10.7.1), in the name of the segment's destination.
///
/// Empty if `answering` is not TCP or is itself a RST, which is never answered.
pub fn tcp_reset(answering: &Headers) -> Vec<u8> {
    let Transport::Tcp { src, dst, flags, seq, ack, payload_len, .. } = answering.transport else { return Vec::new() };
    if flags.contains(TcpFlags::RST) {
        return Vec::new();
    }
    let reset = tcp(SocketAddr::new(answering.dst, dst), SocketAddr::new(answering.src, src)).window(0);
    if flags.contains(TcpFlags::ACK) {
        // <SEQ=SEG.ACK><CTL=RST>
        return reset.flags(TcpFlags::RST).seq(ack).build();
    }
    // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>, where SYN and FIN count as an octet each.
    let counted = u32::from(flags.contains(TcpFlags::SYN)) + u32::from(flags.contains(TcpFlags::FIN));
    let segment_len = payload_len.wrapping_add(counted);
    reset.flags(TcpFlags::RST | TcpFlags::ACK).ack(seq.wrapping_add(segment_len)).build()
}

/// A TCP segment in the making.
#[derive(Clone, Debug)]
#[must_use]
pub struct TcpBuilder {
    ip: Ip,
    header: TcpHeader,
    mss: Option<u16>,
    sack_permitted: bool,
    window_scale: Option<u8>,
    payload: Vec<u8>,
}

impl TcpBuilder {
    ip_setters!();

    /// Sets the control bits.
    pub fn flags(mut self, flags: TcpFlags) -> Self {
        let header = &mut self.header;
        header.fin = flags.contains(TcpFlags::FIN);
        header.syn = flags.contains(TcpFlags::SYN);
        header.rst = flags.contains(TcpFlags::RST);
        header.psh = flags.contains(TcpFlags::PSH);
        header.ack = flags.contains(TcpFlags::ACK);
        header.urg = flags.contains(TcpFlags::URG);
        header.ece = flags.contains(TcpFlags::ECE);
        header.cwr = flags.contains(TcpFlags::CWR);
        self
    }

    /// Sets the sequence number.
    pub fn seq(mut self, seq: u32) -> Self {
        self.header.sequence_number = seq;
        self
    }

    /// Sets the acknowledgement number.
    pub fn ack(mut self, ack: u32) -> Self {
        self.header.acknowledgment_number = ack;
        self
    }

    /// Sets the window.
    pub fn window(mut self, window: u16) -> Self {
        self.header.window_size = window;
        self
    }

    /// Adds the maximum segment size option.
    pub fn mss(mut self, mss: u16) -> Self {
        self.mss = Some(mss);
        self
    }

    /// Adds the option that permits selective acknowledgements (RFC 2018).
    pub fn sack_permitted(mut self) -> Self {
        self.sack_permitted = true;
        self
    }

    /// Adds the window scale option: the shift count of the windows to come (RFC 7323).
    pub fn window_scale(mut self, shift: u8) -> Self {
        self.window_scale = Some(shift);
        self
    }

    /// The datagram.
    pub fn build(mut self) -> Vec<u8> {
        let mut options = Vec::new();
        options.extend(self.mss.map(TcpOptionElement::MaximumSegmentSize));
        options.extend(self.sack_permitted.then_some(TcpOptionElement::SelectiveAcknowledgementPermitted));
        options.extend(self.window_scale.map(TcpOptionElement::WindowScale));
        // Nine bytes always fit; etherparse pads them.
        let _ = self.header.set_options(&options);
        let mut segment = self.header.to_bytes().to_vec();
        segment.extend_from_slice(&self.payload);
        self.ip.around_summed(TCP, segment)
    }
}

/// What Linux opens with: 64 KiB less what the window scale leaves over.
const DEFAULT_WINDOW: u16 = 64240;
