//! Native files as users write them.

use vpcemu_model::{Peer, Target, native};

const REFERENCE: &str = include_str!("data/reference.toml");
const WEB_SERVER: &str = include_str!("data/public-web-server.toml");

fn load(text: &str) -> native::Loaded {
    native::parse("test.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_reference_file_loads_as_it_stands() {
    let loaded = load(REFERENCE);
    let network = &loaded.network;
    let ids = |ids: Vec<&vpcemu_model::Id>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(ids(network.vpcs.iter().map(|vpc| &vpc.id).collect()), ["vpc-main"]);
    assert_eq!(ids(network.subnets.iter().map(|subnet| &subnet.id).collect()), ["subnet-pub-a", "subnet-priv-a"]);
    assert_eq!(ids(network.interfaces.iter().map(|eni| &eni.id).collect()), ["eni-nat", "eni-web"]);
    assert_eq!(network.nat_gateways[0].id.as_str(), "nat-nat");
    let private = network.route_tables.iter().find(|table| table.id.as_str() == "rtb-private").unwrap();
    let targets: Vec<_> = private.routes.iter().map(|route| &route.target).collect();
    assert_eq!(
        targets,
        [
            &Target::Local,
            &Target::Local,
            &Target::NatGateway("nat-nat".into()),
            &Target::EgressOnlyInternetGateway("eigw-eigw".into()),
            &Target::VpcEndpoint("vpce-s3".into()),
        ]
    );
    let web = network.security_groups.iter().find(|group| group.id.as_str() == "sg-web").unwrap();
    let rules: Vec<_> = web.ingress.iter().map(|rule| rule.id.to_string()).collect();
    assert_eq!(rules, ["sgr-web-in-1", "sgr-web-in-2", "sgr-web-in-3", "sgr-web-in-4"]);
    assert_eq!(web.ingress[1].peer, Peer::PrefixList("pl-corp".into()));
    assert_eq!(web.ingress[2].origin.line, Some(48));
    // It references a group and a service's prefix list that it does not define.
    let codes: Vec<_> = network.assumptions.iter().map(|assumption| assumption.code.as_str()).collect();
    assert_eq!(codes, ["EMPTY_PREFIX_LIST"]);
}

#[test]
fn a_public_web_server_takes_less_than_25_lines() {
    assert!(WEB_SERVER.lines().count() < 25);
    let network = load(WEB_SERVER).network;
    let web = &network.interfaces[0];
    assert_eq!(web.ipv4[0].public, Some("203.0.113.10".parse().unwrap()));
    // What it does not say has AWS's default.
    assert_eq!(network.subnets[0].network_acl.as_str(), "acl-main-default");
    let group = network.security_groups.iter().find(|group| group.id.as_str() == "sg-web").unwrap();
    assert_eq!(group.egress.len(), 2, "a new group lets everything out");
}

#[test]
fn knobs_have_the_presets_values_unless_they_are_set() {
    let text = format!("{WEB_SERVER}\n[behavior]\npreset = \"rfc\"\n[behavior.nat_gateway]\nudp_idle = \"2m\"\n");
    let knobs = load(&text).network.behavior.nat_gateway;
    assert_eq!((knobs.tcp_idle.as_secs(), knobs.udp_idle.as_secs()), (7440, 120));
    assert!(native::parse("t", &format!("{WEB_SERVER}\n[behavior.nat_gateway]\nudp_idle = \"soon\"\n")).is_err());
}

#[test]
fn a_name_that_two_things_have_is_ambiguous_and_the_id_is_not() {
    let text = |via: &str| {
        format!(
            "{}\n[instance.nat]\nsubnet = \"public\"\naddresses = [\"10.0.0.20\"]\nsource_dest_check = false\n\
             [nat_gateway.nat]\nsubnet = \"public\"\naddresses = [{{ private = \"10.0.0.30\", public = \"203.0.113.30\" }}]\n\
             [subnet.private]\ncidrs = [\"10.0.1.0/24\"]\nroute_table = \"private\"\n\
             [route_table.private]\nroutes = [{{ to = \"0.0.0.0/0\", via = \"{via}\" }}]\n",
            WEB_SERVER
        )
    };
    let error = native::parse("test.toml", &text("nat")).unwrap_err().to_string();
    assert!(error.contains("nat-nat or eni-nat"), "{error}");
    let network = load(&text("nat-nat")).network;
    // The instance has the interface's plain id, so the gateway's gets another.
    assert_eq!(network.nat_gateways[0].interface.as_str(), "eni-nat-nat");
}

#[test]
fn the_schema_knows_every_table() {
    let schema = native::json_schema();
    let tables = schema["properties"].as_object().unwrap();
    for table in ["vpc", "subnet", "route_table", "network_acl", "security_group", "instance", "eni", "behavior"] {
        assert!(tables.contains_key(table), "{table}");
    }
    assert!(schema.to_string().contains("1 to 32766 (7.3)"));
}

mod damage {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_refused_without_a_panic(text in ".{0,300}") {
            let _ = native::parse("test.toml", &text).map_err(|error| error.to_string());
        }

        #[test]
        fn the_reference_file_without_some_lines(missing in proptest::collection::hash_set(0usize..100, 1..12)) {
            let kept: Vec<_> = REFERENCE.lines().enumerate().filter(|(line, _)| !missing.contains(line)).collect();
            let text: String = kept.into_iter().map(|(_, line)| format!("{line}\n")).collect();
            let _ = native::parse("test.toml", &text).map_err(|error| error.to_string());
        }

        #[test]
        fn the_reference_file_with_some_bytes_changed(changes in proptest::collection::vec((0usize..4000, 32u8..127), 1..6)) {
            let mut bytes = REFERENCE.as_bytes().to_vec();
            for (at, byte) in changes {
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = byte;
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            let _ = native::parse("test.toml", &text).map_err(|error| error.to_string());
        }
    }
}

/// What the fuzzer starts from, and what it has found.
#[test]
fn the_fuzzing_corpus_panics_nowhere() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/native");
    let mut files = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let _ = native::parse("corpus.toml", &String::from_utf8_lossy(&bytes)).map_err(|error| error.to_string());
        files += 1;
    }
    assert!(files >= 8, "only {files} files");
}
