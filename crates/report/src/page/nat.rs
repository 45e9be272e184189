//! NAT gateways: what CloudWatch would count, and ports in use.

use std::fmt::Write;

use serde_json::Value;
use vpcemu_model::Id;
use vpcemu_packet::{endpoint, protocol_name};
use vpcemu_replay::Summary;

use super::parties::Label;
use super::table::Table;
use super::text::{Utc, count, escaped, marked, marked_tenths, number, share};
use crate::collect::{Collector, InUse, Party, Pool, REMOTES};

/// The section; empty where there is no NAT gateway.
pub(crate) fn section(collector: &Collector, summary: &Summary, json: &Value) -> String {
    if summary.nat.is_empty() {
        return String::new();
    }
    let mut html = String::new();
    let registry = collector.timeline.registry();
    let limit = collector.networks.iter().map(|network| network.behavior.nat_gateway.max_per_destination).min();
    let limit = limit.unwrap_or_default();
    for id in summary.nat.keys() {
        let gateway = registry.nats.find(&Id::new(id.as_str()));
        let label = gateway.map(|gateway| collector.label(Party::NatGateway(gateway)));
        let label = label.unwrap_or_else(|| Label { id: id.clone(), name: None });
        let mut metrics = String::from("<dl class=\"facts\">\n");
        for (metric, value) in json["nat"][id].as_object().into_iter().flatten() {
            let key = ["nat", id, metric];
            let value = match value.as_u64() {
                Some(value) => marked(&key, value),
                // A peak.
                None => marked_tenths(&key, value.as_f64().unwrap_or_default()),
            };
            let _ = writeln!(metrics, "<div><dt>{}</dt><dd>{value}</dd></div>", breakable(metric));
        }
        metrics.push_str("</dl>\n");
        let _ = writeln!(html, "<h3>{}</h3>", label.html());
        if json["nat"][id].as_object().is_some_and(|metrics| metrics.values().all(|value| value.as_f64() == Some(0.0)))
        {
            let _ = write!(
                html,
                "<p>No packet came to it.</p>\n<details><summary>All is 0</summary>\n{metrics}</details>\n"
            );
            continue;
        }
        html.push_str(&metrics);
        let pools = gateway.map(|gateway| collector.ports.most(gateway)).unwrap_or_default();
        html.push_str(&ports(&label, &pools, limit));
    }
    let _ = writeln!(
        html,
        "<p class=\"note\">Ports in use are counted per address of the gateway, protocol, and remote address and port, since \
         that is what the limit of {} is of: distinct ports that packets were seen translated to and that are still taken. A \
         port is taken from the first packet translated to it until the gateway’s own timers end its mapping after the last one \
         (idle, handshake not answered, after FIN or RST). Shown is the most at one time, of up to {REMOTES} remotes a \
         gateway.</p>",
        number(limit.into())
    );
    if collector.ports.missed() > 0 {
        let missed = count(collector.ports.missed(), "packet");
        let _ = writeln!(
            html,
            "<p class=\"note\">More than 262,144 mappings were alive at once: {missed} of others are not counted, so that more \
             ports were in use than is said.</p>"
        );
    }
    html
}

/// A name in capitals and small letters that can be broken between its words.
fn breakable(name: &str) -> String {
    let mut html = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !html.is_empty() {
            html.push_str("<wbr>");
        }
        html.push_str(&escaped(letter.encode_utf8(&mut [0; 4])));
    }
    html
}

fn ports(label: &Label, pools: &[(Pool, InUse)], limit: u32) -> String {
    if pools.is_empty() {
        return "<p>No packet was translated.</p>\n".to_owned();
    }
    let mut table = Table::new(&format!("Ports in use of {}", label.long()));
    table.text("towards").text("from").number("ports").number("of the limit").text("in use").text("first at (UTC)");
    for (pool, used) in pools {
        let protocol = protocol_name(pool.protocol).map_or_else(|| pool.protocol.to_string(), str::to_owned);
        let port = (pool.remote_port != 0).then_some(pool.remote_port);
        let towards = format!("{protocol} {}", endpoint(pool.remote, port));
        table.row([
            escaped(&towards),
            escaped(&pool.address.to_string()),
            number(used.most.into()),
            share(used.most.into(), limit.into()),
            format!(
                "<meter min=\"0\" max=\"{limit}\" high=\"{}\" value=\"{most}\" aria-label=\"{} of {} ports\">{most}</meter>",
                limit / 10 * 8,
                number(used.most.into()),
                number(limit.into()),
                most = used.most
            ),
            Utc(used.at / 1_000_000).to_string(),
        ]);
    }
    table.finish()
}
