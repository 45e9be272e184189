/// Which cases are run.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Parts of names, any of which is enough; all cases, if there are none.
    pub names: Vec<String>,
    /// Whether names are whole.
    pub exact: bool,
}

impl Filter {
    /// Whether a case of this name is run.
    pub fn keeps(&self, name: &str) -> bool {
        let matches = |wanted: &String| if self.exact { name == wanted } else { name.contains(wanted.as_str()) };
        self.names.is_empty() || self.names.iter().any(matches)
    }
}
