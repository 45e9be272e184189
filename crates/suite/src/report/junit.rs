use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{SuiteRan, Trouble};
use crate::Outcome;

/// JUnit XML for when no case could be run: one error, which says why.
///
/// # Errors
/// If the XML cannot be written.
pub fn junit_error(why: &str) -> Result<String, SerializeError> {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(why.lines().next().unwrap_or_default()).set_type("usage").set_description(why);
    let mut suite = TestSuite::new("vpcemu test");
    suite.add_test_case(TestCase::new("the suites can be run", status));
    let mut report = Report::new("vpcemu test");
    report.add_test_suite(suite);
    report.to_string()
}

/// Results as JUnit XML: one test suite a file, its cases with `file` and `line`.
///
/// # Errors
/// If the XML cannot be written.
pub fn junit(suites: &[SuiteRan<'_>]) -> Result<String, SerializeError> {
    let mut report = Report::new("vpcemu test");
    for SuiteRan { suite, ran } in suites {
        let file = suite.path.display().to_string();
        let mut of_file = TestSuite::new(&file);
        for ran in ran {
            let status = match Trouble::of(ran) {
                None => TestCaseStatus::success(),
                Some(Trouble { message, trace, .. }) => {
                    let (kind, of_kind) = match ran.outcome {
                        Outcome::Broken(_) => (NonSuccessKind::Error, "broken"),
                        _ => (NonSuccessKind::Failure, "expectation"),
                    };
                    let mut status = TestCaseStatus::non_success(kind);
                    status.set_message(&message).set_type(of_kind).set_description(format!("{message}\n\n{trace}"));
                    status
                }
            };
            let mut case = TestCase::new(&ran.case.name, status);
            case.set_classname(&file).set_time(ran.elapsed);
            case.extra.insert("file".into(), file.as_str().into());
            case.extra.insert("line".into(), ran.case.line.to_string().into());
            of_file.add_test_case(case);
        }
        report.add_test_suite(of_file);
    }
    report.to_string()
}
