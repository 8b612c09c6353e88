//! UTF-8 whose characters may be split across chunks.

/// Checks a text chunk by chunk.
#[derive(Default)]
pub(super) struct Utf8 {
    /// The first bytes of a character that the last chunk did not complete: at most three of them.
    begun: [u8; 4],
    len: usize,
}

impl Utf8 {
    /// Checks the next chunk; the error is the offset in it of the byte that is wrong (0 for one begun before).
    #[inline]
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), usize> {
        let mut rest = chunk;
        while self.len > 0 {
            let Some((&byte, behind)) = rest.split_first() else {
                return Ok(());
            };
            rest = behind;
            *self.begun.get_mut(self.len).ok_or(0_usize)? = byte;
            self.len += 1;
            match std::str::from_utf8(self.begun.get(..self.len).unwrap_or_default()) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(0),
            }
        }
        // Most texts are ASCII, which is found out in half the time.
        if rest.is_ascii() {
            return Ok(());
        }
        let Err(error) = std::str::from_utf8(rest) else {
            return Ok(());
        };
        let valid = error.valid_up_to();
        let tail = rest.get(valid..).unwrap_or_default();
        match (error.error_len(), self.begun.get_mut(..tail.len())) {
            (None, Some(room)) => {
                room.copy_from_slice(tail);
                self.len = tail.len();
                Ok(())
            }
            _ => Err(chunk.len() - rest.len() + valid),
        }
    }

    /// Whether no character is left incomplete.
    pub(super) fn is_whole(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Utf8;

    fn accepted<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> bool {
        let mut utf8 = Utf8::default();
        for chunk in chunks {
            if utf8.push(chunk).is_err() {
                return false;
            }
        }
        utf8.is_whole()
    }

    proptest! {
        #[test]
        fn any_split_is_judged_like_the_whole(
            text in "[aß€😀]{0,12}",
            wrong in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
            size in 1_usize..6,
        ) {
            let mut bytes = text.into_bytes();
            if let (Some((place, byte)), false) = (wrong, bytes.is_empty()) {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            prop_assert_eq!(accepted(bytes.chunks(size)), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
