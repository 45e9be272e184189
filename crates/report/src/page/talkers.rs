//! The addresses with most packets.

use super::table::Table;
use super::text::{count, escaped, number};
use crate::collect::{Collector, Count, Talker};

/// Addresses that are listed.
const ROWS: usize = 20;

/// The section.
pub(crate) fn section(collector: &Collector) -> String {
    let rows = collector.talkers.sorted();
    if rows.is_empty() {
        return "<p>No packet had an address.</p>\n".to_owned();
    }
    let mut table = Table::new("Top talkers");
    table.text("address").text("of").number("packets sent").number("bytes").number("of these dropped");
    table.number("packets to it").number("bytes");
    let mut row = |address: String, of: String, talker: &Talker| {
        let Talker { sent, bytes, dropped, addressed, addressed_bytes, of: _ } = talker;
        let [sent, bytes, dropped, addressed, addressed_bytes] =
            [sent, bytes, dropped, addressed, addressed_bytes].map(|value| number(*value));
        table.row([address, of, sent, bytes, dropped, addressed, addressed_bytes]);
    };
    let mut rest = collector.talkers.rest().clone();
    for (at, (address, talker)) in rows.iter().enumerate() {
        if at >= ROWS {
            rest.absorb(talker);
            continue;
        }
        let of = talker.of.map_or_else(String::new, |(_, party)| collector.label(party).html());
        row(escaped(&address.to_string()), of, talker);
    }
    let more = rows.len().saturating_sub(ROWS) as u64 + collector.talkers.folded();
    if more > 0 {
        let addresses =
            if more == 1 { "and 1 more address".to_owned() } else { format!("and {} more addresses", number(more)) };
        row(addresses, String::new(), &rest);
    }
    let mut html = table.finish();
    html.push_str("<p class=\"note\">Addresses are those with which packets went into the VPC: before translation.");
    if collector.talkers.folded() > 0 {
        let folded = count(collector.talkers.folded(), "time");
        html.push_str(&format!(
            " There were more addresses than are kept; {folded} one of those with fewest packets was put with the rest, so that \
             counts of single addresses can be too small."
        ));
    }
    html.push_str("</p>\n");
    html
}
