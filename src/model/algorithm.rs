//! How a token is signed: the closed list of what is verified.

super::listed::listed! {
    /// A signature algorithm of JSON Web Signature, by its `alg` (RFC 7518, 3.1; RFC 8037, 3.1). Asymmetric ones alone: a
    /// key that verifies must not be one that signs.
    Algorithm {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = "RS256";
        /// RSASSA-PKCS1-v1_5 with SHA-384.
        Rs384 = "RS384";
        /// RSASSA-PKCS1-v1_5 with SHA-512.
        Rs512 = "RS512";
        /// RSASSA-PSS with SHA-256, in the mask too, and a salt as long as the digest.
        Ps256 = "PS256";
        /// RSASSA-PSS with SHA-384.
        Ps384 = "PS384";
        /// RSASSA-PSS with SHA-512.
        Ps512 = "PS512";
        /// ECDSA with P-256 and SHA-256.
        Es256 = "ES256";
        /// ECDSA with P-384 and SHA-384.
        Es384 = "ES384";
        /// EdDSA with Ed25519; also called `Ed25519` (RFC 9864).
        EdDsa = "EdDSA";
    }
}

impl Algorithm {
    /// The algorithm that a header, a key or a configuration names.
    pub fn of(name: &str) -> Option<Self> {
        Self::named(if name == "Ed25519" { "EdDSA" } else { name })
    }
}
