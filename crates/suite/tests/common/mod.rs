//! Suites of a small network, in a folder of their own.

#![allow(dead_code, clippy::unwrap_used, reason = "every test file uses a part of it")]

use std::path::PathBuf;

use vpcemu_suite::{Error, Filter, Outcome, Suite};

/// A private client behind a NAT gateway and a public server.
pub(crate) const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[subnet.private]
cidrs = ["10.0.1.0/24"]
route_table = "private"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.web]
ingress = [{ proto = "tcp", ports = "443", from = "0.0.0.0/0" }]
[security_group.app]
egress = [{ proto = "tcp", ports = "443", to = "0.0.0.0/0" }, { proto = "udp", ports = "53", to = "0.0.0.0/0" }]
[instance.web]
subnet = "public"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["web"]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["app"]
"#;

/// A folder with the network in `network.toml`.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("network.toml", NETWORK);
        folder
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A suite of these cases.
    pub(crate) fn suite(&self, cases: &str) -> Result<Suite, Error> {
        Suite::load(&self.write("suite.toml", &format!("config = \"network.toml\"\n{cases}")))
    }

    /// What is said of a suite that is refused.
    pub(crate) fn refused(&self, cases: &str) -> String {
        match self.suite(cases) {
            Ok(_) => panic!("{cases}\nwas not refused"),
            Err(error) => error.to_string(),
        }
    }

    /// How the only case of a suite ends.
    pub(crate) fn outcome(&self, cases: &str) -> Outcome {
        let suite = self.suite(cases).unwrap_or_else(|error| panic!("{error}"));
        let ran = suite.run(&Filter::default(), false, |_| {});
        assert_eq!(ran.len(), 1);
        ran[0].outcome.clone()
    }

    pub(crate) fn passes(&self, cases: &str) {
        let outcome = self.outcome(cases);
        assert_eq!(outcome, Outcome::Passed, "{cases}");
    }

    /// What is said of the only case of a suite, which fails.
    pub(crate) fn fails(&self, cases: &str) -> (u32, String) {
        match self.outcome(cases) {
            Outcome::Failed(failure) => (failure.line, failure.messages.join("\n")),
            other => panic!("{cases}\nended with {other:?}"),
        }
    }
}
