//! Scripts: flows over time, in a network that forgets and changes.

mod common;

use common::{Folder, NETWORK};

fn script(steps: &str) -> String {
    format!("[[script]]\nname = \"it\"\nsteps = [\n{steps}\n]\n")
}

const OPENS: &str = r#"{ from = "app", to = "198.51.100.7:443", proto = "tcp", flags = "S" },
{ reply = true, flags = "SA" },
{ flags = "A" },"#;

#[test]
fn a_packet_is_delivered_where_nothing_else_is_said() {
    let folder = Folder::new();
    folder.passes(&script(OPENS));
    let (line, told) = folder.fails(&script(r#"{ from = "app", to = "198.51.100.7:80", proto = "tcp", flags = "S" }"#));
    assert_eq!(line, 5);
    assert!(told.starts_with("step 1 should be delivered, but it was denied by eni-app"), "{told}");
}

#[test]
fn time_passes_to_a_moment_or_for_a_while() {
    let folder = Folder::new();
    let late = r#"flags = "PA", expect = "deny", reason = "X_NAT_IDLE_EXPIRED", by = "nat", generated = "tcp-rst" }"#;
    let early = r#"flags = "PA", generated = "none", state = "established" }"#;
    folder.passes(&script(&format!("{OPENS}{{ at = \"+351s\", {late}")));
    folder.passes(&script(&format!("{OPENS}{{ wait = \"351s\", {late}")));
    folder.passes(&script(&format!("{OPENS}{{ wait = \"349s\", {early}")));
    // The time of an `at` counts from the beginning, that of a `wait` from the step before.
    folder.passes(&script(&format!(
        "{OPENS}{{ wait = \"300s\", {early},\n{{ at = \"+640s\", {early},\n{{ wait = \"6m\", {late}"
    )));
}

#[test]
fn a_step_with_nothing_but_a_time_sends_nothing() {
    let folder = Folder::new();
    let waits = format!(
        "{}counters = {{ \"nat.IdleTimeoutCount\" = 1, \"nat.PacketsInFromSource\" = 2, \"nat-nat.PacketsOutToSource\" = 1, \"connections.created\" = 1 }}",
        script(&format!("{OPENS}{{ wait = \"400s\" }},"))
    );
    folder.passes(&waits);
    let (line, told) = folder.fails(&waits.replace("IdleTimeoutCount\" = 1", "IdleTimeoutCount\" = 2"));
    assert_eq!(line, 2);
    assert_eq!(told, "nat.IdleTimeoutCount should be 2 after the last step, but is 1");
}

#[test]
fn flows_go_on_by_name() {
    let folder = Folder::new();
    folder.passes(&script(
        r#"{ flow = "page", from = "app:41000", to = "198.51.100.7:443", proto = "tcp", flags = "S" },
{ flow = "name", from = "app:42000", to = "198.51.100.53:53", proto = "udp", xlate_dst = "198.51.100.53:53", state = "new" },
{ reply = true, xlate_dst = "10.0.1.10:42000" },
{ flow = "page", reply = true, flags = "SA", xlate_dst = "10.0.1.10:41000" },
{ flow = "name", reply = false, state = "established" },"#,
    ));
    let told = folder.refused(&script(
        r#"{ flow = "page", from = "app", to = "198.51.100.7:443", proto = "tcp", flags = "S" }, { flow = "pages", flags = "A" }"#,
    ));
    assert!(told.contains("did you mean `page`?"), "{told}");
}

#[test]
fn a_configuration_comes_into_force_with_a_step() {
    let folder = Folder::new();
    // Nobody may see the page any more; who is looking at it may go on.
    folder.write("closed.toml", &NETWORK.replace("ports = \"443\", from", "ports = \"80\", from"));
    let opens = r#"{ from = "internet", to = "web:443", proto = "tcp", flags = "S" }, { reply = true, flags = "SA" }, { flags = "A" },"#;
    let again = r#"from = "198.51.100.9", to = "web:443", proto = "tcp", flags = "S""#;
    folder.passes(&script(&format!("{opens} {{ {again} }}")));
    let closed =
        |wanted: &str| script(&format!("{opens} {{ config = \"closed.toml\", wait = \"1s\" }}, {{ {again}{wanted} }}"));
    folder.passes(&closed(r#", expect = "deny", reason = "ENI_SG_RULES_MISMATCH", by = "web", rule = "*""#));
    assert_eq!(folder.fails(&closed("")).0, 5);
}

#[test]
fn what_began_earlier_is_adopted_or_not() {
    let folder = Folder::new();
    let middle = r#"{ from = "app", to = "198.51.100.7:443", proto = "tcp", flags = "PA""#;
    folder.passes(&script(&format!("{middle} }}")));
    let strict = script(&format!("{middle}, expect = \"deny\", reason = \"X_NAT_NO_SESSION\" }}"));
    folder.passes(&format!("{strict}midstream = \"strict\"\n"));
    assert!(folder.fails(&strict).1.contains("should be denied (X_NAT_NO_SESSION), but it was delivered to internet"));
}

#[test]
fn what_a_step_causes_is_compared() {
    let folder = Folder::new();
    let causes = |kind: &str| {
        script(&format!("{OPENS}{{ wait = \"351s\", flags = \"PA\", expect = \"deny\", generated = \"{kind}\" }}"))
    };
    folder.passes(&causes("tcp-rst"));
    assert_eq!(folder.fails(&causes("none")), (7, "step 4 should cause no packet, but causes tcp-rst".to_owned()));
    assert!(folder.fails(&causes("tcp-fin")).1.contains("should cause a tcp-fin, but causes tcp-rst"));
    let state = script(&OPENS.replace("\"S\"", "\"S\", state = \"untracked\""));
    assert_eq!(folder.fails(&state).1, "step 1: the state should be untracked, but is new");
}

#[test]
fn scripts_know_nothing_of_each_other() {
    let folder = Folder::new();
    let suite = [script(OPENS), script(OPENS).replace("\"it\"", "\"that\"")].map(|script| {
        format!("{script}counters = {{ \"nat.ConnectionAttemptCount\" = 1, \"connections.live\" = 1 }}\n")
    });
    let suite = folder.suite(&suite.concat()).unwrap_or_else(|error| panic!("{error}"));
    let ran = suite.run(&vpcemu_suite::Filter::default(), false, |_| {});
    assert!(ran.len() == 2 && ran.iter().all(|case| case.is_ok()), "{ran:?}");
}

#[test]
fn ages_may_pass() {
    let folder = Folder::new();
    let late = r#"flags = "PA", expect = "deny" }"#;
    for age in ["400d", "200000d", "213000000000d"] {
        folder.passes(&script(&format!("{OPENS}{{ wait = \"{age}\", {late}")));
        folder.passes(&script(&format!("{OPENS}{{ wait = \"{age}\" }}, {{ wait = \"{age}\", {late}")));
    }
}
