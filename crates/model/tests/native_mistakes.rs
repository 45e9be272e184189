//! What is said of files that are wrong: everything at once, each with its line.

use proptest::prelude::*;
use vpcemu_model::native::{self, Error, Finding, Severity};

const REFERENCE: &str = include_str!("data/reference.toml");
const BASE: &str = "[vpc.main]\ncidr = \"10.0.0.0/16\"\n[subnet.a]\ncidr = \"10.0.0.0/24\"\n";

/// The findings of a file that cannot be used, and how they are shown.
fn mistakes(text: &str) -> (Vec<Finding>, String) {
    match native::parse("test.toml", text) {
        Err(Error::Invalid { rendered, findings } | Error::Syntax { rendered, findings }) => (findings, rendered),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("this was taken:\n{text}"),
    }
}

/// The only error of a small file with `more` in it.
fn mistake(more: &str) -> (Finding, String) {
    let (findings, rendered) = mistakes(&format!("{BASE}{more}"));
    let mut errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
    let first = errors.next().expect("an error");
    let others: Vec<_> = errors.collect();
    assert!(others.is_empty(), "{rendered}");
    (first, rendered)
}

#[test]
fn an_unknown_key_has_its_line_and_the_nearest_known_one() {
    let (finding, rendered) = mistake("[instance.web]\nsubnet = \"a\"\nsecurity_group = [\"web\"]\n");
    assert_eq!((finding.code, finding.origin.line), ("unknown-key", Some(7)));
    assert_eq!(finding.help.as_deref(), Some("did you mean `security_groups`?"));
    assert!(rendered.contains("test.toml:7:1") && rendered.contains("security_group = [\"web\"]"), "{rendered}");
    assert!(!rendered.contains('\u{1b}'));
    let (finding, _) = mistake("[instances.web]\nsubnet = \"a\"\n");
    assert_eq!(finding.help.as_deref(), Some("did you mean `instance`?"));
    let (finding, _) = mistake("[behavior.nat_gateway]\nudp_idel = \"3s\"\n");
    assert_eq!(finding.help.as_deref(), Some("did you mean `udp_idle`?"));
    let (finding, _) = mistake("[route_table.t]\nroutes = [{ to = \"0.0.0.0/0\", via = \"local\", metric = 3 }]\n");
    assert_eq!(finding.help.as_deref(), Some("there is active, propagated, to, via"));
}

#[test]
fn a_syntax_error_has_line_and_column() {
    let (findings, rendered) = mistakes("[vpc.main]\ncidrs = [\"10.0.0.0/16\"\n[subnet.a\n");
    assert_eq!(findings[0].code, "syntax");
    assert!(rendered.contains("test.toml:"), "{rendered}");
    let (_, rendered) = mistakes("[vpc.main]\ncidr = \"10.0.0.0/16\" x\n");
    assert!(rendered.contains("test.toml:2:22") && rendered.contains("cidr = \"10.0.0.0/16\" x"), "{rendered}");
    let (findings, _) = mistakes("[vpc.main]\n[vpc.main]\n");
    assert_eq!(findings[0].origin.line, Some(2));
}

#[test]
fn an_ambiguous_target_lists_its_candidates() {
    let nat = "[nat_gateway.nat]\nsubnet = \"a\"\naddresses = [{ private = \"10.0.0.9\", public = \"203.0.113.9\" }]\n\
               [internet_gateway.igw]\n[instance.nat]\nsubnet = \"a\"\n[route_table.t]\nroutes = [{ to = \"0.0.0.0/0\", via = \"nat\" }]\n";
    let (findings, rendered) = mistakes(&format!("{BASE}{nat}"));
    let finding = findings.iter().find(|finding| finding.code == "ambiguous-target").expect("the finding");
    assert!(finding.text.contains("nat-nat") && finding.text.contains("eni-nat"), "{rendered}");
    assert!(native::parse("test.toml", &format!("{BASE}{nat}").replace("via = \"nat\"", "via = \"nat-nat\"")).is_ok());
}

#[test]
fn different_mistakes_are_all_reported_at_once() {
    let (findings, rendered) = mistakes(
        "[vpc.main]\ncidr = \"10.0.0.0/16\"\n\
         [subnet.a]\ncidr = \"10.0.0.0/33\"\n\
         [subnet.b]\ncidr = \"10.0.1.0/24\"\ncolour = \"red\"\n\
         [route_table.t]\nroutes = [{ to = \"0.0.0.0/0\", via = \"gateway\" }]\n\
         [security_group.g]\ningress = [{ proto = \"tcp\", ports = \"x\", from = \"0.0.0.0/0\" }]\n\
         [network_acl.n]\ningress = [{ rule = 1, action = \"allow\", proto = \"all\", to = \"0.0.0.0/0\" }]\n\
         [instance.i]\nsubnet = \"c\"\n\
         [instance.j]\nsubnet = \"b\"\nrunning = \"yes\"\n\
         [flow_log.f]\nsubnet = \"z\"\n",
    );
    let codes: Vec<_> = findings.iter().map(|finding| (finding.code, finding.origin.line)).collect();
    for expected in [
        ("unreadable", 4),
        ("unknown-key", 7),
        ("unknown-target", 9),
        ("unreadable", 11),
        ("wrong-direction", 13),
        ("unknown-reference", 15),
        ("wrong-type", 18),
        ("unknown-reference", 20),
    ] {
        assert!(codes.contains(&(expected.0, Some(expected.1))), "{expected:?}\n{rendered}");
    }
}

#[test]
fn what_is_unreadable_is_not_also_missing() {
    let (finding, rendered) =
        mistake("[internet_gateway.igw]\nvpc = 3\n[route_table.t]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]\n");
    assert_eq!((finding.code, finding.origin.line), ("wrong-type", Some(6)), "{rendered}");
    let (finding, _) = mistake(
        "[instance.i]\nsubnet = \"b\"\n[eni.e]\nsubnet = \"a\"\ninstance = \"i\"\naddresses = [\"10.0.0.9\"]\n",
    );
    assert_eq!((finding.code, finding.help.as_deref()), ("unknown-reference", Some("there is subnet-a")));
}

#[test]
fn each_mistake_has_its_code() {
    let rule = |rule: &str| format!("[security_group.g]\ningress = [{{ {rule} }}]\n");
    let entry = |entry: &str| format!("[network_acl.n]\ningress = [{{ {entry} }}]\n");
    let route = |route: &str| format!("[route_table.t]\nroutes = [{{ {route} }}]\n");
    let zonal = |rest: &str| format!("[nat_gateway.n]\nsubnet = \"a\"\nconnectivity = \"private\"\n{rest}\n");
    // One that is not available need not have an address.
    let regional = |rest: &str| format!("[nat_gateway.n]\nmode = \"regional\"\navailable = false\n{rest}\n");
    let cases = [
        (rule("proto = \"tcp\", to = \"0.0.0.0/0\""), "wrong-direction"),
        (rule("proto = \"tcp\", from = []"), "no-peer"),
        (rule("proto = \"tcp\""), "no-peer"),
        (rule("from = \"0.0.0.0/0\""), "no-protocol"),
        (rule("proto = \"tpc\", from = \"0.0.0.0/0\""), "unreadable"),
        (rule("proto = \"tcp\", from = \"everyone\""), "unreadable"),
        (rule("proto = \"tcp\", ports = \"90-80\", from = \"0.0.0.0/0\""), "unreadable"),
        (rule("proto = \"icmp\", type = \"ping\", from = \"0.0.0.0/0\""), "unreadable"),
        (rule("rule = 3, proto = \"tcp\", from = \"0.0.0.0/0\""), "unknown-key"),
        (entry("rule = 70000, action = \"allow\", proto = \"all\", from = \"0.0.0.0/0\""), "rule-number"),
        (entry("rule = 70, proto = \"all\", from = \"0.0.0.0/0\""), "no-action"),
        (entry("rule = 70, action = \"allow\", proto = \"all\", from = \"sg:a\""), "unreadable"),
        (
            entry("rule = 70, action = \"allow\", proto = \"all\", from = [\"10.0.0.0/8\", \"192.168.0.0/16\"]"),
            "one-block",
        ),
        (route("to = \"0.0.0.0/0\""), "no-route"),
        (route("to = \"0.0.0.0/0\", via = \"nowhere\""), "unknown-target"),
        ("[instance.i]\n".to_owned(), "no-subnet"),
        ("[eni.i]\nsubnet = \"a\"\n".to_owned(), "no-address"),
        ("[instance.i]\nsubnet = \"a\"\nsecurity_groups = [\"web\"]\n".to_owned(), "unknown-reference"),
        ("[subnet.b]\ncidr = \"10.0.1.0/24\"\nnacl = \"x\"\n".to_owned(), "unknown-reference"),
        ("[subnet.b]\ncidr = \"10.0.1.0/24\"\nvpc = \"x\"\n".to_owned(), "unknown-reference"),
        ("[subnet.b]\n".to_owned(), "no-cidr"),
        (regional("subnet = \"a\"\naddresses = []"), "regional-nat"),
        (regional("connectivity = \"private\"\naddresses = []"), "regional-nat"),
        (regional("addresses = [{ private = \"10.0.0.9\", public = \"203.0.113.9\" }]"), "regional-nat"),
        (regional("addresses = [{ az = \"a\" }]"), "no-address"),
        (regional("addresses = []\nroute_table = \"x\""), "unknown-reference"),
        (zonal("addresses = [{ public = \"203.0.113.9\" }]"), "no-address"),
        (zonal("addresses = [{ private = \"10.0.0.9\", az = \"a\" }]"), "zonal-nat"),
        (zonal("addresses = [{ private = \"10.0.0.9\" }]\nroute_table = \"main-main\""), "zonal-nat"),
        (zonal("addresses = [{ private = \"10.0.0.9\" }]\nmode = \"global\""), "wrong-type"),
        ("[gateway_route_table.e]\n".to_owned(), "no-gateway"),
        ("[gateway_route_table.e]\ngateway = \"igw\"\n".to_owned(), "unknown-reference"),
        ("[block_public_access]\nmode = \"block\"\n".to_owned(), "wrong-type"),
        (
            "[block_public_access]\nexclusions = [{ subnet = \"x\", mode = \"allow-egress\" }]\n".to_owned(),
            "unknown-reference",
        ),
        ("[block_public_access]\nexclusions = [{ subnet = \"a\" }]\n".to_owned(), "wrong-type"),
        ("[block_public_access]\nexclusions = [{ mode = \"allow-egress\" }]\n".to_owned(), "exclusion-scope"),
        (
            "[block_public_access]\nexclusions = [{ vpc = \"main\", subnet = \"a\", mode = \"allow-egress\" }]\n"
                .to_owned(),
            "exclusion-scope",
        ),
        ("[behavior.nat_gateway]\nmtu = 575\n".to_owned(), "out-of-range"),
        ("[behavior.nat_gateway]\nmax_per_destination = 64513\n".to_owned(), "out-of-range"),
        ("[behavior.nat_gateway]\nmax_ports_per_host = 0\n".to_owned(), "out-of-range"),
        ("[behavior.nat_gateway]\ntcp_idle = \"0s\"\n".to_owned(), "out-of-range"),
        ("[behavior.nat_gateway]\ntcp_rst_linger = \"366d\"\n".to_owned(), "out-of-range"),
        ("[behavior.nat_gateway]\nmapping = \"eim\"\n".to_owned(), "wrong-type"),
        ("[behavior.nat_gateway]\nno_nat_prefixes = [\"10.0.0.0/33\"]\n".to_owned(), "unreadable"),
        ("[behavior.nat_gateway]\nno_nat_prefixes = [\"10.0.0.1/8\"]\n".to_owned(), "host-bits"),
        ("[behavior.nat_instance]\nmtu = 9002\n".to_owned(), "out-of-range"),
        ("[behavior.egress_only_internet_gateway]\nmtu = 1279\n".to_owned(), "out-of-range"),
        ("[behavior.underlay]\nhops = 256\n".to_owned(), "wrong-type"),
        ("[behavior.underlay]\negress_fragments_per_second = 0\n".to_owned(), "out-of-range"),
        ("[behavior.underlay]\nservices_packets_per_second = 0\n".to_owned(), "out-of-range"),
        ("[behavior.security_group]\nconnections_per_instance = 0\n".to_owned(), "out-of-range"),
        ("[flow_log.f]\nto = 3\n".to_owned(), "unknown-key"),
        ("[vpc_endpoint.e]\nservice = \"s3\"\n".to_owned(), "no-type"),
        ("[vpc_endpoint.e]\ntype = \"gateway\"\n".to_owned(), "no-service"),
        ("[route_table.t]\nmain = true\n[route_table.u]\nmain = true\n".to_owned(), "two-defaults"),
        ("[internet_gateway]\nvpc = \"main\"\n".to_owned(), "wrong-type"),
    ];
    for (text, code) in cases {
        let (finding, rendered) = mistake(&text);
        assert_eq!(finding.code, code, "{rendered}");
        assert!(finding.origin.line.is_some(), "{rendered}");
    }
}

#[test]
fn one_of_several_vpcs_has_to_be_named() {
    let (findings, _) = mistakes("[vpc.a]\ncidr = \"10.0.0.0/16\"\n[vpc.b]\ncidr = \"10.1.0.0/16\"\n[route_table.t]\n");
    assert_eq!((findings[0].code, findings[0].help.as_deref()), ("which-vpc", Some("there is vpc-a, vpc-b")));
    let (findings, rendered) = mistakes("[subnet.a]\ncidr = \"10.0.0.0/24\"\n[instance.i]\nsubnet = \"a\"\n");
    assert_eq!(findings.len(), 1, "{rendered}");
    assert_eq!(mistakes("").0[0].code, "no-vpc");
}

#[test]
fn files_that_are_no_text_are_refused() {
    let folder = std::env::temp_dir().join(format!("vpcemu-native-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("config.toml");
    std::fs::write(&file, b"[vpc.main]\xff\n").expect("written");
    assert!(matches!(native::load(&file), Err(Error::Encoding { offset: 10, .. })));
    std::fs::write(&file, format!("\u{feff}{BASE}")).expect("written");
    assert!(native::load(&file).is_ok());
    assert!(matches!(native::load(&folder.join("none.toml")), Err(Error::Read { .. })));
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn the_schema_knows_every_key_with_types_defaults_and_rules() {
    let schema = native::json_schema();
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        let Some(properties) = definition.get("properties").and_then(|properties| properties.as_object()) else {
            continue;
        };
        assert_eq!(definition["additionalProperties"], false, "{name}");
        for (key, property) in properties {
            assert!(property.get("description").is_some(), "{name}.{key} has no text");
        }
    }
    let instance = &schema["$defs"]["InstanceFile"];
    assert_eq!(instance["properties"]["running"]["default"], true);
    assert_eq!(schema["$defs"]["InterfaceFile"]["required"], serde_json::json!(["subnet"]));
    let knobs = &schema["$defs"]["NatGatewayKnobs"]["properties"];
    assert_eq!(knobs["udp_idle"]["default"], "350s");
    assert!(knobs["udp_idle"]["description"].as_str().expect("a text").contains("4.24"));
    assert!(schema.get("required").is_none());
    assert!(schema["properties"].get("vpc_endpoint").is_some());
}

/// The reference with some lines left out, and some bytes changed.
fn mutated(removed: &[usize], changed: &[(usize, char)]) -> String {
    let lines = REFERENCE.lines().enumerate().filter(|(number, _)| !removed.contains(number)).map(|(_, line)| line);
    let mut text: Vec<char> = lines.collect::<Vec<_>>().join("\n").chars().collect();
    for (at, with) in changed {
        let at = at % text.len().max(1);
        if let Some(place) = text.get_mut(at) {
            *place = *with;
        }
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = native::parse("any.toml", &text);
    }

    #[test]
    fn any_toml_like_text_is_read_or_refused(text in "([a-z_]{1,6}|[\\[\\]{}=\"'.,#\n\t\r \u{0}\u{e9}\u{1f600}-]|[0-9]{1,4}|vpc|cidr|subnet|routes|true){0,80}") {
        let _ = native::parse("any.toml", &text);
    }

    #[test]
    fn any_mutation_of_the_reference_is_read_or_refused(
        removed in prop::collection::vec(0..80_usize, 0..12),
        changed in prop::collection::vec((any::<usize>(), prop::sample::select(vec!['"', '[', ']', '{', '=', '\n', '9', 'x', '/', '\u{1f600}', '\r'])), 0..4),
    ) {
        if let Err(error) = native::parse("reference.toml", &mutated(&removed, &changed)) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn an_account_has_twelve_digits() {
    for account in ["", "11112222333", "1111-2222-3333"] {
        let text = format!("[vpc.main]\naccount = \"{account}\"\ncidr = \"10.0.0.0/16\"\n");
        let (findings, rendered) = mistakes(&text);
        assert_eq!((findings[0].code, findings[0].origin.line), ("bad-account", Some(1)), "{rendered}");
    }
}
