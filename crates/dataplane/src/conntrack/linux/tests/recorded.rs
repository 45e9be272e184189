//! What a 6.18 kernel did with generated segments, line by line, and that the model does the same.
//!
//! Every block of the file is one connection, whose `#` line has its number and the settings that are not the default. A
//! line is a segment and the kernel's answer to it:
//!
//! ```text
//! > SA 1000 5001 8192 ws7,sp 0 = pass SYN_RECV syn_recv rc
//! |  |   |    |    |    |    |    |       |        |     |+- opened by the client or the server
//! |  |   |    |    |    |    |    |       |        |     +-- (U)nreplied, (r)eplied, (A)ssured
//! |  |   |    |    |    |    |    |       |        +-------- the timer that runs
//! |  |   |    |    |    |    |    |       +----------------- the state, or - without an entry
//! |  |   |    |    |    |    |    +------------------------- forwarded or dropped as INVALID
//! |  |   seq  ack  win  |    payload
//! |  flags              options, - without
//! from the client (>) or the server (<)
//! ```

use std::time::Duration;

use vpcemu_packet::TcpFlags;

use super::super::*;

/// The settings of the kernel that was recorded: all timers differ, so that each is recognised.
fn settings() -> Timeouts {
    let seconds = Duration::from_secs;
    Timeouts {
        syn_sent: seconds(1100),
        syn_recv: seconds(2200),
        established: seconds(33_000),
        fin_wait: seconds(4400),
        close_wait: seconds(5500),
        last_ack: seconds(6600),
        time_wait: seconds(7700),
        close: seconds(880),
        max_retrans: seconds(9900),
        unacknowledged: seconds(19_900),
        ..Timeouts::default()
    }
}

/// A connection tracker for one tuple.
struct Router {
    loose: bool,
    window_check: bool,
    entry: Option<Entry>,
}

struct Entry {
    tcp: LinuxTcp,
    /// The server sent the segment that opened it.
    by_server: bool,
    timer: Duration,
}

impl Router {
    /// Settings that are not the default: `strict` (`tcp_loose` is 0) and `liberal` (`tcp_be_liberal` is 1).
    fn new(settings: &str) -> Self {
        let set = |wanted| settings.split(' ').any(|setting| setting == wanted);
        Self { loose: !set("strict"), window_check: !set("liberal"), entry: None }
    }

    /// Whether the segment is forwarded.
    fn forward(&mut self, from_server: bool, segment: &Segment) -> bool {
        let times = settings();
        if !valid_flags(segment.flags) {
            return false;
        }
        let Some(entry) = &mut self.entry else {
            let Ok((tcp, lease)) = LinuxTcp::open(segment, self.loose) else { return false };
            self.entry = Some(Entry { tcp, by_server: from_server, timer: times.lasting(lease) });
            return true;
        };
        match entry.tcp.observe(entry.by_server != from_server, segment, self.window_check) {
            Judgement::Accept { lease } => {
                entry.timer = lease.map_or(entry.timer, |lease| times.lasting(lease));
                true
            }
            Judgement::Refused => {
                self.entry = None;
                true
            }
            Judgement::Reopen => {
                self.entry = None;
                self.forward(from_server, segment)
            }
            Judgement::Invalid { shorten, .. } => {
                if shorten {
                    entry.timer = entry.timer.min(times.unacknowledged);
                }
                false
            }
        }
    }

    fn describe(&self) -> String {
        let Some(Entry { tcp, by_server, timer }) = &self.entry else { return "-".into() };
        let state = match tcp.state() {
            State::None => "NONE",
            State::SynSent => "SYN_SENT",
            State::SynRecv => "SYN_RECV",
            State::Established => "ESTABLISHED",
            State::FinWait => "FIN_WAIT",
            State::CloseWait => "CLOSE_WAIT",
            State::LastAck => "LAST_ACK",
            State::TimeWait => "TIME_WAIT",
            State::Close => "CLOSE",
            State::SynSent2 => "SYN_SENT2",
        };
        let timer = match timer.as_secs() {
            120 => "120s",
            880 => "close",
            1100 => "syn_sent",
            2200 => "syn_recv",
            4400 => "fin_wait",
            5500 => "close_wait",
            6600 => "last_ack",
            7700 => "time_wait",
            9900 => "max_retrans",
            19_900 => "unacknowledged",
            33_000 => "established",
            _ => "?",
        };
        let progress = match (tcp.is_assured(), tcp.is_replied()) {
            (true, _) => 'A',
            (false, true) => 'r',
            (false, false) => 'U',
        };
        format!("{state} {timer} {progress}{}", if *by_server { 's' } else { 'c' })
    }
}

fn flags(text: &str) -> TcpFlags {
    (0..8).map(|bit| TcpFlags(1 << bit)).filter(|flag| text.contains(&flag.to_string())).fold(TcpFlags(0), |a, b| a | b)
}

/// The option bytes of a list such as `ws7,sp,sk100-200:300-400,ts,raw0304`.
fn options(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for option in text.split(',').filter(|option| *option != "-") {
        if let Some(shift) = option.strip_prefix("ws") {
            bytes.extend([3, 3, shift.parse().unwrap()]);
        } else if let Some(blocks) = option.strip_prefix("sk") {
            let edges: Vec<u32> = blocks.split([':', '-']).map(|edge| edge.parse().unwrap()).collect();
            bytes.extend([5, 2 + 4 * edges.len() as u8]);
            bytes.extend(edges.iter().flat_map(|edge| edge.to_be_bytes()));
        } else if let Some(hex) = option.strip_prefix("raw") {
            bytes.extend((0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()));
        } else {
            bytes.extend(match option {
                "sp" => &[4, 2][..],
                "ts" => &[1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0],
                other => panic!("{other}"),
            });
        }
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn segment(text: &[&str]) -> Segment {
    let number = |at: usize| text[at].parse::<u32>().unwrap();
    Segment {
        flags: flags(text[0]),
        seq: number(1),
        ack: number(2),
        window: number(3) as u16,
        payload_len: number(5),
        options: TcpOptions::parse(&options(text[4]), number(2)),
    }
}

/// The first line of each block in which the model does otherwise than recorded, and what it does.
fn differences(recorded: &str) -> Vec<String> {
    let mut router = Router::new("");
    let mut wrong = Vec::new();
    let mut told = false;
    for line in recorded.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(block) = line.strip_prefix("# ") {
            router = Router::new(block);
            told = false;
            continue;
        }
        let (sent, answer) = line.split_once(" = ").unwrap();
        let words: Vec<_> = sent.split(' ').collect();
        let passed = router.forward(words[0] == "<", &segment(&words[1..]));
        let modelled = format!("{} {}", if passed { "pass" } else { "drop" }, router.describe());
        if modelled != answer && !told {
            wrong.push(format!("{line}, but the model: {modelled}"));
            told = true;
        }
    }
    wrong
}

/// Asserts that the model does as recorded.
pub(super) fn told(recorded: &str) {
    assert_eq!(differences(recorded), [""; 0]);
}

#[test]
fn the_kernel_did_the_same() {
    told(include_str!("recorded.txt"));
}

#[test]
fn a_wrong_answer_is_noticed() {
    let line = "> S 1000 0 8192 - 0 = pass SYN_SENT syn_sent Uc";
    assert_eq!(differences(line), [""; 0]);
    assert_eq!(differences(&line.replace("syn_sent", "syn_recv")).len(), 1);
    assert_eq!(differences(&line.replace("pass", "drop")).len(), 1);
}
