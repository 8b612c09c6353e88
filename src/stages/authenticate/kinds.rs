//! What kinds of credential are taken, in words for whoever shows none of them.

/// Which kinds are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) tokens: bool,
    pub(super) keys: bool,
    pub(super) certificates: bool,
}

impl Kinds {
    /// Whether a head has to be looked at.
    pub(super) fn any(self) -> bool {
        self.tokens || self.keys || self.certificates
    }

    /// What whoever shows nothing is told to do.
    pub(super) fn needed(self) -> &'static str {
        match (self.tokens, self.keys, self.certificates) {
            (false, true, false) => {
                "a credential is needed here: send an API key of yours as `Authorization: Bearer KEY`, or `X-API-Key`"
            }
            (false, false, true) => "a client certificate is needed here: connect with one of yours",
            (false, true, true) => {
                "a credential is needed here: connect with a client certificate of yours, or send an API key as \
                 `Authorization: Bearer KEY`, or `X-API-Key`"
            }
            (true, _, true) => {
                "a credential is needed here: connect with a client certificate of yours, or send a token as \
                 `Authorization: Bearer TOKEN`"
            }
            (true, _, false) | (false, false, false) => {
                "a credential is needed here: send a token of yours as `Authorization: Bearer TOKEN`"
            }
        }
    }

    /// What whoever shows something else is told to do.
    pub(super) fn unknown(self) -> &'static str {
        match (self.tokens, self.keys, self.certificates) {
            (false, true, _) => {
                "the credential is of no kind that is taken here: send an API key as `Authorization: Bearer KEY`, or \
                 `X-API-Key`"
            }
            (false, false, true) => {
                "the credential is of no kind that is taken here: connect with a client certificate, and send none"
            }
            (true, ..) | (false, false, false) => {
                "the credential is of no kind that is taken here: send a token as `Authorization: Bearer TOKEN`"
            }
        }
    }
}
