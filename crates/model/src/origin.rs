use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Where a resource or rule was defined: a line of a native file, or an object of a JSON document.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Origin {
    /// The file as the user named it; empty for what AWS would have made by itself (default network ACL, local route).
    pub file: Arc<str>,
    /// 1-based line, where the format has lines worth citing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Byte range in the file, for showing the source.
    #[serde(skip)]
    pub span: Option<(usize, usize)>,
    /// JSON path or Terraform address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
}

impl Origin {
    /// The origin of what no file defines: AWS makes it with the VPC.
    pub fn implicit() -> Self {
        Self::default()
    }

    /// True for what no file defines.
    pub fn is_implicit(&self) -> bool {
        self.file.is_empty()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_implicit() {
            return f.write_str("made with the VPC");
        }
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(path) = &self.path {
            write!(f, ": {path}")?;
        }
        Ok(())
    }
}
