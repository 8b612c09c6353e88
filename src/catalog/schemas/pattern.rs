//! What a pattern costs a byte of text.

/// Bytes of a pattern.
pub(super) const LONGEST: usize = 1000;

/// About how many states of its automaton may be looked at for each byte, at the worst: its length, what it repeats by
/// number counted out. The engine takes linear time, but this is the factor.
pub(super) fn states(pattern: &str) -> u64 {
    let (mut states, mut factor) = (pattern.len() as u64 + 1, 1u64);
    for (at, _) in pattern.match_indices('{') {
        let Some(most) = repeats(&pattern[at + 1..]) else { continue };
        // What a group holds is counted out as well, however long it is.
        if pattern[..at].ends_with(')') {
            factor = factor.saturating_mul(most.max(1));
        } else {
            states = states.saturating_add(most);
        }
    }
    states.saturating_mul(factor)
}

/// The larger number of a counted repetition, of which the text begins behind the brace.
fn repeats(text: &str) -> Option<u64> {
    let (inside, _) = text.split_once('}')?;
    let digits = |number: &str| number.trim().parse::<u64>().ok();
    match inside.split_once(',') {
        Some((least, most)) => digits(most).or_else(|| digits(least)),
        None => digits(inside),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_count() {
        assert_eq!(states("^a$"), 4);
        assert_eq!(states("^[a-z]{1,64}$"), 14 + 64);
        assert_eq!(states("a{7}{,9}"), 9 + 7 + 9);
        assert_eq!(states("(a|b)*a(a|b){200}"), 18 * 200);
        assert_eq!(states("((a{10}){10}){10}"), (18 + 10) * 100);
        assert_eq!(states(r"\p{L}{x"), 8);
    }
}
