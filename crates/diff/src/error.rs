/// Why two configurations cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// They have nothing in common that a packet could begin at or go to.
    #[error(
        "these are two different networks: they have no VPC and no interface address in common (old: {old}; new: {new}); \
         expected two configurations of one network, as before and after a change"
    )]
    DifferentNetworks {
        /// What the first has.
        old: String,
        /// What the second has.
        new: String,
    },
}
