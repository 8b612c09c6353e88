//! What is told is what is done, in the order in which it is done.

use super::*;

/// Where the stages are in the order of a request, and what calls them there.
const IN_FLOW: [(&str, &str); 4] = [
    ("authenticate", "identify(exchange, tried)"),
    ("wellformed", "read(exchange, body, drain)"),
    ("authorize", "permit(exchange)"),
    ("rules", "ruling::rule(exchange, missing)"),
];

#[test]
fn the_stages_are_told_in_the_order_of_a_request() {
    let (flow, _) = include_str!("../flow.rs").split_once("/// Finds out who is calling.").expect("the order is first");
    let places = IN_FLOW.map(|(stage, call)| (flow.find(call).unwrap_or_else(|| panic!("no {call} in flow")), stage));
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(places.map(|(_, stage)| stage), *STAGES);
    let walk = include_str!("../explain.rs");
    let told = STAGES.iter().map(|stage| walk.find(&format!("(\"{stage}\", ")).expect("it is told"));
    assert!(told.is_sorted());
}
