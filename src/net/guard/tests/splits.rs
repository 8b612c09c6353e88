//! However a stream is cut into reads, the guard says the same at the same byte.

use proptest::prelude::*;

use super::{HeadGuard, HeadLimits, TIGHT, grammar, transcript::Transcript};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_verdict(grammar::Connection(bytes) in grammar::connection(), cuts in grammar::cuts(), tight: bool) {
        let limits = if tight { TIGHT } else { HeadLimits::default() };
        same(&bytes, &[], limits)?;
        same(&bytes, &cuts, limits)?;
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cuts in grammar::cuts()) {
        same(&bytes, &cuts, TIGHT)?;
    }
}

/// Compares the reads with the byte-by-byte transcript.
fn same(bytes: &[u8], cuts: &[prop::sample::Index], limits: HeadLimits) -> Result<(), TestCaseError> {
    let expected = Transcript::of(bytes, limits);
    let mut guard = HeadGuard::new(limits);
    let (mut handed_on, mut heads, mut refused) = (0, Vec::new(), None);
    for read in grammar::reads(bytes, cuts) {
        let verdict = guard.inspect(read);
        heads.extend(std::iter::from_fn(|| guard.take_head()));
        let Err(refusal) = verdict else {
            handed_on += read.len();
            continue;
        };
        refused = Some(refusal);
        let decided = expected.refused.map(|(_, at)| at).unwrap_or(usize::MAX);
        prop_assert!((handed_on..handed_on + read.len()).contains(&decided), "refused in another read");
        // Nothing of the refused element that has not been handed on before, all that is sound.
        prop_assert_eq!(handed_on + refusal.good, handed_on.max(sound(bytes, decided, limits)));
        break;
    }
    prop_assert_eq!(
        refused.map(|refusal| (refusal.status, refusal.why)),
        expected.refused.map(|(refusal, _)| (refusal.status, refusal.why))
    );
    prop_assert_eq!(heads, expected.requests.into_iter().map(|request| request.head).collect::<Vec<_>>());
    prop_assert_eq!(guard.phase(), expected.phase);
    Ok(())
}

/// Where the refused head, chunk line or trailers begin: what one read of everything calls good.
fn sound(bytes: &[u8], decided: usize, limits: HeadLimits) -> usize {
    let refusal = HeadGuard::new(limits).inspect(&bytes[..=decided]);
    refusal.expect_err("it ends with the byte that was refused").good
}
