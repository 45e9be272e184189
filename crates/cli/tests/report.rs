//! The page of a replay: its numbers are the summary's, it needs nothing but itself, and a browser shows it without complaint.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{have, repository, vpcemu};
use serde_json::Value;

const SCENARIOS: [(&str, &str); 2] = [("private-clients-nat", "clients.pcapng"), ("three-tier-nacl", "app.pcap")];

/// Replays a capture of `pcaps/` into a page. Returns the page and the summary.
fn report(scenario: &str, capture: &str, more: &[&str]) -> (String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report.html");
    let (config, capture) = (format!("pcaps/{scenario}/config.toml"), format!("pcaps/{scenario}/{capture}"));
    let arguments = ["replay", "-c", &config, &capture, "--format", "json", "--report", out.to_str().unwrap()];
    let ran = vpcemu(arguments.iter().chain(more));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    (std::fs::read_to_string(out).unwrap(), serde_json::from_str(&ran.stdout).unwrap())
}

/// The JSON in the page.
fn embedded(page: &str) -> Value {
    let (_, json) = page.split_once("<script type=\"application/json\" id=\"summary\">").unwrap();
    serde_json::from_str(json.split_once("</script>").unwrap().0).unwrap()
}

/// What a `data-key` leads to. Points that belong to a key are escaped.
fn at<'a>(json: &'a Value, key: &str) -> &'a Value {
    let key = key.replace("\\.", "\u{1}");
    key.split('.').fold(json, |json, part| match json {
        Value::Array(list) => &list[part.parse::<usize>().unwrap()],
        json => &json[part.replace('\u{1}', ".")],
    })
}

#[test]
fn numbers_are_those_of_the_summary() {
    for (scenario, capture) in SCENARIOS {
        let (page, mut summary) = report(scenario, capture, &[]);
        summary.as_object_mut().unwrap().remove("run");
        assert_eq!(embedded(&page), summary, "{scenario}");
        let mut keys = Vec::new();
        for marked in page.split("data-key=\"").skip(1) {
            let (key, rest) = marked.split_once("\">").unwrap();
            let shown = rest.split_once('<').unwrap().0.replace(',', "");
            assert_eq!(shown, at(&summary, key).to_string(), "{scenario}: {key}");
            keys.push(key);
        }
        for key in
            ["packets.in", "packets.delivered", "packets.dropped", "packets.held", "bytes.in", "connections.peak"]
        {
            assert!(keys.contains(&key), "{scenario}: {key} is not on the page");
        }
        let of = |start: &str| keys.iter().filter(|key| key.starts_with(start)).count();
        assert_eq!(of("dropped_by_reason."), summary["dropped_by_reason"].as_object().unwrap().len());
        assert_eq!(of("dropped_at."), summary["dropped_at"].as_array().unwrap().len());
        let metrics = summary["nat"].as_object().unwrap().values().map(|nat| nat.as_object().unwrap().len());
        assert_eq!(of("nat."), metrics.sum::<usize>(), "{scenario}");
    }
}

/// The cells of the rows of a table, without markup and separators of thousands.
fn rows(page: &str, caption: &str) -> Vec<Vec<String>> {
    let table = page.split(&format!("<caption>{caption}</caption>")).nth(1).unwrap().split_once("</table>").unwrap().0;
    let cell = |html: &str| {
        let text: String = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
        text.replace(',', "")
    };
    let body = table.split("<tbody>").nth(1).unwrap();
    let cells = |row: &str| row.split("</th>").flat_map(|part| part.split("</td>")).map(cell).collect();
    body.split("</tr>").filter(|row| row.contains("<tr")).map(cells).collect()
}

#[test]
fn every_packet_is_in_every_table() {
    let mut captures = 0;
    for folder in std::fs::read_dir(repository().join("pcaps")).unwrap().map(|entry| entry.unwrap().path()) {
        if !folder.join("config.toml").exists() {
            continue;
        }
        let scenario = folder.file_name().unwrap().to_str().unwrap().to_owned();
        for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if !file.extension().is_some_and(|suffix| suffix == "pcap" || suffix == "pcapng") {
                continue;
            }
            captures += 1;
            let (page, summary) = report(&scenario, file.file_name().unwrap().to_str().unwrap(), &[]);
            let packets = &summary["packets"];
            let sum = |caption: &str, column: usize| -> u64 {
                rows(&page, caption).iter().map(|row| row[column].parse::<u64>().unwrap()).sum()
            };
            let told = format!("{}", file.display());
            assert_eq!(sum("Who talked to whom through what", 3), packets["in"], "{told}");
            assert_eq!(sum("Who talked to whom through what", 4), summary["bytes"]["in"], "{told}");
            assert_eq!(sum("Who talked to whom through what", 6), packets["dropped"], "{told}");
            let fates = [("delivered", 1), ("dropped", 2), ("held", 3)];
            for (fate, column) in fates {
                assert_eq!(sum("Packets over time", column), packets[fate], "{told}: {fate}");
            }
            if packets["dropped"] != 0 {
                assert_eq!(sum("Drops by reason", 2), packets["dropped"], "{told}");
                assert_eq!(sum("Drops by component and rule", 3), packets["dropped"], "{told}");
            }
        }
    }
    assert!(captures >= 15, "{captures} captures");
}

#[test]
fn a_drop_leads_to_its_rule_and_says_why() {
    let (page, _) = report("three-tier-nacl", "app.pcap", &[]);
    let links: Vec<&str> = page.split("href=\"#rule-").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
    assert_eq!(links.len(), 1, "only the network ACL dropped by a rule");
    let row = page.split(&format!("<tr id=\"rule-{}\">", links[0])).nth(1).unwrap().split_once("</tr>").unwrap().0;
    assert!(row.contains("acl-db egress") && row.contains("<td class=\"n\">26</td>"), "{row}");
    assert!(page.contains("the one egress entry that allows something does not match"));
    // Who was meant, and what of it did not arrive.
    let talk = "eni-db</small></th><td><i>no gateway</i></td><td>app <small class=\"id\">eni-app</small>";
    assert!(page.contains(talk), "{page}");
    // Who has an address that only was sent to.
    let (nat, _) = report("private-clients-nat", "clients.pcapng", &[]);
    assert!(nat.contains("203.0.113.20</th><td>nat <small class=\"id\">nat-nat</small>"), "{nat}");
    // A rule that let packets pass is there with the line that defined it.
    assert!(page.contains("<td>pcaps/three-tier-nacl/config.toml:"));
}

#[test]
fn ports_are_counted_towards_one_remote() {
    let (page, _) = report("private-clients-nat", "clients.pcapng", &[]);
    let meters: Vec<u64> = page
        .split("<meter ")
        .skip(1)
        .map(|rest| rest.split_once(" value=\"").unwrap().1.split_once('"').unwrap().0.parse().unwrap())
        .collect();
    assert!(!meters.is_empty() && meters.iter().all(|most| (1..24).contains(most)), "{meters:?}");
    assert!(meters.is_sorted_by(|a, b| a >= b), "most first: {meters:?}");
    assert!(page.contains("max=\"55000\""));
}

#[test]
fn the_page_is_the_same_for_any_number_of_workers() {
    for (scenario, capture) in SCENARIOS {
        let one = report(scenario, capture, &["--workers", "1"]).0;
        for workers in ["2", "5"] {
            assert_eq!(one, report(scenario, capture, &["--workers", workers]).0, "{scenario}, {workers} workers");
        }
    }
}

#[test]
fn nothing_comes_from_outside() {
    for (scenario, capture) in SCENARIOS {
        let (page, _) = report(scenario, capture, &[]);
        for outside in ["http:", "https:", "src=", "url(", "@import", "<link", "<iframe", "fetch(", "import("] {
            assert!(!page.contains(outside), "{scenario}: {outside}");
        }
        // Links lead to what is in the page.
        for target in page.split("href=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
            let id = target.strip_prefix('#').unwrap_or_else(|| panic!("{target} leads out of the page"));
            assert!(page.contains(&format!(" id=\"{id}\"")), "{target}");
        }
    }
}

#[test]
fn names_are_no_markup() {
    let folder = tempfile::tempdir().unwrap();
    let (config, out) = (folder.path().join("<b>net.toml"), folder.path().join("out.html"));
    let hostile = "</script><script>alert(1)</script>";
    let network = std::fs::read_to_string(repository().join("pcaps/private-clients-nat/config.toml")).unwrap();
    // Names of instances, of the gateway and of tables are keys in the native file.
    let network = network
        .replace("[instance.app-1]", &format!("[instance.\"{hostile}\"]"))
        .replace("[nat_gateway.nat]", "[nat_gateway.\"<img src=x>'\"]")
        .replace("via = \"nat\"", "via = \"nat-<img src=x>'\"")
        .replace("[route_table.private]", "[route_table.\"<i>\"]")
        .replace("route_table = \"private\"", "route_table = \"<i>\"");
    std::fs::write(&config, network).unwrap();
    let capture = "pcaps/private-clients-nat/clients.pcapng";
    let ran = vpcemu(["replay", "-q", "-c", config.to_str().unwrap(), capture, "--report", out.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let page = std::fs::read_to_string(out).unwrap();
    for markup in ["<script>alert", "</script><script>a", "<img", "<b>net", "<i>\"", "rtb-<i>"] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"), "the name is shown as text");
    // Two scripts and the data, as in every page.
    assert_eq!(page.matches("<script").count(), 2);
    assert!(embedded(&page)["nat"].as_object().unwrap().contains_key("nat-<img src=x>'"));
}

#[test]
fn other_outputs_are_as_without_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |name: &str, report: bool| {
        let (verdicts, packets) = (path(&format!("{name}.ndjson")), path(&format!("{name}.pcapng")));
        let mut arguments =
            vec!["replay", "-q", "-c", common::CONFIG, common::CAPTURE, "--verdicts", &verdicts, "-w", &packets];
        let page = path("page.html");
        if report {
            arguments.extend(["--report", &page]);
        }
        assert_eq!(vpcemu(arguments).code, Some(0));
        (std::fs::read(verdicts).unwrap(), std::fs::read(packets).unwrap())
    };
    assert!(run("without", false) == run("with", true), "steps are recorded for the page alone");
}

#[test]
fn a_page_that_cannot_be_written_is_told_of_before_the_replay() {
    let ran = vpcemu(["replay", "-c", common::CONFIG, common::CAPTURE, "--report", "/nowhere/report.html"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("/nowhere/report.html"), "{}", ran.stderr);
}

#[test]
fn a_page_is_there_after_damage_and_not_after_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (capture, out) = (folder.path().join("cut.pcap"), folder.path().join("out.html"));
    let run = |capture: &Path| {
        vpcemu(["replay", "-q", "-c", common::CONFIG, capture.to_str().unwrap(), "--report", out.to_str().unwrap()])
    };
    assert_eq!(run(&capture).code, Some(2));
    assert!(!out.exists(), "nothing was replayed");
    let whole = std::fs::read(repository().join(common::CAPTURE)).unwrap();
    std::fs::write(&capture, &whole[..whole.len() - 7]).unwrap();
    let ran = run(&capture);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let page = std::fs::read_to_string(&out).unwrap();
    assert_eq!(embedded(&page)["packets"]["in"], 172);
    assert!(page.contains("<dt>remarks</dt>") && page.contains("packet 173"), "the damage is told of");
    // What was there before is not lost to a replay that cannot begin.
    assert_eq!(run(&folder.path().join("missing.pcap")).code, Some(2));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), page);
}

#[test]
fn several_configurations_and_no_packets_make_pages_too() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.html");
    let (old, new) = ("pcaps/three-tier-nacl/config.toml", "pcaps/three-tier-nacl/fixed.toml");
    let then = format!("+0.01={new}");
    let capture = "pcaps/three-tier-nacl/app.pcap";
    let ran = vpcemu(["replay", "-q", "-c", old, capture, "--then", &then, "--report", out.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let page = std::fs::read_to_string(&out).unwrap();
    assert!(page.contains("pcaps/three-tier-nacl/fixed.toml, from +0.01 on"));
    assert!(page.contains("configuration 1</small>") && page.contains("configuration 2</small>"));
    // A pcap of nothing but its header.
    let empty = folder.path().join("empty.pcap");
    let header = std::fs::read(repository().join(capture)).unwrap();
    std::fs::write(&empty, &header[..24]).unwrap();
    let ran = vpcemu(["replay", "-q", "-c", old, empty.to_str().unwrap(), "--report", out.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let page = std::fs::read_to_string(&out).unwrap();
    assert!(page.contains("There were no packets.") && page.contains("Nothing was dropped."), "{page}");
}

#[test]
fn a_browser_shows_it_at_every_width() {
    if !have("chromium") {
        return;
    }
    // What a page says to the console is heard here.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("loud.html"), "<script>undefined_name()</script>").unwrap();
    assert!(chromium(folder.path(), "loud.html", &["--dump-dom"]).1.contains("CONSOLE"));
    for (scenario, capture) in SCENARIOS {
        let folder = tempfile::tempdir().unwrap();
        let (page, _) = report(scenario, capture, &[]);
        std::fs::write(folder.path().join("report.html"), &page).unwrap();
        // A window cannot be as narrow as a phone; a frame can. It measures what is wider than itself, and sorts a table.
        let frames =
            [1280, 800, 390, 360].map(|width| format!("<iframe width={width} height=800 src=report.html></iframe>"));
        let harness = format!(
            "<body>{}<script>addEventListener('load', () => {{\n\
             const out = [...document.querySelectorAll('iframe')].map((frame) => {{\n\
             const page = frame.contentDocument, root = page.documentElement;\n\
             const shown = [...page.querySelectorAll('figure > svg')].filter((svg) => svg.getBoundingClientRect().width > 0);\n\
             const small = shown.filter((svg) => svg.getBoundingClientRect().width < 0.8 * svg.viewBox.baseVal.width);\n\
             page.querySelector('thead th.n [role=button]').click();\n\
             return [frame.width, root.scrollWidth, shown.length, small.length, page.querySelectorAll('[aria-sort]').length].join(' ');\n\
             }});\n\
             document.body.innerHTML = '<pre>' + out.join('\\n') + '</pre>'; }});</script>",
            frames.concat()
        );
        std::fs::write(folder.path().join("harness.html"), harness).unwrap();
        let (dom, said) = chromium(folder.path(), "harness.html", &["--dump-dom"]);
        assert!(!said.contains("CONSOLE"), "{scenario}: {said}");
        let measured = dom.split_once("<pre>").expect("the harness ran").1.split_once("</pre>").unwrap().0;
        for line in measured.lines() {
            let numbers: Vec<u32> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            let [width, content, shown, small, sorted] = numbers[..] else { panic!("{line}") };
            assert!(content <= width, "{scenario}: {content} pixels in a window of {width}");
            assert!(shown >= 3 && small == 0, "{scenario}, {width}: {shown} drawings, {small} too small to read");
            assert_eq!(sorted, 1, "{scenario}, {width}: a click on a column's name sorts by it");
        }
        assert_eq!(measured.lines().count(), 4);

        let shot = folder.path().join("shot.png");
        let arguments = [format!("--screenshot={}", shot.display()), "--window-size=1280,2400".to_owned()];
        let (_, said) = chromium(folder.path(), "report.html", &[&arguments[0], &arguments[1]]);
        assert!(!said.contains("CONSOLE"), "{scenario}: {said}");
        let picture = std::fs::read(shot).unwrap();
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 50_000, "{scenario}: {} bytes", picture.len());
        let sheet = folder.path().join("sheet.pdf");
        chromium(
            folder.path(),
            "report.html",
            &["--no-pdf-header-footer", &format!("--print-to-pdf={}", sheet.display())],
        );
        assert!(std::fs::read(sheet).unwrap().starts_with(b"%PDF"));
    }
}

/// Loads a file without a network. Returns what was printed, and what was said on standard error, the console's lines included.
fn chromium(folder: &Path, file: &str, arguments: &[&str]) -> (String, String) {
    let profile: PathBuf = folder.join("profile");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
        .args(["--allow-file-access-from-files", "--enable-logging=stderr", "--log-level=0"])
        // Every name leads nowhere.
        .args([
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--proxy-server=127.0.0.1:9",
            "--disable-background-networking",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .arg(format!("file://{}", folder.join(file).display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}
