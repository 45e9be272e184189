//! The network, drawn: a picture of each VPC.

mod plan;
mod stacked;
mod subnets;
mod targets;
mod three_lanes;

use vpcemu_model::Network;

use super::svg::both;
use super::text::escaped;

/// VPCs that are drawn.
const VPCS: usize = 20;

/// Height of a line of text.
const LINE: f64 = 15.0;

/// Room between what is in a box and its edge.
const PAD: f64 = 7.0;

/// The pictures, and what is left out.
pub(crate) fn section(network: &Network) -> String {
    let plans = plan::plans(network);
    let mut html = String::new();
    for plan in plans.iter().take(VPCS) {
        let label = format!("{}: subnets, their route tables, and where these lead", plan.title);
        html.push_str("<figure>\n");
        html.push_str(&both(|svg| match svg.is_narrow() {
            true => stacked::draw(svg, plan, &label),
            false => three_lanes::draw(svg, plan, &label),
        }));
        if !plan.notes.is_empty() {
            html.push_str(&format!("<figcaption>{}.</figcaption>\n", escaped(&plan.notes.join("; "))));
        }
        html.push_str("</figure>\n");
    }
    if plans.len() > VPCS {
        html.push_str(&format!("<p class=\"note\">{} more VPCs are not drawn.</p>\n", plans.len() - VPCS));
    }
    html
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::page::svg::{NARROW, WIDE};

    /// So many subnets in three zones, some of which lead nowhere.
    fn network(subnets: usize) -> Network {
        let mut text =
            "[vpc.main]\ncidrs = [\"10.0.0.0/16\", \"10.1.0.0/16\"]\n[internet_gateway.igw]\nvpc = \"main\"\n"
                .to_owned();
        for table in 0..subnets.div_ceil(4) {
            let _ = writeln!(
                text,
                "[route_table.t{table}]\nvpc = \"main\"\nroutes = [{{ to = \"0.0.0.0/0\", via = \"igw\" }}, {{ to = \"192.168.{table}.0/24\", via = \"tgw-{}\" }}]",
                table % 3
            );
        }
        for subnet in 0..subnets {
            let (high, low, zone) = (subnet / 200, subnet % 200, subnet % 3);
            let _ = writeln!(
                text,
                "[subnet.s{subnet}]\nvpc = \"main\"\naz = \"z{zone}\"\ncidrs = [\"10.{high}.{low}.0/24\"]"
            );
            let _ = writeln!(
                text,
                "route_table = \"t{}\"\n[instance.i{subnet}]\nsubnet = \"s{subnet}\"\naddresses = [\"10.{high}.{low}.10\"]",
                subnet / 4
            );
        }
        vpcemu_model::native::parse("net.toml", &text).unwrap().network
    }

    /// The boxes of a drawing: x, y, width, height.
    fn boxes(svg: &str) -> Vec<[f64; 4]> {
        let attribute = |shape: &str, name: &str| -> f64 {
            let (_, rest) = shape.split_once(&format!(" {name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        };
        let shapes = svg.split("<rect class=\"box").skip(1);
        shapes.map(|shape| ["x", "y", "width", "height"].map(|name| attribute(shape, name))).collect()
    }

    #[test]
    fn nothing_overlaps_and_everything_is_inside() {
        for subnets in [1, 2, 5, 12, 13, 25, 60, 61, 300] {
            let html = section(&network(subnets));
            let drawings: Vec<&str> = html.split("<svg ").skip(1).collect();
            assert_eq!(drawings.len(), 2);
            for (drawing, width) in drawings.into_iter().zip([WIDE, NARROW]) {
                let boxes = boxes(drawing);
                let drawn = if subnets <= 60 { subnets } else { subnets / 4 };
                assert!((drawn.min(60)..180).contains(&boxes.len()), "{subnets} subnets: {} boxes", boxes.len());
                let (_, height) = drawing.split_once("viewBox=\"0 0 ").unwrap();
                let height: f64 = height.split(['"', ' ']).nth(1).unwrap().parse().unwrap();
                for (at, a) in boxes.iter().enumerate() {
                    assert!(a[0] >= 0.0 && a[0] + a[2] <= width && a[1] + a[3] <= height, "{subnets}: {a:?}");
                    let apart = |b: &[f64; 4]| {
                        a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1]
                    };
                    assert!(boxes[..at].iter().all(apart), "{subnets} subnets, {width} wide: {a:?} overlaps");
                }
            }
        }
    }

    #[test]
    fn edges_lead_from_subnets_to_tables_to_gateways() {
        let html = section(&network(5));
        for title in ["subnet-s4 uses rtb-t1", "rtb-t1: 0.0.0.0/0 → igw-igw", "rtb-t1: 192.168.1.0/24 → tgw-1"] {
            assert!(html.contains(&format!("<title>{title}</title>")), "{title}: {html}");
        }
        assert!(html.contains("i4: 10.0.4.10") && html.contains(">public<"));
        let many = section(&network(300));
        assert!(many.contains("4 subnets such as subnet-s0") && many.contains("not drawn: 60 more subnets"));
    }
}
