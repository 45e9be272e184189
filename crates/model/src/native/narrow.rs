//! The value that a finding is about: the checks of a network know where a resource or rule is, not where in it a value
//! stands.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::finding::Finding;
use crate::{Id, Kind, Origin};

use super::places::Places;

/// The texts that are values of a file, each with its place.
pub(crate) struct Values {
    /// Where the names of resources begin, in order.
    names: Vec<usize>,
    /// In the order of the file.
    values: Vec<Value>,
    /// Where the file ends.
    end: usize,
}

/// A text that is a value.
struct Value {
    /// The key that it belongs to, or whose list it is in.
    key: String,
    text: String,
    /// With its quotes.
    span: (usize, usize),
}

impl Values {
    pub(crate) fn of(table: &DeTable<'_>, end: usize) -> Self {
        let mut values = Self { names: Vec::new(), values: Vec::new(), end };
        for (key, kind) in table {
            if let DeValue::Table(resources) = kind.get_ref() {
                values.names.extend(resources.keys().map(|name| name.span().start));
            }
            values.collect(key.get_ref(), kind);
        }
        values.names.sort_unstable();
        values.values.sort_unstable_by_key(|value| value.span);
        values
    }

    fn collect(&mut self, key: &str, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => table.iter().for_each(|(key, value)| self.collect(key.get_ref(), value)),
            DeValue::Array(items) => items.iter().for_each(|item| self.collect(key, item)),
            DeValue::String(text) => {
                let span = (value.span().start, value.span().end);
                self.values.push(Value { key: key.to_owned(), text: text.clone().into_owned(), span });
            }
            _ => {}
        }
    }

    /// Shows the value in place of the resource or rule, where the sentence of a finding names one that is written there.
    pub(crate) fn narrow(&self, findings: &mut [Finding], places: &Places) {
        // One resource may have thousands of values and as many findings.
        let mut forms = HashMap::new();
        for finding in findings {
            let Finding { text, origin, related, .. } = finding;
            for origin in std::iter::once(origin).chain(related.as_mut().map(|(origin, _)| origin)) {
                let Some(there) = self.values_at(origin) else { continue };
                let forms = forms.entry(there.clone()).or_insert_with(|| self.by_form(there));
                if let Some((start, end)) = words(text).find_map(|word| forms.get(word)) {
                    *origin = places.at(*start..*end);
                }
            }
        }
    }

    /// The positions of the values of a resource or rule.
    fn values_at(&self, origin: &Origin) -> Option<Range<usize>> {
        let (start, end) = origin.span?;
        // The place of a resource is that of its name; its values are those before the next name.
        let end = match self.names.binary_search(&start) {
            Ok(at) => self.names.get(at + 1).copied().unwrap_or(self.end),
            Err(_) => end,
        };
        let first = self.values.partition_point(|value| value.span.0 < start);
        // Values do not overlap, so that they end in the order in which they begin.
        let beyond = self.values.partition_point(|value| value.span.1 <= end);
        (first < beyond).then_some(first..beyond)
    }

    /// The places of values by what sentences call them; of two the first.
    fn by_form(&self, positions: Range<usize>) -> HashMap<String, (usize, usize)> {
        let mut places = HashMap::new();
        for value in &self.values[positions] {
            for form in value.forms() {
                places.entry(form).or_insert(value.span);
            }
        }
        places
    }
}

impl Value {
    /// What a sentence calls the value: an address or block as it is written here and as it is usually written, a
    /// resource by its id, one of a few words as it is. Other values are ordinary words, which sentences have for other
    /// reasons.
    fn forms(&self) -> Vec<String> {
        let net = self.text.parse::<IpNet>().map(|net| net.to_string());
        if let Ok(usual) = net.or_else(|_| self.text.parse::<IpAddr>().map(|address| address.to_string())) {
            return vec![self.text.clone(), usual];
        }
        let (prefix, name) = self.text.split_once(':').unwrap_or(("", &self.text));
        let kind = match (self.key.as_str(), prefix) {
            (_, "pl") | ("prefix_list", _) => Kind::PrefixList,
            (_, "sg") | ("security_groups", _) => Kind::SecurityGroup,
            ("vpc" | "vpcs" | "requester" | "accepter", _) => Kind::Vpc,
            ("subnet" | "subnets", _) => Kind::Subnet,
            ("route_table" | "route_tables", _) => Kind::RouteTable,
            ("nacl", _) => Kind::NetworkAcl,
            ("instance", _) => Kind::Instance,
            ("eni" | "enis", _) => Kind::NetworkInterface,
            ("transit_gateway", _) => Kind::TransitGateway,
            ("transit_gateway_attachment", _) => Kind::TransitGatewayAttachment,
            ("gateway" | "gateways", _) => Kind::InternetGateway,
            ("forward", _) => return vec![self.text.clone()],
            _ => return Vec::new(),
        };
        vec![Id::named(kind, name).to_string()]
    }
}

/// The words of a sentence, in order: names, addresses, blocks. One that ends in full stops or colons is there with and
/// without each of them, since they may be the sentence's own, or the end of `2001:db8::`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | ':');
    let runs = text.split(move |c| !is_of_word(c)).filter(|run| !run.is_empty());
    runs.flat_map(|run| std::iter::successors(Some(run), |word| word.strip_suffix(['.', ':'])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Source;

    const TEXT: &str = r#"[vpc.a]
cidrs = ["10.0.0.0/8"]
[vpc.b]
cidrs = ["10.1.0.0/16", "2001:DB8::/56"]
[subnet.s]
vpc = "b"
"#;

    /// What is shown of a finding about the resource whose name is `name`.
    fn shown(name: &str, sentence: &str) -> String {
        let places = Places::of(&Source { name: "lab.toml".into(), text: TEXT.into() });
        let values = Values::of(DeTable::parse(TEXT).unwrap().get_ref(), TEXT.len());
        let start = TEXT.find(&format!(".{name}]")).unwrap() + 1;
        let mut findings = [Finding::error("x", &places.at(start..start + name.len()), sentence)];
        values.narrow(&mut findings, &places);
        let (start, end) = findings[0].origin.span.unwrap();
        TEXT[start..end].to_owned()
    }

    #[test]
    fn a_finding_about_a_resource_shows_the_value_that_it_names() {
        assert_eq!(shown("a", "vpc-a: 10.0.0.0/8 is too large"), "\"10.0.0.0/8\"");
        assert_eq!(shown("b", "vpc-b: 2001:db8::/56 is used"), "\"2001:DB8::/56\"");
        assert_eq!(shown("s", "subnet-s is outside of vpc-b"), "\"b\"");
    }

    #[test]
    fn values_of_other_resources_are_not_shown() {
        assert_eq!(shown("a", "vpc-a: 10.1.0.0/16 overlaps it"), "a");
        assert_eq!(shown("b", "vpc-b: 10.1.0.0/160 is nothing"), "b");
    }

    #[test]
    fn a_word_stands_by_itself() {
        let words = |text| words(text).collect::<Vec<_>>();
        assert_eq!(words("10.0.0.10 is not 10.0.0.1."), ["10.0.0.10", "is", "not", "10.0.0.1.", "10.0.0.1"]);
        assert_eq!(words("10.0.0.1/24 (eni-a)"), ["10.0.0.1/24", "eni-a"]);
        assert_eq!(words("subnet-ab, subnet-a"), ["subnet-ab", "subnet-a"]);
        assert_eq!(words("of 2001:db8::: no"), ["of", "2001:db8:::", "2001:db8::", "2001:db8:", "2001:db8", "no"]);
    }
}
