//! The authenticated context of a sealed text: its parts, each behind its length, so that no two lists of parts meet.

/// Contexts up to this many bytes need no allocation; a route and a principal seldom reach it.
const INLINE: usize = 256;
const LENGTH_BYTES: usize = 4;

/// Calls `use_it` with the encoding of `parts`.
pub(super) fn encoded<R>(parts: &[&[u8]], use_it: impl FnOnce(&[u8]) -> R) -> R {
    let total: usize = parts.iter().map(|part| LENGTH_BYTES + part.len()).sum();
    let mut inline = [0; INLINE];
    let mut spilled;
    let buffer: &mut [u8] = if total <= INLINE {
        &mut inline[..total]
    } else {
        spilled = vec![0; total];
        &mut spilled
    };
    let mut rest = &mut *buffer;
    for part in parts {
        let length = u32::try_from(part.len()).expect("a part of a context is far below 4 GiB");
        let (head, tail) = rest.split_at_mut(LENGTH_BYTES + part.len());
        head[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        head[LENGTH_BYTES..].copy_from_slice(part);
        rest = tail;
    }
    use_it(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let of = |parts: &[&[u8]]| encoded(parts, <[u8]>::to_vec);
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"abc"]), of(&[b"abc", b""]));
        assert_eq!(of(&[b"a", b""]), [0, 0, 0, 1, b'a', 0, 0, 0, 0]);
    }

    #[test]
    fn long_contexts_are_encoded_alike() {
        let long = vec![b'x'; INLINE + 1];
        let whole = encoded(&[&long, b"y"], <[u8]>::to_vec);
        assert_eq!(whole.len(), LENGTH_BYTES + long.len() + LENGTH_BYTES + 1);
        assert_eq!(whole[LENGTH_BYTES..][..long.len()], long);
    }
}
