//! Scenarios of TCP's life and death, each recorded on a 6.18 kernel. The lines are those of [`super::recorded`].

use super::recorded::told;

#[test]
fn e1_handshake_data_and_an_orderly_end() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        > PA 1001 5001 60000 - 100 = pass ESTABLISHED unacknowledged Ac
        < PA 5001 1101 60000 - 500 = pass ESTABLISHED unacknowledged Ac
        > FA 1101 5501 60000 - 0 = pass FIN_WAIT fin_wait Ac
        < A 5501 1102 60000 - 0 = pass CLOSE_WAIT close_wait Ac
        < FA 5501 1102 60000 - 0 = pass LAST_ACK last_ack Ac
        > A 1102 5502 60000 - 0 = pass TIME_WAIT time_wait Ac
        ",
    );
}

#[test]
fn e2_a_close_from_inside_with_retransmissions() {
    // The FIN and the last ACK come again and still pass.
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        > FA 1001 5001 60000 - 0 = pass FIN_WAIT fin_wait Ac
        > FA 1001 5001 60000 - 0 = pass LAST_ACK last_ack Ac
        < A 5001 1002 60000 - 0 = pass TIME_WAIT time_wait Ac
        < FA 5001 1002 60000 - 0 = pass TIME_WAIT time_wait Ac
        > A 1002 5002 60000 - 0 = pass TIME_WAIT time_wait Ac
        < FA 5001 1002 60000 - 0 = pass TIME_WAIT time_wait Ac
        > A 1002 5002 60000 - 0 = pass TIME_WAIT time_wait Ac
        ",
    );
}

#[test]
fn e3_a_close_from_outside() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        < FA 5001 1001 60000 - 0 = pass FIN_WAIT fin_wait Ac
        > A 1001 5002 60000 - 0 = pass CLOSE_WAIT close_wait Ac
        > FA 1001 5002 60000 - 0 = pass LAST_ACK last_ack Ac
        < A 5002 1002 60000 - 0 = pass TIME_WAIT time_wait Ac
        ",
    );
}

#[test]
fn e3_a_simultaneous_close() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        > FA 1001 5001 60000 - 0 = pass FIN_WAIT fin_wait Ac
        < FA 5001 1001 60000 - 0 = pass LAST_ACK last_ack Ac
        > A 1002 5002 60000 - 0 = pass TIME_WAIT time_wait Ac
        < A 5002 1002 60000 - 0 = pass TIME_WAIT time_wait Ac
        ",
    );
}

#[test]
fn e4_a_half_reopen_is_a_new_unreplied_entry() {
    // The server does not answer: the entry has the time of a SYN, and repeating it renews nothing.
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        > FA 1001 5001 60000 - 0 = pass FIN_WAIT fin_wait Ac
        < FA 5001 1002 60000 - 0 = pass LAST_ACK last_ack Ac
        > A 1002 5002 60000 - 0 = pass TIME_WAIT time_wait Ac
        > S 900000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        > S 900000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        ",
    );
}

#[test]
fn e5_a_syn_in_time_wait_reopens() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        > FA 1001 5001 60000 - 0 = pass FIN_WAIT fin_wait Ac
        < FA 5001 1002 60000 - 0 = pass LAST_ACK last_ack Ac
        > A 1002 5002 60000 - 0 = pass TIME_WAIT time_wait Ac
        > S 900000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 700000 900001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 900001 700001 60000 - 0 = pass ESTABLISHED established Ac
        ",
    );
}

#[test]
fn e5_the_other_side_may_reopen_too() {
    // The entry is then the one of the server's connection.
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        > FA 1001 5001 60000 - 0 = pass FIN_WAIT fin_wait Ac
        < FA 5001 1002 60000 - 0 = pass LAST_ACK last_ack Ac
        > A 1002 5002 60000 - 0 = pass TIME_WAIT time_wait Ac
        < S 700000 0 60000 - 0 = pass SYN_SENT syn_sent Us
        > SA 900000 700001 60000 - 0 = pass SYN_RECV syn_recv rs
        < A 700001 900001 60000 - 0 = pass ESTABLISHED established As
        ",
    );
}

#[test]
fn e6_a_syn_ack_comes_again() {
    // The ACK was lost behind the router: the connection is established here, and the SYN-ACK passes all the same.
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < SA 5000 1001 60000 - 0 = pass ESTABLISHED established Ac
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        > PA 1001 5001 60000 - 100 = pass ESTABLISHED unacknowledged Ac
        ",
    );
}

#[test]
fn e7_a_reset_then_data_then_a_syn() {
    // Data after the reset still pass while the entry lives; a SYN of the side that did not reset is let through, and
    // its SYN-ACK brings the connection back.
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        < R 5001 0 60000 - 0 = pass CLOSE close Ac
        > PA 1001 5001 60000 - 100 = pass CLOSE close Ac
        > S 900000 0 60000 - 0 = pass CLOSE close Ac
        < SA 700000 900001 60000 - 0 = pass SYN_RECV syn_recv Ac
        > A 900001 700001 60000 - 0 = pass ESTABLISHED established Ac
        ",
    );
}

#[test]
fn e7_the_side_that_reset_reopens_at_once() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        > R 1001 0 60000 - 0 = pass CLOSE close Ac
        > S 900000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        ",
    );
}

#[test]
fn e8_data_after_a_reset_do_not_bring_it_back() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        > RA 1001 5001 60000 - 0 = pass CLOSE close Ac
        > PA 1001 5001 60000 - 100 = pass CLOSE close Ac
        < PA 5001 1101 60000 - 100 = pass CLOSE close Ac
        ",
    );
}

#[test]
fn e9_a_reset_out_of_the_window_is_invalid() {
    // In the window but not at the expected number it passes, and the receiver decides (RFC 5961 3.2).
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        < R 0 0 60000 - 0 = drop ESTABLISHED established Ac
        < R 1005001 0 60000 - 0 = drop ESTABLISHED established Ac
        < R 5002 0 60000 - 0 = pass ESTABLISHED close Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED unacknowledged Ac
        < R 5001 0 60000 - 0 = pass CLOSE close Ac
        ",
    );
}

#[test]
fn e10_an_inexact_reset_while_closing_is_accepted() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        > FA 1001 5001 60000 - 0 = pass FIN_WAIT fin_wait Ac
        < R 4000 0 60000 - 0 = pass CLOSE close Ac
        ",
    );
}

#[test]
fn e11_a_challenge_ack_and_the_reset_that_it_provokes() {
    // The server still knows an old incarnation of the connection (RFC 5961 4.2).
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < A 7000 4000 60000 - 0 = pass SYN_SENT syn_sent rc
        > R 4000 0 60000 - 0 = pass CLOSE close rc
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        ",
    );
}

#[test]
fn e11_a_stale_syn_ack_and_the_reset_that_it_provokes() {
    // A SYN-ACK of an old incarnation acknowledges what was not sent.
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 7000 4000 60000 - 0 = drop SYN_SENT syn_sent Uc
        > R 4000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED unacknowledged Ac
        ",
    );
}

#[test]
fn e11_port_reuse_while_the_router_still_has_the_old_one() {
    // The endpoints agree on a SYN that was not believed.
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        > S 900000 0 60000 - 0 = pass ESTABLISHED established Ac
        < SA 700000 900001 60000 - 0 = pass SYN_RECV syn_recv Ac
        > A 900001 700001 60000 - 0 = pass ESTABLISHED established Ac
        ",
    );
}

#[test]
fn e11_a_challenge_ack_in_last_ack_is_not_the_last_ack() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        > FA 1001 5001 60000 - 0 = pass FIN_WAIT fin_wait Ac
        < FA 5001 1002 60000 - 0 = pass LAST_ACK last_ack Ac
        > S 900000 0 60000 - 0 = pass LAST_ACK last_ack Ac
        < A 5002 1002 60000 - 0 = pass LAST_ACK last_ack Ac
        < A 5002 1002 60000 - 0 = pass TIME_WAIT time_wait Ac
        ",
    );
}

#[test]
fn e12_an_acknowledged_segment_sent_again_passes() {
    // Far below the window: nothing is learned from it, and nothing renewed.
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        > PA 1001 5001 60000 - 30000 = pass ESTABLISHED unacknowledged Ac
        > PA 31001 5001 60000 - 30000 = pass ESTABLISHED unacknowledged Ac
        < A 5001 61001 60000 - 0 = pass ESTABLISHED established Ac
        > PA 61001 5001 60000 - 30000 = pass ESTABLISHED unacknowledged Ac
        < A 5001 91001 60000 - 0 = pass ESTABLISHED established Ac
        > PA 1001 5001 60000 - 1400 = pass ESTABLISHED established Ac
        < A 5001 91001 60000 - 0 = pass ESTABLISHED established Ac
        ",
    );
}

#[test]
fn e13_a_connection_picked_up_in_its_middle() {
    // Its window scale is unknown, so no segment is out of its window.
    told(
        "
        > PA 800001 300001 60000 - 100 = pass ESTABLISHED max_retrans Uc
        < A 300001 800101 60000 - 0 = pass ESTABLISHED unacknowledged rc
        < PA 9300001 800101 60000 - 1400 = pass ESTABLISHED established Ac
        > A 800101 300001 60000 - 0 = pass ESTABLISHED established Ac
        ",
    );
}

#[test]
fn e14_what_opens_nothing() {
    told(
        "
        > SA 1000 5001 60000 - 0 = drop -
        > R 1000 0 60000 - 0 = drop -
        > RA 1000 5001 60000 - 0 = drop -
        > FA 1000 5001 60000 - 0 = drop -
        ",
    );
}

#[test]
fn e15_flags_that_no_stack_sends() {
    told(
        "
        > . 1000 0 60000 - 0 = drop -
        > FPU 1000 0 60000 - 0 = drop -
        > SF 1000 0 60000 - 0 = drop -
        > SR 1000 0 60000 - 0 = drop -
        > SEC 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        > SPU 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        ",
    );
}

#[test]
fn e17_a_simultaneous_open() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < S 5000 0 60000 - 0 = pass SYN_SENT2 syn_sent rc
        > SA 1000 5001 60000 - 0 = pass SYN_RECV syn_recv rc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        ",
    );
}

#[test]
fn e17_a_simultaneous_open_with_plain_acknowledgements() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < S 5000 0 60000 - 0 = pass SYN_SENT2 syn_sent rc
        > SA 1000 5001 60000 - 0 = pass SYN_RECV syn_recv rc
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        ",
    );
}

#[test]
fn e18_a_refused_connection_leaves_nothing() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < RA 0 1001 60000 - 0 = pass -
        > S 2000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < RA 0 2001 60000 - 0 = pass -
        > S 3000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 3001 60000 - 0 = pass SYN_RECV syn_recv rc
        ",
    );
}

#[test]
fn e20_timers_before_and_after_the_handshake() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < FA 5001 1001 60000 - 0 = pass FIN_WAIT fin_wait Ac
        ",
    );
}

#[test]
fn data_nobody_acknowledges_shorten_the_life() {
    // Five days are for idle connections, not for dead ones.
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        > PA 1001 5001 60000 - 100 = pass ESTABLISHED unacknowledged Ac
        < A 5001 1101 60000 - 0 = pass ESTABLISHED established Ac
        > PA 1101 5001 60000 - 100 = pass ESTABLISHED unacknowledged Ac
        > A 1101 5001 60000 - 0 = pass ESTABLISHED unacknowledged Ac
        > A 1101 5001 60000 - 0 = pass ESTABLISHED unacknowledged Ac
        > A 1101 5001 60000 - 0 = pass ESTABLISHED unacknowledged Ac
        > A 1101 5001 60000 - 0 = pass ESTABLISHED max_retrans Ac
        ",
    );
}

#[test]
fn a_segment_far_outside_is_invalid() {
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        > PA 1000000 5001 60000 - 100 = drop ESTABLISHED established Ac
        > PA 1001 900000 60000 - 100 = drop ESTABLISHED established Ac
        < PA 2000000 1001 60000 - 100 = drop ESTABLISHED established Ac
        ",
    );
}

#[test]
fn both_sides_dead_and_out_of_the_window() {
    // A FIN and a RST that both missed the window cut the life short.
    told(
        "
        > S 1000 0 60000 - 0 = pass SYN_SENT syn_sent Uc
        < SA 5000 1001 60000 - 0 = pass SYN_RECV syn_recv rc
        > A 1001 5001 60000 - 0 = pass ESTABLISHED established Ac
        < A 5001 1001 60000 - 0 = pass ESTABLISHED established Ac
        > FA 1000000 5001 60000 - 0 = drop ESTABLISHED established Ac
        < RA 3000000 1001 60000 - 0 = drop ESTABLISHED unacknowledged Ac
        ",
    );
}
