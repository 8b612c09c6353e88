//! What the cores count is folded into one page.

use std::net::SocketAddr;
use std::time::Duration;

use weir::model::{Generation, Level, Reason, RequestIds, Undone};
use weir::protocol::method::Method;
use weir::telemetry::{Certificate, Ended, Fold, Observed, Outcome, Queue, Said, Sample};

use super::requests;
use crate::support::Exposition;

fn sample() -> Sample {
    Sample {
        memory_limit: Some(1 << 30),
        pressure: Level::Shed,
        cpu: Some(Duration::from_millis(1500)),
        cores: vec![("0".to_owned(), Duration::from_micros(2))],
        queues: vec![Queue { core: "all".to_owned(), waiting: 7 }],
        ready: true,
        certificates: vec![Certificate { file: "a \"b\"\\\n".to_owned(), not_after: 0 }],
        ..Sample::default()
    }
}

fn folded(fold: &mut Fold, sample: &Sample) -> Exposition {
    fold.fold(sample);
    Exposition::parse(std::str::from_utf8(&fold.exposition().render()).expect("it is text"))
}

/// Cores count apart, and are told together; a page says nothing of what was not looked at.
#[test]
fn cores_add_up_and_odd_labels_are_escaped() {
    let (observed, ids, odd) = (Observed::new(), RequestIds::new(), "/a\\b\"c\nd/mcp");
    let mut fold = Fold::new(observed.clone());
    // The third counts on where the second has ended.
    for number in [0, 1, 1] {
        let core = observed.core(number, &weir::telemetry::Controls::nowhere());
        let meter = core.route(odd, "files");
        assert!(std::rc::Rc::ptr_eq(&meter, &core.route(odd, "files")), "a reload counts on");
        for (said, outcome, reason) in [
            (Said::Method(Method::ToolsCall), Outcome::Answered, None),
            (Said::Batch, Outcome::Cut, Some(Reason::UpstreamReset)),
        ] {
            core.ended(&Ended {
                id: ids.next(),
                route: &meter,
                peer: SocketAddr::from(([127, 0, 0, 1], 9)).into(),
                caller: "",
                issuer: "",
                said,
                method: "",
                name: "",
                rule: "",
                outcome,
                reason,
                why: "",
                limit: "",
                arguments: None,
                span: None,
                asked: None,
                status: 200,
                received: 10,
                sent: 5,
                total: Duration::from_millis(3),
                server: Some(Duration::from_millis(2)),
                added: Some(Duration::from_micros(30)),
            });
        }
    }
    observed.started(Generation { number: 1, since: 100 });
    observed.reloaded(&Err(Undone::Refused("it is wrong".to_owned())));
    observed.reloaded(&Ok(Generation { number: 2, since: 200 }));
    let page = folded(&mut fold, &sample());
    let route = [("route", odd), ("server", "files")];
    assert_eq!(page.sum("weir_requests_total", &route), 6.0);
    assert_eq!(page.sum("weir_requests_total", &requests("batch", "cut", "upstream_reset")), 3.0);
    assert_eq!(page.sum("weir_request_bytes_total", &route), 60.0);
    assert_eq!(page.sum("weir_request_duration_seconds_sum", &route), 0.018);
    assert_eq!(page.sum("weir_request_duration_seconds_bucket", &[route[0], ("le", "0.005")]), 6.0);
    assert_eq!(page.sum("weir_request_duration_seconds_bucket", &[route[0], ("le", "0.0025")]), 0.0);
    assert_eq!(page.sum("weir_added_duration_seconds_count", &[("route", odd)]), 6.0);
    assert_eq!(page.sum("weir_memory_pressure", &[]), 1.0);
    assert_eq!(page.sum("weir_core_cpu_seconds_total", &[("core", "0")]), 0.000002);
    assert_eq!(page.sum("weir_accept_queue_connections", &[("core", "all")]), 7.0);
    assert!(page.sum("weir_certificate_days", &[("file", "a \"b\"\\\n")]) < -20_000.0);
    let [applied, refused] = ["applied", "refused"].map(|of| page.sum("weir_config_reloads_total", &[("result", of)]));
    assert_eq!((applied, refused, page.sum("weir_config_generation", &[])), (1.0, 1.0, 2.0));
    assert_eq!(page.sum("weir_config_last_reload_success_timestamp_seconds", &[]), 200.0);
    assert!(!page.names().contains("process_open_fds"));
    // A file that is no longer named is no longer told of; what only grows stays.
    let next = folded(&mut fold, &Sample { certificates: Vec::new(), ..sample() });
    next.follows(&page);
    assert!(!next.names().contains("weir_certificate_days"));
}
