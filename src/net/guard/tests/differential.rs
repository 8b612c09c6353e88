//! Whatever the guard passes, hyper reads as the same requests with the same bodies.

use bytes::Bytes;
use proptest::prelude::*;

use super::{HeadLimits, Phase, Refused, TIGHT, behind, grammar, transcript::Transcript};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hyper_agrees(grammar::Connection(bytes) in grammar::connection(), cuts in grammar::cuts(), tight: bool) {
        let limits = if tight { TIGHT } else { HeadLimits::default() };
        let transcript = Transcript::of(&bytes, limits);
        let expected = transcript.refused.map(|(refused, _)| why(refused));

        let outcome = behind::serve([Bytes::copy_from_slice(&bytes)], limits);
        let reads_on = same_requests(&transcript, &outcome)?;
        prop_assert!(!reads_on || outcome.refused.map(why) == expected);

        // A bad head that comes in parts hyper may give up by itself, before the guard's verdict.
        let reads = grammar::reads(&bytes, &cuts).into_iter().map(Bytes::copy_from_slice);
        let outcome = behind::serve(reads, limits);
        same_requests(&transcript, &outcome)?;
        prop_assert!(outcome.refused.is_none() || outcome.refused.map(why) == expected);
    }

    #[test]
    fn what_is_sound_passes(grammar::Connection(bytes) in grammar::sound(), cuts in grammar::cuts()) {
        let limits = HeadLimits::default();
        let transcript = Transcript::of(&bytes, limits);
        prop_assert_eq!(transcript.refused, None);
        prop_assert_eq!(transcript.phase, Phase::Between);
        prop_assert!(transcript.requests.iter().all(|request| request.content().is_some()));
        let reads = grammar::reads(&bytes, &cuts).into_iter().map(Bytes::copy_from_slice);
        prop_assert!(same_requests(&transcript, &behind::serve(reads, limits))?, "hyper closed");
    }
}

/// Compares request by request; false if hyper closes after one of them.
fn same_requests(transcript: &Transcript, outcome: &behind::Outcome) -> Result<bool, TestCaseError> {
    let mut reads_on = true;
    let mut served = outcome.served.iter();
    for request in &transcript.requests {
        let Some(served) = served.next() else {
            prop_assert!(!reads_on, "hyper did not serve {request:?}");
            break;
        };
        prop_assert_eq!(served.head.as_ref(), Some(&request.head));
        prop_assert!(served.agrees(), "{served:?} is not {request:?}");
        prop_assert_eq!(&served.content, &request.content());
        reads_on &= !served.is_last();
    }
    prop_assert!(served.next().is_none(), "hyper served more than the guard passed");
    Ok(reads_on)
}

fn why(refused: Refused) -> (u16, &'static str) {
    (refused.status, refused.why)
}
