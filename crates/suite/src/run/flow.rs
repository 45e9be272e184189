use vpcemu_lab::Lab;

use super::{Outcome, outcome};
use crate::case::FlowCase;
use crate::file::Fate;

/// Runs a flow in a laboratory that has forgotten everything.
pub(super) fn run(lab: &mut Lab, case: &FlowCase, line: u32) -> Outcome {
    lab.forget();
    let trace = match lab.trace(&case.flow) {
        Ok(trace) => trace,
        Err(error) => return Outcome::Broken(error.to_string()),
    };
    let mut messages = case.forward.differences("the packet", &trace.forward);
    if let (Some(expected), Some(reply)) = (&case.reply, &trace.reply) {
        messages.extend(expected.differences("the answer", reply));
        if let (Fate::Allow, Some(confirmation)) = (expected.fate, &trace.confirmation) {
            messages.extend(expected.differences("what confirms the answer", confirmation));
        }
    }
    messages.extend(missed(&case.via, &trace.forward.via));
    if case.unassumed {
        messages.extend(trace.assumptions.iter().map(|it| format!("nothing should be assumed, but this was: {it}")));
    }
    outcome(line, messages, || trace.to_string())
}

/// What a way should pass and does not, or not in this order.
fn missed(expected: &[String], via: &[String]) -> Option<String> {
    let mut rest = via.iter();
    let missing = expected.iter().find(|id| !rest.any(|passed| passed == *id))?;
    let passed = if via.is_empty() { "nothing".to_owned() } else { via.join(", ") };
    let expected = expected.join(", ");
    Some(match via.contains(missing) {
        true => format!("the packet should pass {expected} in this order, but passes {passed}"),
        false => format!("the packet should pass {missing}, but passes {passed}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_passed_in_order() {
        let ids = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>();
        let via = ids(&["nat", "igw"]);
        assert_eq!(missed(&ids(&["nat"]), &via), None);
        assert_eq!(missed(&ids(&["nat", "igw"]), &via), None);
        assert!(missed(&ids(&["igw", "nat"]), &via).is_some_and(|told| told.contains("in this order")));
        assert!(missed(&ids(&["eigw"]), &via).is_some_and(|told| told.contains("should pass eigw")));
    }
}
