//! The page: sections of HTML and drawings, with nothing from outside of it.

mod bars;
mod drops;
mod flows;
mod headline;
mod nat;
mod network;
mod parties;
mod sankey;
mod svg;
mod table;
mod talkers;
mod text;

use serde_json::Value;
use vpcemu_replay::Summary;

use crate::Collector;
use text::{escaped, json_in_script};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What the page says of where it comes from.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The captures, as the user named them.
    pub captures: Vec<String>,
    /// The configurations, as the user named them, with the time from which on each but the first was in force.
    pub configurations: Vec<String>,
    /// What is odd: warnings, and damage to captures.
    pub remarks: Vec<String>,
}

/// The page, of a replay that has ended. The summary is in it as JSON, without what depends on the machine; numbers of the
/// summary are in elements whose `data-key` says where in that JSON they are.
///
/// # Errors
/// If the summary has no form in JSON, which a summary of a replay has.
pub fn page(about: &About, collector: &Collector, summary: &Summary) -> Result<String, serde_json::Error> {
    let mut json = serde_json::to_value(summary)?;
    if let Value::Object(object) = &mut json {
        object.remove("run");
    }
    let (drops, rules) = drops::sections(collector, summary);
    let network = collector.networks.first().map(network::section).unwrap_or_default();
    let drawn = match collector.networks.len() {
        0 | 1 => "",
        _ => "<p class=\"note\">Drawn is the first of the configurations.</p>\n",
    };
    let sections = [
        ("network", "The network", format!("{drawn}{network}")),
        ("traffic", "Traffic", flows::section(collector)),
        ("talkers", "Top talkers", talkers::section(collector)),
        ("time", "Over time", bars::section(collector)),
        ("drops", "Drops", drops),
        ("rules", "Rules that decided something", rules),
        ("nat", "NAT gateways", nat::section(collector, summary, &json)),
        ("assumed", "What was assumed", headline::assumptions(summary)),
    ];
    let sections: Vec<_> = sections.iter().filter(|(_, _, html)| !html.is_empty()).collect();
    let links: String = sections.iter().map(|(id, title, _)| format!("<a href=\"#{id}\">{title}</a>\n")).collect();
    let body: String = sections
        .iter()
        .map(|(id, title, html)| format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{html}</section>\n"))
        .collect();
    let of = about.captures.first().map_or_else(String::new, |capture| format!(" of {}", escaped(capture)));
    let head = headline::section(about, collector, summary);
    let json = json_in_script(&serde_json::to_string(&json)?);
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>vpcemu replay{of}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<header>\n<h1>Replay{of}</h1>\n{head}<nav aria-label=\"Sections\">\n{links}</nav>\n</header>\n<main>\n{body}</main>\n\
         <footer>Made by vpcemu. The summary is in this page as JSON, in the element <code>#summary</code>.</footer>\n\
         <script type=\"application/json\" id=\"summary\">{json}</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    ))
}
