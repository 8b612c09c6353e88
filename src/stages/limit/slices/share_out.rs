//! Who gets how much where all want more than there is: those who want less than an equal part get it, and leave the
//! rest to the others in equal parts (max-min fairness).

/// The part of `pool` for one who wants `mine` beside others.
pub(super) fn fair(pool: u32, mine: u32, others: impl Iterator<Item = u32>) -> u32 {
    let mut wants: Vec<u32> = others.chain([mine]).collect();
    wants.sort_unstable();
    let mut left = pool;
    for (at, want) in wants.iter().enumerate() {
        let equal = left / (wants.len() - at) as u32;
        if *want > equal {
            return mine.min(equal);
        }
        left -= want;
    }
    mine
}

#[cfg(test)]
mod tests {
    use super::fair;

    #[test]
    fn who_wants_little_gets_it_and_the_rest_is_cut_in_equal_parts() {
        for (mine, others, gets) in [
            (50, &[][..], 50),
            (200, &[], 100),
            (200, &[200], 50),
            (10, &[200], 10),
            (200, &[10], 90),
            (200, &[10, 200], 45),
            (40, &[10, 200], 40),
            (0, &[200], 0),
        ] {
            assert_eq!(fair(100, mine, others.iter().copied()), gets, "{mine} beside {others:?}");
        }
    }
}
