//! Why a certificate names nobody.

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unnamed {
    /// It, or a name in it, cannot be read in one way only.
    Unreadable,
    /// It bears no name at all.
    NoName,
    /// Its URI means to be a SPIFFE id, and is none of a workload.
    NoId,
    /// A SPIFFE id, and another URI.
    Several,
    /// A SPIFFE id, in a certificate that signs others.
    Signs,
    /// A DNS name, e-mail address or URI that is none of its kind.
    Strange,
    /// A long one.
    TooLong,
    /// What was shown with it leaves open who vouches for it.
    Ways,
    /// Two authorities have one name.
    Twins,
    /// Its time is over.
    Expired,
    /// Whom to trust has changed since it was let in.
    Revoked,
}

impl Unnamed {
    /// What the log says.
    pub fn note(self) -> &'static &'static str {
        match self {
            Self::Unreadable => &"certificate: a name in it cannot be read in one way only",
            Self::NoName => &"certificate: neither a SPIFFE id, DNS name, e-mail address or URI, nor a subject",
            Self::NoId => &"certificate: its URI is no SPIFFE id of a workload (spiffe://DOMAIN/PATH, in lower case)",
            Self::Several => &"certificate: another URI beside its SPIFFE id, which has to be alone",
            Self::Signs => &"certificate: a SPIFFE id, but it may sign others",
            Self::Strange => &"certificate: its DNS name, e-mail address or URI is none",
            Self::TooLong => &"certificate: its name is longer than 2048 bytes",
            Self::Ways => &"certificate: what was shown with it leaves open which authority vouches for it",
            Self::Twins => {
                &"certificate: two authorities in `client_ca` have its issuer's name; say [auth.mtls] `issuer`"
            }
            Self::Expired => &"certificate: expired",
            Self::Revoked => &"certificate: `client_ca` or `client_crl` does not let it in any more",
        }
    }
}
