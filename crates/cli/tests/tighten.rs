//! `vpcemu rules --tighten`: the rules that it prints, put into force.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};

use common::observed::{captures, rules, text, verdicts};
use common::vpcemu;
use serde_json::Value;
use tempfile::TempDir;
use toml::Table;
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_packet::{TcpFlags, build};

/// A configuration whose security groups can be replaced.
struct Bench {
    folder: TempDir,
    config: Table,
    capture: String,
    fates: Vec<(Value, String, String)>,
}

impl Bench {
    /// `config` is a native file.
    fn new(config: &str, capture: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let table = std::fs::read_to_string(config).unwrap().parse().unwrap();
        let mut bench = Self { folder, config: table, capture: capture.to_owned(), fates: Vec::new() };
        bench.fates = bench.run(&bench.config);
        bench
    }

    /// Number, verdict and reason of each packet; which words a security group denies with depends on what rules it has.
    fn run(&self, config: &Table) -> Vec<(Value, String, String)> {
        let path = self.folder.path().join("net.toml");
        std::fs::write(&path, toml::to_string(config).unwrap()).unwrap();
        let lines = verdicts(self.folder.path(), path.to_str().unwrap(), &self.capture);
        let reason = |line: &Value| match text(&line["reason"]).as_str() {
            "SG_HAS_NO_RULES" | "SG_REFERENCES_NOT_PRESERVED" => "ENI_SG_RULES_MISMATCH".to_owned(),
            other => other.to_owned(),
        };
        let input = lines.iter().filter(|line| !line["n"].is_null());
        input.map(|line| (line["n"].clone(), text(&line["verdict"]), reason(line))).collect()
    }

    /// The configuration with these security groups.
    fn with(&self, printed: &str) -> Table {
        let mut config = self.config.clone();
        let groups: Table = printed.parse().unwrap();
        assert_eq!(groups.keys().collect::<Vec<_>>(), ["security_group"]);
        config.insert("security_group".to_owned(), groups["security_group"].clone());
        config
    }

    /// Whether the tightened set does the same, and every part of it is needed. Gives the number of rules.
    fn prove(&self, config: &str, arguments: &[&str]) -> usize {
        let ran = vpcemu([&["rules", "-c", config, &self.capture, "--tighten", "toml"], arguments].concat());
        assert!(ran.code == Some(0) && !ran.stderr.contains("another verdict"), "{}", ran.stderr);
        assert!(
            ran.stdout.contains("# Without any one of them some verdict changes: each was tried."),
            "{}",
            ran.stdout
        );
        let tight = self.with(&ran.stdout);
        assert_eq!(self.run(&tight), self.fates, "{}\n{}", self.capture, ran.stdout);
        let mut rules = 0;
        let groups = tight["security_group"].as_table().unwrap();
        for (group, way) in groups.keys().flat_map(|group| ["ingress", "egress"].map(|way| (group, way))) {
            let count = groups[group].get(way).map_or(0, |rules| rules.as_array().unwrap().len());
            for at in 0..count {
                let mut less = tight.clone();
                less["security_group"][group.as_str()][way].as_array_mut().unwrap().remove(at);
                assert_ne!(self.run(&less), self.fates, "{}: {group} {way} {at} is not needed", self.capture);
                rules += 1;
            }
        }
        rules
    }
}

#[test]
fn tightened_rules_do_the_same_and_none_can_go() {
    let mut rules = 0;
    for (config, capture) in captures() {
        rules += Bench::new(&config, &capture).prove(&config, &[]);
    }
    assert!(rules > 40, "{rules}");
}

/// The flows of the worked example, with their answers, as a capture.
fn worked_example(folder: &Path) -> PathBuf {
    let tcp = |src: &str, dst: &str, flags| build::tcp(src.parse().unwrap(), dst.parse().unwrap()).flags(flags).build();
    let mut datagrams = Vec::new();
    for (src, dst) in [
        ("10.20.10.10:40000", "93.184.216.34:443"),
        ("10.20.10.10:40001", "93.184.216.34:80"),
        ("10.20.10.10:40002", "198.51.100.7:443"),
        ("198.51.100.9:51000", "10.20.0.10:443"),
        ("198.51.100.10:51001", "10.20.0.10:443"),
        ("198.51.100.11:51001", "10.20.0.10:443"),
        ("192.0.2.130:51000", "10.20.0.10:22"),
        ("198.51.100.9:51000", "10.20.0.10:22"),
        ("198.51.100.9:51000", "203.0.113.20:443"),
        ("10.20.0.10:41000", "10.20.10.10:8080"),
        ("10.20.10.10:42000", "10.20.11.10:5432"),
        ("10.20.0.10:42000", "10.20.11.10:5432"),
        ("10.20.10.10:43000", "52.216.1.1:443"),
        ("[2001:db8:1234:1a10::10]:44000", "[2606:2800:220:1::1]:443"),
        ("[2606:2800:220:1::1]:443", "[2001:db8:1234:1a10::10]:8080"),
        ("10.20.10.99:40000", "93.184.216.34:443"),
    ] {
        datagrams.push(tcp(src, dst, TcpFlags::SYN));
        datagrams.push(tcp(dst, src, TcpFlags::SYN | TcpFlags::ACK));
    }
    let (db, web): (std::net::IpAddr, _) = ("10.20.11.10".parse().unwrap(), "10.20.0.10".parse().unwrap());
    datagrams.push(build::udp("10.20.11.10:40000".parse().unwrap(), "10.20.0.2:53".parse().unwrap()).build());
    datagrams.push(build::echo_request(db, web, 7, 1).build());
    datagrams.push(build::echo_request(web, "10.20.10.10".parse().unwrap(), 8, 1).build());
    let path = folder.join("worked-example.pcap");
    let mut writer = PcapWriter::new(std::fs::File::create(&path).unwrap(), LinkType::RAW).unwrap();
    for (at, datagram) in (1_750_000_000_000_000_000..).step_by(1_000_000).zip(&datagrams) {
        writer.write(at, datagram.len() as u32, datagram).unwrap();
    }
    writer.finish().unwrap();
    path
}

#[test]
fn the_worked_example_is_tightened() {
    let folder = tempfile::tempdir().unwrap();
    let capture = worked_example(folder.path());
    let native = folder.path().join("worked-example.toml");
    let dump = "crates/import/tests/data/worked-example";
    let ran = vpcemu(["convert", dump, "-o", native.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let bench = Bench::new(native.to_str().unwrap(), capture.to_str().unwrap());
    assert!(bench.fates.iter().any(|(_, verdict, _)| verdict == "deny"));
    // From the dump itself: names of tables are the same as those of its native file.
    assert!(bench.prove(dump, &[]) >= 6);
    // Rules that AWS has are revoked by their ids.
    let aws = vpcemu(["rules", "-c", dump, capture.to_str().unwrap(), "--tighten", "aws"]).stdout;
    assert!(
        aws.contains("\n  --security-group-rule-ids sgr-06000000000000") && !aws.contains("put those of AWS"),
        "{aws}"
    );
    let rows = rules(&["-c", dump, capture.to_str().unwrap()]);
    let hit = |text: &str| rows.iter().find(|row| row["text"] == text).unwrap_or_else(|| panic!("{text}: {rows:#?}"));
    assert!(hit("deny tcp 1024-65535 from 198.51.100.0/24")["packets"].as_u64() > Some(0));
}

#[test]
fn commands_and_resources_say_the_same_rules() {
    let (config, capture) = ("pcaps/public-web-server/config.toml", "pcaps/public-web-server/inside.pcapng");
    let run = |form: &str| {
        let ran = vpcemu(["rules", "-c", config, capture, "--tighten", form]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        ran.stdout
    };
    let groups: Table = run("toml").parse().unwrap();
    let web = &groups["security_group"]["web"];
    let count = |way: &str| web[way].as_array().unwrap().len();
    let terraform = run("terraform");
    for way in ["ingress", "egress"] {
        let resources = terraform.matches(&format!("resource \"aws_vpc_security_group_{way}_rule\" \"sg_web_")).count();
        assert_eq!(resources, count(way), "{terraform}");
    }
    assert!(
        terraform.contains("  ip_protocol       = \"icmp\"\n  from_port         = 8\n  to_port           = 0\n"),
        "{terraform}"
    );
    let aws = run("aws");
    let authorized =
        aws.lines().skip_while(|line| !line.starts_with("aws ec2 authorize-security-group-ingress --group-id sg-web"));
    let permissions =
        authorized.skip(1).map(|line| line.trim().strip_prefix("--ip-permissions ").unwrap()).next().unwrap();
    let permissions: Value = serde_json::from_str(permissions.trim_matches('\'')).unwrap();
    let peers = |item: &Value| {
        ["IpRanges", "Ipv6Ranges"].map(|list| item[list].as_array().map_or(0, Vec::len)).iter().sum::<usize>()
    };
    assert_eq!(permissions.as_array().unwrap().iter().map(peers).sum::<usize>(), count("ingress"));
    // What is new is there before what was is gone.
    assert!(aws.find("revoke-").unwrap() > aws.rfind("authorize-").unwrap(), "{aws}");
    assert!(aws.contains("aws ec2 revoke-security-group-egress --group-id sg-web"), "{aws}");
}

#[test]
fn more_clients_than_a_group_can_have_rules_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let run = |clients: u32, form: &str| {
        let path = folder.path().join("many.pcap");
        let mut writer = PcapWriter::new(std::fs::File::create(&path).unwrap(), LinkType::RAW).unwrap();
        for at in 0..clients {
            // Every other address, so that none are neighbours.
            let client = std::net::Ipv4Addr::from_bits(0xc633_0001 + 2 * at);
            let syn =
                build::tcp((client, 40_000).into(), "203.0.113.10:443".parse().unwrap()).flags(TcpFlags::SYN).build();
            writer.write(1_750_000_000_000_000_000 + u64::from(at), syn.len() as u32, &syn).unwrap();
        }
        writer.finish().unwrap();
        vpcemu(["rules", "-c", "pcaps/public-web-server/config.toml", path.to_str().unwrap(), "--tighten", form])
    };
    let many = run(61, "toml");
    assert!(many.stdout.contains("# sg-web has 61 inbound IPv4 rules, above the default of 60"), "{}", many.stderr);
    let too_many = run(1001, "toml");
    assert_eq!((too_many.code, too_many.stdout.as_str()), (Some(2), ""));
    assert!(
        too_many.stderr.contains("has 1001 inbound IPv4 rules in sg-web, and 1000 is the most"),
        "{}",
        too_many.stderr
    );
}
