use std::fmt;

/// Why a document of Terraform's could not be read. Every sentence names the file, the place in it and the next thing to try;
/// none shows a value of an attribute that may be a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TerraformError {
    /// A file of Terraform's that is neither a plan nor a state as JSON.
    #[error("{file}: {what}; {next}")]
    Refused {
        /// The file.
        file: String,
        /// What it is, with the place that shows it.
        what: String,
        /// What to do instead.
        next: String,
    },
    /// The JSON ends in the middle, or something else is in it.
    #[error("{file}:{line}:{column}: not JSON: {cause}; {next}")]
    Json {
        /// The file.
        file: String,
        /// 1-based line.
        line: usize,
        /// 1-based column, in bytes.
        column: usize,
        /// What the parser says.
        cause: String,
        /// What to do.
        next: &'static str,
    },
    /// Something has another shape than Terraform gives it.
    #[error("{file}: {path}: expected {expected}, found {found}")]
    Shape {
        /// The file.
        file: String,
        /// The JSON path.
        path: String,
        /// What belongs there.
        expected: &'static str,
        /// What kind of value is there.
        found: &'static str,
    },
    /// Two resources have one address.
    #[error(
        "{file}: {address} is there twice: at {first} and at {second}; write the file again with `terraform show -json`"
    )]
    Duplicate {
        /// The file.
        file: String,
        /// The address.
        address: String,
        /// The JSON path of the first.
        first: String,
        /// The JSON path of the second.
        second: String,
    },
    /// Nothing in the document describes a VPC.
    #[error("{file}: nothing of a VPC in it: {found}; {next}")]
    Nothing {
        /// The file.
        file: String,
        /// What it has.
        found: String,
        /// What to do.
        next: &'static str,
    },
    /// `#prior` or `#planned` of what is no plan, or of a plan without it.
    #[error("{file}#{side}: {why}")]
    Side {
        /// The file.
        file: String,
        /// `prior` or `planned`.
        side: &'static str,
        /// What there is.
        why: &'static str,
    },
    /// Attributes are known only after apply, and nothing tells what they will refer to.
    #[error("{file}: {}", Unresolved::sentence(.list))]
    Unresolved {
        /// The file.
        file: String,
        /// One for each attribute, in the order of the document.
        list: Vec<Unresolved>,
    },
    /// A `--bind` that cannot be followed.
    #[error("--bind '{bind}': {why}")]
    Bind {
        /// As the user wrote it.
        bind: String,
        /// What is wrong with it, and what is near.
        why: String,
    },
}

/// An attribute that no rule resolves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// Address and attribute.
    pub place: String,
    /// What it takes: resource types, or a value.
    pub expected: String,
    /// What the configuration refers to there, as it says it.
    pub references: Vec<String>,
    /// The resources that it may be.
    pub candidates: Vec<String>,
    /// A value that shows the form of the one to bind.
    pub example: String,
}

impl Unresolved {
    fn sentence(list: &[Self]) -> String {
        /// More would push the first ones off the screen.
        const SHOWN: usize = 20;
        let what = if list.len() == 1 {
            "an attribute is known only after apply, and nothing tells what it will be".to_owned()
        } else {
            format!("{} attributes are known only after apply, and nothing tells what they will be", list.len())
        };
        let mut text = format!("{what}; say it with --bind:");
        for one in list.iter().take(SHOWN) {
            text.push_str(&format!("\n  {one}"));
        }
        if list.len() > SHOWN {
            text.push_str(&format!("\n  and {} more", list.len() - SHOWN));
        }
        text
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Enough to see what kind of resources they are.
        const SHOWN: usize = 8;
        let listed = |items: &[String]| {
            let more = if items.len() > SHOWN { format!(" and {} more", items.len() - SHOWN) } else { String::new() };
            format!("{}{more}", items[..items.len().min(SHOWN)].join(", "))
        };
        write!(f, "{}: expected {}; ", self.place, self.expected)?;
        match &self.references[..] {
            [] => f.write_str("the configuration refers to nothing there; ")?,
            references => write!(f, "the configuration refers to {}; ", listed(references))?,
        }
        match &self.candidates[..] {
            [] => f.write_str("there are no candidates")?,
            candidates => write!(f, "candidates are {}", listed(candidates))?,
        }
        let value = self.candidates.first().unwrap_or(&self.example);
        // A quote in a key would end the shell's.
        let bind = format!("{}={value}", self.place).replace('\'', "'\\''");
        write!(f, "\n    --bind '{bind}'")
    }
}
