//! What is told is what is done, in the order in which it is done.

use super::*;

/// Where the stages are in the order of a request, and what calls them there.
const IN_FLOW: [(&str, &str); 8] = [
    (LIMITS, "limiting::address(&exchange)"),
    ("authenticate", "identify(exchange, tried)"),
    ("wellformed", "read(exchange, body, drain, &mut place)"),
    (LIMITS, "limiting::caller(&exchange)"),
    ("authorize", "permit(exchange)"),
    ("rules", "ruling::rule(exchange, missing)"),
    (LIMITS, "limiting::target(&exchange)"),
    ("arguments", "arguing::argue(exchange, checks, drain)"),
];

#[test]
fn the_stages_are_told_in_the_order_of_a_request() {
    let (flow, _) = include_str!("../flow.rs").split_once("/// Finds out who is calling.").expect("the order is first");
    let places = IN_FLOW.map(|(stage, call)| (flow.find(call).unwrap_or_else(|| panic!("no {call} in flow")), stage));
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(places.map(|(_, stage)| stage), *STAGES);
    // Each is told behind the one before it.
    let mut rest = include_str!("../explain.rs");
    for stage in STAGES {
        let told = if *stage == LIMITS { "(LIMITS, ".to_owned() } else { format!("(\"{stage}\", ") };
        rest = rest.split_once(&told).unwrap_or_else(|| panic!("{stage} is not told in its order")).1;
    }
}
