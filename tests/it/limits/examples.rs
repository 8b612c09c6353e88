//! The example of limits: loaded as it is but for addresses, and used.

use std::fs;
use std::path::Path;

use super::{answering, is_refused};
use crate::support::{Gateway, call, only_through_weir};

#[tokio::test]
async fn the_example_counts_as_it_says() {
    only_through_weir!();
    let (server, search) = (answering().await, answering().await);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/limits.toml");
    let mut text = fs::read_to_string(file).expect("it is there");
    for (address, server) in [("http://127.0.0.1:3000/mcp", &server), ("http://127.0.0.1:3001/mcp", &search)] {
        assert!(text.contains(address));
        text = text.replace(address, &server.url());
    }
    let weir = Gateway::config(&text).start().await;
    let mut client = weir.client().await;
    let report = |name: &str| call("1", name, "{}").path("/files/mcp");
    for refused in [false, false, false, true] {
        assert_eq!(is_refused(&client.ask(&report("report_year")).await), refused);
    }
    // Another report counts apart, and what is none is not counted.
    assert!(!is_refused(&client.ask(&report("report_month")).await));
    assert!(!is_refused(&client.ask(&report("look")).await));
    assert!(!is_refused(&client.ask(&call("1", "report_year", "{}").path("/search/mcp")).await));
}
