//! However a stream is cut into reads, it is read as the same, to the same byte.

use proptest::prelude::*;

use super::{HeadLimits, TIGHT, grammar, transcript::Transcript};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_reads_the_same(grammar::Connection(bytes) in grammar::connection(), cuts in grammar::cuts(), tight: bool) {
        let limits = if tight { TIGHT } else { HeadLimits::default() };
        same(&bytes, &[], limits)?;
        same(&bytes, &cuts, limits)?;
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cuts in grammar::cuts()) {
        same(&bytes, &cuts, TIGHT)?;
    }
}

/// Compares the reads with those of one byte each.
fn same(bytes: &[u8], cuts: &[prop::sample::Index], limits: HeadLimits) -> Result<(), TestCaseError> {
    let expected = Transcript::of(bytes.chunks(1), limits);
    let reads = grammar::reads(bytes, cuts);
    let whole = Transcript::of(reads.iter().copied(), limits);
    if whole.refused.is_some() {
        let mut ends = reads.iter().scan(0, |end, read| {
            *end += read.len();
            Some(*end)
        });
        let end = ends.find(|end| *end > whole.before).unwrap_or_default();
        prop_assert!((whole.before..end).contains(&expected.before), "refused in another read");
    }
    prop_assert_eq!(whole.refused, expected.refused);
    prop_assert_eq!(whole.requests, expected.requests);
    prop_assert_eq!(whole.phase, expected.phase);
    Ok(())
}
