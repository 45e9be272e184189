use super::*;
use crate::probe::blocks;
use crate::row::RuleName;
use crate::shadow::{Says, Shadow, Standing, route_standings};
use vpcemu_dataplane::Timeline;
use vpcemu_dataplane::fabric::NextHop;
use vpcemu_model::{Destination, Id, Network, Origin, PrefixList, Route, RouteOrigin, Target, native};

fn network(routes: Vec<Route>, lists: Vec<Vec<IpNet>>) -> Network {
    let text = "[vpc.main]\ncidrs = [\"10.0.0.0/16\", \"2001:db8::/56\"]\n[route_table.t]\nroutes = []\n";
    let mut network = native::parse("net.toml", text).unwrap().network;
    let table = network.route_tables.iter_mut().find(|table| table.id.as_str() == "rtb-t").unwrap();
    table.routes.extend(routes);
    network.prefix_lists = (0..)
        .zip(lists)
        .map(|(at, entries)| PrefixList { id: list(at), name: None, entries, origin: Origin::implicit() })
        .collect();
    network
}

fn list(at: usize) -> Id {
    Id::new(format!("pl-{at}"))
}

fn route(destination: Destination, target: usize, propagated: bool) -> Route {
    let route_origin = if propagated { RouteOrigin::Propagated } else { RouteOrigin::Static };
    let target = Target::Edge(Id::new(format!("lgw-{target}")));
    Route { destination, target, route_origin, active: true, origin: Origin::implicit() }
}

fn networks() -> impl Strategy<Value = Network> {
    let destination = prop_oneof![
        4 => net().prop_map(Destination::Cidr),
        1 => (0usize..3).prop_map(|at| Destination::PrefixList(list(at))),
    ];
    let route = (destination, 0usize..2, prop::bool::weighted(0.3))
        .prop_map(|(destination, target, propagated)| route(destination, target, propagated));
    let lists = proptest::collection::vec(proptest::collection::vec(net(), 0..4), 2..3);
    (proptest::collection::vec(route, 1..9), lists).prop_map(|(routes, lists)| network(routes, lists))
}

/// Which route wins, by the book (2.4).
fn wins(network: &Network, routes: &[Route], address: IpAddr) -> Option<usize> {
    let own = &network.vpcs[0].cidrs;
    let mut found: Vec<(u8, bool, Option<&Id>, usize)> = Vec::new();
    for (at, route) in routes.iter().enumerate() {
        let (nets, list) = match &route.destination {
            Destination::Cidr(net) => (std::slice::from_ref(net), None),
            Destination::PrefixList(id) => (blocks(network, id), Some(id)),
        };
        let propagated = route.route_origin == RouteOrigin::Propagated;
        let loses = |net: &IpNet| propagated && own.iter().any(|own| own.contains(net));
        let covering = nets.iter().filter(|net| net.contains(&address) && !loses(net));
        found.extend(covering.map(|net| (u8::MAX - net.prefix_len(), propagated, list, at)));
    }
    found.into_iter().min().map(|(.., at)| at)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn shadowed_routes_never_win_and_all_others_do(network in networks()) {
        let table = network.route_tables.iter().find(|table| table.id.as_str() == "rtb-t").unwrap();
        let standings = &route_standings(&network)[&table.id];
        let timeline = Timeline::compile([&network]);
        let registry = timeline.registry();
        let compiled = timeline.fabric(0).table(registry.tables.find(&table.id).unwrap()).unwrap();
        let nets = NETS.iter().map(|text| text.parse().unwrap()).chain(network.vpcs[0].cidrs.clone());
        let mut winners = BTreeSet::new();
        let addresses: BTreeSet<IpAddr> = probes(std::iter::empty(), nets).iter().map(|probe| probe.peer).collect();
        for address in addresses {
            let won = wins(&network, &table.routes, address);
            winners.extend(won);
            // The engine goes by the same book.
            let next = compiled.lookup(address).map(|hit| hit.next);
            let target = won.map(|at| match &table.routes[at].target {
                Target::Edge(id) => NextHop::Edge(registry.edges.find(id).unwrap()),
                _ => NextHop::Local,
            });
            prop_assert_eq!(next, target, "{}", address);
        }
        for (at, standing) in standings.iter().enumerate() {
            match standing {
                Standing::Decides(witness) => {
                    prop_assert_eq!(wins(&network, &table.routes, witness.peer), Some(at), "{}", witness.peer);
                }
                Standing::Shadowed(Shadow { by, .. }) => {
                    prop_assert!(!winners.contains(&at), "{:?} by {by:?}", table.routes[at]);
                    prop_assert!(!by.is_empty(), "{:?}", table.routes[at]);
                }
                Standing::MatchesNothing(_) => prop_assert!(!winners.contains(&at)),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}

fn said(routes: Vec<Route>) -> Vec<Standing> {
    let network = network(routes, Vec::new());
    // Behind the local ones.
    route_standings(&network)[&Id::new("rtb-t")][2..].to_vec()
}

fn to(net: &str) -> Destination {
    Destination::Cidr(net.parse().unwrap())
}

#[test]
fn halves_shadow_a_whole() {
    let found = said(vec![
        route(to("0.0.0.0/0"), 0, false),
        route(to("0.0.0.0/1"), 0, false),
        route(to("128.0.0.0/1"), 1, false),
    ]);
    let by = ["0.0.0.0/1 -> lgw-0", "128.0.0.0/1 -> lgw-1"].map(|by| RuleName::Text(by.to_owned())).to_vec();
    assert_eq!(found[0], Standing::Shadowed(Shadow { by, says: Says::Both }));
    assert!(matches!(found[1], Standing::Decides(_)) && matches!(found[2], Standing::Decides(_)));
}

#[test]
fn what_is_propagated_loses_to_static_routes_and_to_local() {
    let found = said(vec![
        route(to("192.0.2.0/24"), 0, true),
        route(to("192.0.2.0/24"), 1, false),
        route(to("10.0.7.0/24"), 0, true),
    ]);
    let shadow =
        |by: &str| Standing::Shadowed(Shadow { by: vec![RuleName::Text(by.to_owned())], says: Says::Opposite });
    assert_eq!(found[0], shadow("192.0.2.0/24 -> lgw-1"));
    assert_eq!(found[2], shadow("10.0.0.0/16 -> local"));
}
