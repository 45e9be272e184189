//! Which instance of a resource is meant, where a plan only tells the resource: indices of expressions are lost in it.

use super::Plan;
use super::follow::{Element, Scope};
use crate::terraform::resource::Index;

/// What the reference's surroundings tell.
#[derive(Clone)]
pub(super) struct Place<'s, 'a> {
    pub(super) scope: &'s Scope<'a>,
    /// An index after the output or variable that led here.
    pub(super) tail: Option<&'s Element>,
    /// Whether the expression refers to `count.index` or `each` too.
    pub(super) counted: bool,
    /// Whether it refers to a variable that is on and says that there is only one, as `single_nat_gateway`.
    pub(super) single: bool,
    /// Whether all instances are looked for.
    pub(super) many: bool,
}

impl Plan<'_> {
    /// The instances that are meant: one, or several if that is not told. `guesses` gets a sentence where the choice is one.
    pub(super) fn choose(
        &self,
        group: &[usize],
        explicit: Option<&Index>,
        place: &Place<'_, '_>,
        guesses: &mut Vec<String>,
    ) -> Vec<usize> {
        let with =
            |key: &Index| group.iter().copied().find(|&at| self.instances[at].address.index.as_ref() == Some(key));
        if let Some(index) = explicit {
            return with(index).into_iter().collect();
        }
        if let Some(Element::Told(tail)) = place.tail {
            // An output lists instances in order, or maps them by key.
            let nth = match tail {
                Index::Number(number) => usize::try_from(*number).ok().and_then(|at| group.get(at).copied()),
                Index::Key(_) => with(tail),
            };
            if let Some(at) = nth {
                return vec![at];
            }
        }
        let counted = match place.tail {
            Some(Element::Counted(number)) => Some(*number),
            _ => None,
        };
        if group.len() <= 1 || place.many && !place.counted && counted.is_none() {
            return group.to_vec();
        }
        if place.single
            && let Some(first) = with(&Index::Number(0))
        {
            let address = &self.instances[first].text;
            guesses.push(format!(
                "{address} because the expression asks a variable whether there is only one, and it is true"
            ));
            return vec![first];
        }
        if let Some(number) = counted {
            let at = group[(number % group.len() as u64) as usize];
            let address = &self.instances[at].text;
            guesses.push(format!("{address}, number {number} of what is listed there, because the expression counts"));
            return vec![at];
        }
        let Some(key) = &place.scope.key else { return group.to_vec() };
        // `count.index` is lost from the index, but both have as many instances, or the expression has it somewhere.
        if (place.counted || place.scope.siblings == group.len())
            && let Some(at) = with(key)
        {
            return vec![at];
        }
        // Beyond the last one only `element` goes, which begins again.
        if place.counted
            && let Index::Number(number) = key
            && with(&Index::Number(0)).is_some()
        {
            let at = group[(*number % group.len() as u64) as usize];
            let address = &self.instances[at].text;
            guesses.push(format!("{address} because `element` begins again after the last of {}", group.len()));
            return vec![at];
        }
        group.to_vec()
    }
}
