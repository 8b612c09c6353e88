//! Whatever passes, hyper reads as the same requests with the same fields and the same bodies.

use proptest::prelude::*;

use super::{HeadLimits, Phase, TIGHT, behind, grammar, transcript::Transcript};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hyper_agrees(grammar::Connection(bytes) in grammar::connection(), cuts in grammar::cuts(), tight: bool) {
        let limits = if tight { TIGHT } else { HeadLimits::default() };
        let transcript = Transcript::of(bytes.chunks(1), limits);
        // Up to the byte that is refused: before it, no refused head may have been complete for hyper.
        let passed = &bytes[..transcript.before];
        same_requests(&transcript, &behind::serve([passed], limits))?;
        same_requests(&transcript, &behind::serve(grammar::reads(passed, &cuts), limits))?;
    }

    #[test]
    fn what_is_sound_passes(grammar::Connection(bytes) in grammar::sound(), cuts in grammar::cuts()) {
        let limits = HeadLimits::default();
        let transcript = Transcript::of([&*bytes], limits);
        prop_assert_eq!(transcript.refused, None);
        prop_assert_eq!(transcript.phase, Phase::Between);
        prop_assert!(transcript.requests.iter().all(|request| request.content().is_some()));
        prop_assert!(same_requests(&transcript, &behind::serve(grammar::reads(&bytes, &cuts), limits))?, "hyper closed");
    }
}

/// Compares request by request; false if hyper closes after one of them.
fn same_requests(transcript: &Transcript, served: &[behind::Served]) -> Result<bool, TestCaseError> {
    let mut reads_on = true;
    let mut served = served.iter();
    for request in &transcript.requests {
        let Some(served) = served.next() else {
            prop_assert!(!reads_on, "hyper did not serve {request:?}");
            break;
        };
        prop_assert!(served.agrees(request), "{served:?} is not {request:?}");
        reads_on &= !served.is_last();
    }
    prop_assert!(served.next().is_none(), "hyper served more than was passed");
    Ok(reads_on)
}
