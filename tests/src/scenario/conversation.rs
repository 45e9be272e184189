//! A TCP connection of a scenario: its segments by their flags, as each side sends and sees them.

use super::{ATTEMPT, BACK, Datagram, ESTABLISHED, Net, OPENED, OUT, Scenario, tcp};

/// Who talks to whom, and under which name the inside is known outside.
#[derive(Clone, Debug)]
pub struct Conversation {
    inside: String,
    outside: String,
    remote: String,
}

/// A scenario in which `one:4000` and `server:443` have shaken hands through a NAT gateway.
#[track_caller]
pub fn connected(net: Net) -> (Scenario, Conversation) {
    let mut s = net.start();
    let it = s.connect();
    (s, it)
}

impl Scenario {
    /// Lets `one:4000` and `server:443` shake hands through a NAT gateway.
    #[track_caller]
    pub fn connect(&mut self) -> Conversation {
        let it = self.call();
        self.arrive(it.back("SA")).to("one", |p| p.dst("one:4000").hop()).counts(BACK);
        self.leave("one", it.out("A")).to("internet", |p| it.translated(p)).counts(OUT + ESTABLISHED);
        it
    }

    /// A SYN of `one:4000` to `server:443` through a NAT gateway.
    #[track_caller]
    pub fn call(&mut self) -> Conversation {
        let sent = self.leave("one", tcp("one:4000 > server:443", "S")).to("internet", |p| p.src("nat:*").hop());
        Conversation::new("one:4000", &sent.counts(OUT + ATTEMPT + OPENED).source(), "server:443")
    }
}

impl Conversation {
    /// Of an inside, known outside as `outside`, with a remote.
    pub fn new(inside: &str, outside: &str, remote: &str) -> Self {
        Self { inside: inside.to_owned(), outside: outside.to_owned(), remote: remote.to_owned() }
    }

    /// A segment that the inside sends.
    pub fn out(&self, flags: &str) -> Datagram {
        tcp(&format!("{} > {}", self.inside, self.remote), flags)
    }

    /// A segment that the remote sends.
    pub fn back(&self, flags: &str) -> Datagram {
        tcp(&format!("{} > {}", self.remote, self.outside), flags)
    }

    /// What a NAT gateway makes of a segment from the inside.
    pub fn translated(&self, datagram: Datagram) -> Datagram {
        datagram.src(&self.outside).hop()
    }

    /// What a NAT gateway makes of a segment from the remote.
    pub fn restored(&self, datagram: Datagram) -> Datagram {
        datagram.dst(&self.inside).hop()
    }

    /// The name of the inside outside.
    pub fn outside(&self) -> &str {
        &self.outside
    }
}
