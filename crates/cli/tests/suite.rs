//! `vpcemu test`, as a user and a CI server see it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{CAPTURE, CONFIG, Ran, repository, vpcemu};
use serde_json::Value;

const SUITE: &str = "pcaps/worked-example/suite.toml";
const EXPECTED: &str = "crates/import/tests/data/worked-example/expected-flows.json";

fn test(arguments: &[&str]) -> Ran {
    vpcemu(std::iter::once("test").chain(arguments.iter().copied()))
}

/// A folder for a suite whose configuration is the repository's.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.text(name)
    }

    fn copy(&self, from: &str, name: &str) {
        std::fs::copy(repository().join(from), self.path(name)).unwrap();
    }

    /// The worked example's suite, with these replacements.
    fn worked_example(&self, changes: &[(&str, &str)]) -> String {
        let config = repository().join("crates/import/tests/data/worked-example");
        let mut text = std::fs::read_to_string(repository().join(SUITE)).unwrap();
        text = text.replace("../../crates/import/tests/data/worked-example", config.to_str().unwrap());
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        self.write("suite.toml", &text)
    }

    /// A suite of one capture, beside it.
    fn capture(&self, rest: &str) -> String {
        self.copy(CONFIG, "network.toml");
        self.copy(CAPTURE, "app.pcap");
        self.write("suite.toml", &format!("config = \"network.toml\"\n[[capture]]\nfile = \"app.pcap\"\n{rest}"))
    }
}

fn assert_ends(ran: &Ran, code: i32, words: &[&str]) {
    let all = format!("{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(code), "{all}");
    for word in words {
        assert!(all.contains(word), "`{word}` is not in\n{all}");
    }
    assert!(!all.contains("panicked"), "{all}");
}

#[test]
fn the_worked_example_is_a_suite_in_both_languages() {
    let ran = test(&[SUITE]);
    assert_ends(&ran, 0, &["running 16 tests of pcaps/worked-example/suite.toml"]);
    assert!(ran.stdout.ends_with("\ntest result: ok. 16 passed; 0 failed; 0 filtered out\n"), "{}", ran.stdout);
    let yaml = test(&["pcaps/worked-example/suite.yaml"]);
    assert_eq!(yaml.stdout.replace("suite.yaml", "suite.toml"), ran.stdout);
    // Every flow that is expected is a case, and expects it.
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(repository().join(EXPECTED)).unwrap()).unwrap();
    let suite = std::fs::read_to_string(repository().join(SUITE)).unwrap();
    let cases: BTreeMap<&str, &str> =
        suite.split("[[flow]]\nname = \"").skip(1).filter_map(|case| case.split_once('"')).collect();
    let flows = expected["flows"].as_array().unwrap();
    assert_eq!(flows.len(), 15);
    for flow in flows {
        let case = cases[flow["id"].as_str().unwrap()];
        let fate = if flow["expect"] == "drop" { "expect = \"deny\"" } else { "expect = \"allow\"" };
        assert!(case.contains(fate), "{flow}");
        assert_eq!(flow["expect"] == "accept-then-reply-drop", case.contains("reply = \"deny\""), "{flow}");
    }
}

#[test]
fn a_failure_shows_what_happened_on_which_line() {
    let folder = Folder::new();
    let suite = folder.worked_example(&[("203.0.113.10:443", "203.0.113.10:444"), ("rule = 90", "rule = 100")]);
    let ran = test(&[&suite]);
    let told = [
        "test internet-to-web ... FAILED",
        "test web-to-app ... ok",
        "suite.toml:37) ----\nthe answer: the rule that denies it should be 100, but is 90\n\n#1 ALLOW",
        "suite.toml:48) ----\nthe packet should be delivered, but it was denied by eni-01000000000000001 rule *",
        "but port 444 is not 443",
        "failures:\n    nacl-90-denies-reply\n    internet-to-web\n",
        "test result: FAILED. 14 passed; 2 failed; 0 filtered out",
    ];
    assert_ends(&ran, 1, &told);
    // Each case by itself fails in the same words: none depends on those before it.
    let alone = test(&[&suite, "--filter", "internet-to-web", "--exact"]);
    assert_ends(&alone, 1, &["0 passed; 1 failed; 15 filtered out"]);
    let of = |ran: &Ran| {
        ran.stdout.split("---- internet-to-web (").nth(1).unwrap().split("failures:").next().unwrap().to_owned()
    };
    assert_eq!(of(&alone), of(&ran));
}

#[test]
fn scripts_fail_at_the_line_of_their_step() {
    let folder = Folder::new();
    let suite = folder.worked_example(&[("+349s", "+351s")]);
    let ran = test(&[&suite, "--filter", "idle"]);
    let told = [
        "suite.toml:156) ----\nstep 4 should be delivered, but it was denied by nat-0c000000000000003 (X_NAT_IDLE_EXPIRED)",
        "step 4 should cause no packet, but causes tcp-rst",
        "step 3: #3 ALLOW",
        "step 4 at +351s:\n#4 DENY",
        "then tcp-rst ALLOW",
    ];
    assert_ends(&ran, 1, &told);
    let counters = folder.worked_example(&[("\"demo-nat.IdleTimeoutCount\" = 1", "\"demo-nat.IdleTimeoutCount\" = 0")]);
    let ran = test(&[&counters, "--filter", "idle"]);
    assert_ends(&ran, 1, &["demo-nat.IdleTimeoutCount should be 0 after the last step, but is 1"]);
}

#[test]
fn cases_are_chosen_by_name_and_listed() {
    let listed = test(&[SUITE, "--list", "--filter", "app", "--filter", "idle"]);
    assert_ends(&listed, 0, &["web-to-app: flow\n", "idle-nat-flow-is-reset: script\n", "\n6 tests\n"]);
    assert!(!listed.stdout.contains("spoofed"));
    assert_ends(&test(&[SUITE, "--filter", "app"]), 0, &["5 passed; 0 failed; 11 filtered out"]);
    assert_ends(&test(&[SUITE, "--filter", "internet-to-web", "--exact"]), 0, &["1 passed; 0 failed; 15 filtered out"]);
    // A filter that keeps nothing would pass whatever the network does.
    assert_ends(
        &test(&[SUITE, "--filter", "internet-to-wep"]),
        2,
        &["--filter internet-to-wep", "none of the 16 cases"],
    );
    assert_ends(&test(&[SUITE, "--filter", "app", "--exact"]), 2, &["none of the 16 cases"]);
    assert_ends(&test(&[SUITE, "--exact"]), 2, &["--filter"]);
    let json: Value =
        serde_json::from_str(&test(&[SUITE, "--list", "--format", "json", "--filter", "idle"]).stdout).unwrap();
    assert_eq!(json[0]["kind"], "script");
    assert_eq!(json[0]["line"], 150);
}

#[test]
fn results_are_json_tap_and_annotations() {
    let folder = Folder::new();
    let suite =
        folder.worked_example(&[("203.0.113.10:443", "203.0.113.10:444"), ("web-to-app", "100%: # web, to app")]);
    let ran = test(&[&suite, "--format", "json"]);
    assert_eq!(ran.code, Some(1));
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&json["passed"], &json["failed"], &json["broken"]), (&15.into(), &1.into(), &0.into()));
    let failed = json["suites"][0]["cases"].as_array().unwrap().iter().find(|case| case["result"] == "failed").unwrap();
    assert_eq!((&failed["name"], &failed["line"]), (&"internet-to-web".into(), &48.into()));
    assert!(failed["failure"]["trace"].as_str().unwrap().contains("port 444 is not 443"));

    let tap = test(&[&suite, "--format", "tap"]);
    assert_ends(
        &tap,
        1,
        &["TAP version 14\n1..16\nok 1 - ", "\nnot ok 5 - internet-to-web\n  ---\n", "ok 9 - 100%: \\# web"],
    );

    let github = test(&[&suite, "--format", "github"]);
    let lines: Vec<_> = github.stdout.lines().filter(|line| line.starts_with("::")).collect();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let (properties, message) = line.split_once("::the packet").unwrap();
    let file = suite.replace(':', "%3A");
    assert_eq!(properties, format!("::error file={file},line=48,title=internet-to-web"));
    assert!(message.contains("port 444 is not 443%0A"), "{message}");
    assert!(github.stdout.contains("test result: FAILED. 15 passed"));
    // What a suite cannot say is shown on its line, too.
    let bad = folder.worked_example(&[("name = \"web-to-app\"", "nam = \"a\"")]);
    let github = test(&[&bad, "--format", "github"]);
    assert_ends(&github, 2, &["line=86,title=unknown-key::there is no key `nam` here%0Adid you mean `name`?"]);
}

#[test]
fn junit_is_xml_that_says_the_same() {
    let folder = Folder::new();
    let suite =
        folder.worked_example(&[("203.0.113.10:443", "203.0.113.10:444"), ("web-to-app", "<web> & \\\"app\\\"")]);
    let junit = folder.text("results.xml");
    assert_ends(&test(&[&suite, "--junit", &junit]), 1, &["15 passed; 1 failed"]);
    let text = std::fs::read_to_string(junit).unwrap();
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut cases, mut failures, mut names) = (0, Vec::new(), Vec::new());
    loop {
        use quick_xml::events::Event;
        let attribute = |element: &quick_xml::events::BytesStart<'_>, name: &str| {
            let found = element.try_get_attribute(name).unwrap().unwrap();
            quick_xml::escape::unescape(std::str::from_utf8(&found.value).unwrap()).unwrap().into_owned()
        };
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                b"testcase" => {
                    cases += 1;
                    names.push(attribute(&element, "name"));
                    assert_eq!(attribute(&element, "file"), suite);
                    assert!(attribute(&element, "line").parse::<u32>().unwrap() > 1);
                }
                b"failure" => failures.push((names.last().unwrap().clone(), attribute(&element, "message"))),
                b"testsuite" => assert_eq!(attribute(&element, "tests"), "16"),
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(cases, 16);
    assert!(names.contains(&"<web> & \"app\"".to_owned()));
    let [(name, message)] = failures.as_slice() else { panic!("{failures:?}") };
    assert!(name == "internet-to-web" && message.contains("should be delivered, but it was denied by"), "{message}");
}

#[test]
fn no_old_results_stay_in_the_junit_file() {
    let folder = Folder::new();
    let junit = folder.text("results.xml");
    let good = folder.worked_example(&[]);
    let xml = || std::fs::read_to_string(folder.path("results.xml")).unwrap();
    let is_error = |word: &str| {
        let text = xml();
        assert!(text.contains("tests=\"1\"") && text.contains("errors=\"1\"") && text.contains(word), "{text}");
        assert!(!text.contains("web-to-app"), "{text}");
    };
    assert_ends(&test(&[&good, "--junit", &junit]), 0, &["16 passed"]);
    assert!(xml().contains("web-to-app"));
    let bad = folder.write("bad.toml", "config = \"<none>.toml\"\n");
    let told = ["results.xml holds no results, but the error that follows", "vpcemu: error:"];
    assert_ends(&test(&[&good, &bad, "--junit", &junit]), 2, &told);
    is_error("bad.toml");
    assert_ends(&test(&[&good, "--junit", &junit]), 0, &["16 passed"]);
    assert_ends(&test(&[&good, "--junit", &junit, "--filter", "nothing"]), 2, &told);
    is_error("none of the 16 cases");
    // One that cannot be written is said to be so, beside what was wrong first.
    let nowhere = folder.text("none/results.xml");
    assert_ends(&test(&[&bad, "--junit", &nowhere]), 2, &["results.xml: cannot be written", "bad.toml"]);
}

#[test]
fn a_capture_is_compared_with_the_golden_beside_it() {
    let folder = Folder::new();
    let golden = "pcaps/private-clients-nat/app-1.verdicts.ndjson";
    folder.copy(golden, "app.verdicts.ndjson");
    let numbers = "summary = { packets = { in = 173, dropped = 12 }, dropped_by_reason = { X_DIVERGED = 11, X_TTL = 0 }, \
        nat = { nat = { ConnectionAttemptCount = 7 } }, delivered_to = { internet = 84, app-1 = 77 } }\n";
    let suite = folder.capture(&format!("golden = \"app.verdicts.ndjson\"\n{numbers}"));
    assert_ends(&test(&[&suite]), 0, &["test app.pcap ... ok"]);
    let wrong = folder.capture(&numbers.replace("X_DIVERGED = 11", "X_DIVERGED = 12"));
    assert_ends(&test(&[&wrong]), 1, &["dropped_by_reason.X_DIVERGED should be 12, but is 11"]);

    // Names are not looked up any more.
    let suite = folder.capture("golden = \"app.verdicts.ndjson\"\n");
    let network = std::fs::read_to_string(folder.path("network.toml")).unwrap();
    folder
        .write("network.toml", &network.replace("proto = \"udp\", ports = \"53\"", "proto = \"udp\", ports = \"54\""));
    let told = [
        "173 packets differ from",
        "the first in line 1",
        "packet 1:\n    at should be null, but is \"eni-app-1\"",
        "    verdict should be \"allow\", but is \"deny\"",
        "#1 DENY  udp",
        "but port 53 is not 54",
        "more packets differ",
    ];
    assert_ends(&test(&[&suite]), 1, &told);
}

#[test]
fn a_golden_of_something_else_is_never_a_pass() {
    let folder = Folder::new();
    let golden = |name: &str| {
        folder.copy(&format!("pcaps/private-clients-nat/{name}.verdicts.ndjson"), "golden.ndjson");
        std::fs::read_to_string(folder.path("golden.ndjson")).unwrap()
    };
    let suite = folder.capture("golden = \"golden.ndjson\"\n");
    assert_ends(&test(&[&suite]), 2, &["test app.pcap ... BROKEN", "there is no such golden", "--bless", "1 broken"]);
    golden("app-2");
    assert_ends(&test(&[&suite]), 2, &["no golden of the capture: packet 1 has time", "1 case could not be evaluated"]);
    let whole = golden("app-1");
    let lines: Vec<&str> = whole.lines().collect();
    folder.write("golden.ndjson", &lines[..100].join("\n"));
    assert_ends(&test(&[&suite]), 2, &["it ends before packet 101"]);
    folder.write("golden.ndjson", &format!("{whole}{}\n", lines[0].replace("\"n\":1,", "\"n\":174,")));
    assert_ends(&test(&[&suite]), 2, &["it goes on for 1 packets after the 173 of the capture"]);
    folder.write("golden.ndjson", &lines[1..].join("\n"));
    assert_ends(&test(&[&suite]), 2, &["line 1 is of packet 2, and packet 1 is next"]);
    folder.write("golden.ndjson", "");
    assert_ends(&test(&[&suite]), 2, &["it ends before packet 1"]);
    folder.write("golden.ndjson", "what?\n");
    assert_ends(&test(&[&suite]), 2, &["line 1 is no verdict"]);
    // Verdicts of another seed differ in nothing but ports.
    folder.write("golden.ndjson", &whole);
    let text = std::fs::read_to_string(folder.path("suite.toml")).unwrap();
    let seeded = folder.write("seeded.toml", &format!("seed = 2\n{text}"));
    assert_ends(&test(&[&seeded]), 1, &["only translated ports differ", "probably made with another seed than 2"]);
    // Where a gateway has several addresses the seed chooses among them, too.
    let regional = repository().join("pcaps/regional-nat").display().to_string();
    let regional = folder.write(
        "regional.toml",
        &format!(
            "config = \"{regional}/config.toml\"\nseed = 9\n[[capture]]\nfile = \"{regional}/clients.pcapng\"\n\
             golden = \"{regional}/clients.verdicts.ndjson\"\n"
        ),
    );
    let told = ["only translated ports and addresses differ", "probably made with another seed than 9"];
    assert_ends(&test(&[&regional]), 1, &told);
    // What no seed explains is no matter of seeds.
    folder.write("golden.ndjson", &whole.replacen("\"verdict\":\"allow\"", "\"verdict\":\"deny\"", 1));
    let other = test(&[&seeded]);
    assert_ends(&other, 1, &["packets differ from"]);
    assert!(!other.stdout.contains("another seed"), "{}", other.stdout);
    // Half a capture shows half of what it should.
    let capture = std::fs::read(folder.path("app.pcap")).unwrap();
    std::fs::write(folder.path("app.pcap"), &capture[..capture.len() - 5]).unwrap();
    assert_ends(&test(&[&suite]), 2, &["app.pcap", "1 broken"]);
}

#[test]
fn goldens_are_rewritten_when_they_differ_and_only_then() {
    let folder = Folder::new();
    let suite = folder.capture("golden = \"app.verdicts.ndjson\"\n");
    assert_ends(&test(&[&suite, "--bless"]), 0, &["test app.pcap ... ok, blessed", "it was not there"]);
    let replayed = folder.text("replayed.ndjson");
    let (config, capture) = (folder.text("network.toml"), folder.text("app.pcap"));
    vpcemu(["replay", "-q", "-c", &config, &capture, "--verdicts", &replayed]);
    let written = || std::fs::read(folder.path("app.verdicts.ndjson")).unwrap();
    assert_eq!(written(), std::fs::read(&replayed).unwrap());
    assert_ends(&test(&[&suite]), 0, &["ok. 1 passed"]);

    let modified = |name: &str| std::fs::metadata(folder.path(name)).unwrap().modified().unwrap();
    let before = modified("app.verdicts.ndjson");
    let again = test(&[&suite, "--bless"]);
    assert_ends(&again, 0, &["test app.pcap ... ok\n"]);
    assert_eq!(modified("app.verdicts.ndjson"), before);

    let network = std::fs::read_to_string(folder.path("network.toml")).unwrap();
    folder.write("network.toml", &network.replace("ports = \"80\"", "ports = \"81\""));
    assert_ends(&test(&[&suite]), 1, &["FAILED"]);
    let blessed = test(&[&suite, "--bless"]);
    assert_ends(&blessed, 0, &["ok, blessed", "of 173 packets differed"]);
    assert_ends(&test(&[&suite]), 0, &["ok. 1 passed"]);
    assert_ne!(written(), std::fs::read(&replayed).unwrap());
    let left: Vec<_> = std::fs::read_dir(folder.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("blessing")), "{left:?}");
}

#[test]
fn what_is_no_suite_is_refused() {
    let folder = Folder::new();
    assert_ends(&test(&[]), 2, &["SUITE"]);
    assert_ends(&test(&["none.toml"]), 2, &["none.toml: cannot be read"]);
    assert_ends(&test(&[&folder.write("a.toml", "")]), 2, &["a.toml", "missing field `config`"]);
    assert_ends(&test(&[&folder.write("a.yaml", "")]), 2, &["the suite is empty"]);
    std::fs::write(folder.path("b.toml"), b"config = \"\xff\"").unwrap();
    assert_ends(&test(&[&folder.text("b.toml")]), 2, &["not UTF-8 text, from byte 10 on"]);
    assert_ends(&test(&[&folder.write("c.toml", "config = ")]), 2, &["c.toml:1"]);
    assert_ends(&test(&[&folder.write("d.yaml", "config: [x\nflow: y\n")]), 2, &["d.yaml:2:5"]);
    let unnamed = folder.write(
        "e.toml",
        "config = \"none\"\n[[flow]]\nname = \"a\"\nfrom = \"a\"\nto = \"b\"\nproto = 1\nexpect = \"deny\"\n",
    );
    assert_ends(&test(&[&unnamed]), 2, &["e.toml:1: the configuration cannot be used", "none: No such file"]);
    // A suite that is good does not hide one that is not.
    assert_ends(&test(&[SUITE, &unnamed]), 2, &["the configuration cannot be used"]);
}

#[test]
fn the_schema_of_a_suite_has_every_key() {
    let of = |arguments: &[&str]| -> Value { serde_json::from_str(&vpcemu(arguments).stdout).unwrap() };
    let schema = of(&["schema", "suite"]);
    let keys = |value: &Value| value["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&schema), ["bind", "capture", "config", "flow", "script", "seed", "vpc"]);
    assert!(keys(&schema["$defs"]["StepFile"]).contains(&"generated".to_owned()));
    let config = of(&["schema"]);
    assert_eq!(config, of(&["schema", "config"]));
    assert_eq!(config["title"], "vpcemu configuration");
}

#[cfg(unix)]
#[test]
fn files_are_watched_until_sigint() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let folder = Folder::new();
    let suite = folder.worked_example(&[]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_vpcemu"))
        .args(["test", &suite, "--watch", "--filter", "internet-to-web", "--exact"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = |word: &str| {
        let found = lines.by_ref().map(|line| line.unwrap()).find(|line| line.contains(word));
        assert!(found.is_some(), "the output ended before `{word}`");
    };
    until("1 passed");
    until("watching for changes");
    folder.worked_example(&[("203.0.113.10:443", "203.0.113.10:4443")]);
    until("0 passed; 1 failed");
    until("watching for changes");
    folder.worked_example(&[("name = \"web-to-app\"", "nam = \"web-to-app\"")]);
    until("watching for changes");
    folder.worked_example(&[]);
    until("1 passed");
    until("watching for changes");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn nothing_of_a_folder_is_written_without_being_asked() {
    let names = |path: &Path| {
        let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let folder = Folder::new();
    let suite = folder.capture("golden = \"none.ndjson\"\n");
    let before = names(&folder.path("."));
    assert_eq!(test(&[&suite]).code, Some(2));
    assert_eq!(names(&folder.path(".")), before);
}

#[test]
fn every_capture_of_the_repository_is_as_its_golden_says() {
    let folder = Folder::new();
    let mut suites = Vec::new();
    let mut captures = 0;
    for scenario in std::fs::read_dir(repository().join("pcaps")).unwrap().map(|entry| entry.unwrap().path()) {
        let config = scenario.join("config.toml");
        if !config.exists() {
            continue;
        }
        let mut text = format!("config = {:?}\n", config);
        for file in std::fs::read_dir(&scenario).unwrap().map(|entry| entry.unwrap().path()) {
            let golden = file.with_extension("verdicts.ndjson");
            if golden.exists() && file.extension().is_some_and(|suffix| suffix == "pcap" || suffix == "pcapng") {
                text += &format!(
                    "[[capture]]\nname = {:?}\nfile = {file:?}\ngolden = {golden:?}\n",
                    file.file_name().unwrap()
                );
                captures += 1;
            }
        }
        suites.push(folder.write(&format!("{}.toml", scenario.file_name().unwrap().to_string_lossy()), &text));
    }
    assert!(captures >= 15);
    let arguments: Vec<_> = suites.iter().map(String::as_str).collect();
    let ran = test(&arguments);
    assert_ends(&ran, 0, &[&format!("ok. {captures} passed; 0 failed")]);
    assert_eq!(ran.stdout.matches("running ").count(), suites.len());
}

#[test]
fn packets_that_gateways_make_are_compared_too() {
    let folder = Folder::new();
    let scenario = repository().join("pcaps/nat-instance");
    let suite = format!(
        "config = {:?}\n[[capture]]\nfile = {:?}\ngolden = \"golden.ndjson\"\n",
        scenario.join("config.toml"),
        scenario.join("client.pcap")
    );
    let suite = folder.write("suite.toml", &suite);
    let golden = std::fs::read_to_string(scenario.join("client.verdicts.ndjson")).unwrap();
    let made = golden.lines().find(|line| line.starts_with("{\"n\":null")).unwrap();
    let kind = made.split("\"kind\":\"").nth(1).unwrap().split('"').next().unwrap();
    folder.write("golden.ndjson", &golden);
    assert_ends(&test(&[&suite]), 0, &["ok. 1 passed"]);
    folder.write("golden.ndjson", &golden.replacen(&format!("{made}\n"), "", 1));
    assert_ends(&test(&[&suite]), 1, &[&format!("it should cause nothing, but causes a {kind}")]);
    folder.write("golden.ndjson", &golden.replacen(made, &format!("{made}\n{made}"), 1));
    assert_ends(&test(&[&suite]), 2, &["is of packet null"]);
    folder.write("golden.ndjson", &golden.replacen(made, &made.replace(kind, "tcp-reset"), 1));
    let told = format!("the packet made because of it: kind should be \"tcp-reset\", but is \"{kind}\"");
    assert_ends(&test(&[&suite]), 1, &[&told]);
}

#[test]
fn what_a_plan_leaves_open_is_an_assumption() {
    let folder = Folder::new();
    let plan = repository().join("crates/import/tests/data/terraform/show-plan.json");
    let suite = |assumed: &str| {
        let flow = "[[flow]]\nname = \"dns\"\nfrom = \"internet\"\nto = \"198.51.100.1:443\"\nproto = \"tcp\"\nexpect = \"deny\"\n";
        folder.write("suite.toml", &format!("config = {plan:?}\n{flow}{assumed}"))
    };
    assert_ends(&test(&[&suite("")]), 0, &["ok. 1 passed"]);
    assert_ends(&test(&[&suite("assumed = \"none\"\n")]), 1, &["nothing should be assumed, but this was: "]);
}
