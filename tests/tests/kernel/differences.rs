//! What we do otherwise than the kernel, and why.

/// A step whose outcome is not the kernel's.
pub(crate) struct Difference {
    /// Role, case and step.
    pub(crate) step: (&'static str, &'static str, usize),
    /// What comes out of the kernel.
    pub(crate) kernel: &'static str,
    /// What comes out of ours.
    pub(crate) ours: &'static str,
    /// The rule that says so.
    pub(crate) rule: &'static str,
}

/// All of them.
pub(crate) const DIFFERENCES: &[Difference] = &[];
