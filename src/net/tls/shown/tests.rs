//! Whom certificates name, well-meant and hostile, and on which way an authority vouches for them.

use rcgen::string::{BmpString, Ia5String, PrintableString, TeletexString};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, DnValue, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use super::*;

/// One that signs, and its certificate.
struct Signer {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Signer {
    fn root(name: &str) -> Self {
        let (params, key) = (authority_params(name), KeyPair::generate().unwrap());
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn below(name: &str, above: &Self) -> Self {
        let (params, key) = (authority_params(name), KeyPair::generate().unwrap());
        let certificate = params.signed_by(&key, &above.issuer).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        change(&mut params);
        params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap().der().clone()
    }

    fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    fn trusted(&self) -> Authority {
        Authority::read(&self.der()).unwrap()
    }
}

fn ia5(text: &str) -> Ia5String {
    Ia5String::try_from(text).unwrap()
}

fn uri(text: &str) -> SanType {
    SanType::URI(ia5(text))
}

/// Whom a certificate with these alternative names, and this subject, names.
fn named(names: Vec<SanType>, subject: &[(DnType, DnValue)]) -> Result<String, Unnamed> {
    let root = Signer::root("root");
    let leaf = root.issue(|params| {
        params.subject_alt_names = names;
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
    });
    let (_, named) = read(&[leaf], &[root.trusted()]);
    named.map(|named| {
        assert_eq!(named.authority.as_deref(), Ok("CN=root"));
        named.subject.into()
    })
}

fn utf8(text: &str) -> DnValue {
    DnValue::Utf8String(text.to_owned())
}

#[test]
fn a_spiffe_id_goes_before_other_names_and_these_before_the_subject() {
    let subject = [(DnType::CommonName, utf8("ann"))];
    let dns = |name: &str| SanType::DnsName(ia5(name));
    let mail = |name: &str| SanType::Rfc822Name(ia5(name));
    let id = "spiffe://example.org/agents/A-1";
    for (names, expected) in [
        (vec![dns("a.example"), mail("a@example.org"), uri(id)], id),
        (vec![mail("a@example.org"), dns("A.Example"), dns("b.example")], "dns:a.example"),
        (vec![uri("urn:a"), mail("Ann@example.org")], "email:Ann@example.org"),
        (vec![uri("https://x.example/a?b"), uri("urn:b")], "uri:https://x.example/a?b"),
        (vec![SanType::IpAddress([10, 0, 0, 1].into())], "subject:CN=ann"),
        (vec![], "subject:CN=ann"),
    ] {
        assert_eq!(named(names.clone(), &subject), Ok(expected.to_owned()), "{names:?}");
    }
    assert_eq!(named(vec![], &[]), Err(Unnamed::NoName));
}

#[test]
fn what_only_looks_like_a_name_names_nobody() {
    let dns = |name: &str| SanType::DnsName(ia5(name));
    let long = format!("https://x/{}", "a".repeat(2048));
    for (names, why) in [
        (vec![uri("spiffe://td/a"), uri("spiffe://td/b")], Unnamed::Several),
        (vec![uri("spiffe://td/a"), uri("https://x")], Unnamed::Several),
        (vec![uri("spiffe://td")], Unnamed::NoId),
        (vec![uri("SPIFFE://td/a")], Unnamed::NoId),
        (vec![uri("spiffe://td/../a"), dns("good.example")], Unnamed::NoId),
        (vec![uri("spiffe://td/a\n\u{0}")], Unnamed::NoId),
        (vec![dns("*.example.org")], Unnamed::Strange),
        (vec![dns("a.example\u{0}.org")], Unnamed::Strange),
        (vec![dns("spiffe://td/a")], Unnamed::Strange),
        (vec![dns("")], Unnamed::Strange),
        (vec![SanType::Rfc822Name(ia5("a@b@c"))], Unnamed::Strange),
        (vec![SanType::Rfc822Name(ia5("a\n@b"))], Unnamed::Strange),
        (vec![uri("no uri")], Unnamed::Strange),
        (vec![uri("https://x/\u{1b}[31m")], Unnamed::Strange),
        (vec![uri(&long)], Unnamed::TooLong),
    ] {
        assert_eq!(named(names.clone(), &[(DnType::CommonName, utf8("root"))]), Err(why), "{names:?}");
    }
}

#[test]
fn one_with_an_id_signs_nobody_else() {
    let root = Signer::root("root");
    let leaf = |change: fn(&mut CertificateParams)| {
        let leaf = root.issue(|params| {
            params.subject_alt_names = vec![uri("spiffe://td/a")];
            change(params);
        });
        read(&[leaf], &[root.trusted()]).1.map(|named| named.subject)
    };
    assert_eq!(leaf(|_| ()), Ok("spiffe://td/a".into()));
    assert_eq!(leaf(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))), Err(Unnamed::Signs));
    for usage in [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign] {
        let root = Signer::root("root");
        let leaf = root.issue(|params| {
            params.subject_alt_names = vec![uri("spiffe://td/a")];
            params.key_usages = vec![usage];
        });
        assert_eq!(read(&[leaf], &[root.trusted()]).1.map(|named| named.subject), Err(Unnamed::Signs));
    }
}

#[test]
fn a_subject_is_text_in_which_nothing_can_be_hidden() {
    let of =
        |value: DnValue| named(vec![], &[(DnType::CommonName, value)]).map(|text| text["subject:".len()..].to_owned());
    let printable = |text: &str| DnValue::PrintableString(PrintableString::try_from(text).unwrap());
    for (value, expected) in [
        (utf8("ann"), "CN=ann"),
        (printable("ann"), "CN=ann"),
        (utf8("x,O=Example"), r"CN=x\2cO\3dExample"),
        (utf8(" a  b "), r"CN=\20a  b\20"),
        (utf8("#a#"), r"CN=\23a#"),
        (utf8("a\u{0}\n\u{85}b"), r"CN=a\00\0a\c2\85b"),
        (utf8("\u{e4}\"+<>;\\"), "CN=\u{e4}\\22\\2b\\3c\\3e\\3b\\5c"),
        (utf8(""), "CN="),
        (DnValue::BmpString(BmpString::try_from("a").unwrap()), "CN=#1e020061"),
        (DnValue::TeletexString(TeletexString::try_from("ann").unwrap()), "CN=#1403616e6e"),
    ] {
        assert_eq!(of(value.clone()), Ok(expected.to_owned()), "{value:?}");
    }
    let long = of(DnValue::TeletexString(TeletexString::try_from("a".repeat(200).as_str()).unwrap())).unwrap();
    assert!(long.starts_with("CN=#1481c86161") && long.len() == "CN=#1481c8".len() + 400, "{long}");
    assert_eq!(of(utf8(&"a".repeat(64 * 1024))), Err(Unnamed::TooLong));
    let subject = [
        (DnType::CountryName, printable("DE")),
        (DnType::CustomDnType(vec![1, 2, 3]), utf8("x")),
        (DnType::CommonName, utf8("ann")),
    ];
    assert_eq!(named(vec![], &subject), Ok("subject:CN=ann,1.2.3=#0c0178,C=DE".to_owned()));
}

#[test]
fn who_vouches_is_told_where_there_is_one_way_only() {
    let (a, b) = (Signer::root("a"), Signer::root("b"));
    let below = Signer::below("between", &a);
    let leaf =
        |signer: &Signer| signer.issue(|params| params.subject_alt_names = vec![SanType::DnsName(ia5("x.example"))]);
    let vouches = |chain: &[CertificateDer<'static>], trusted: &[&Signer]| {
        let trusted: Vec<_> = trusted.iter().map(|signer| signer.trusted()).collect();
        read(chain, &trusted).1.unwrap().authority.map(String::from)
    };
    let (of_a, of_between) = (leaf(&a), leaf(&below));
    assert_eq!(vouches(std::slice::from_ref(&of_a), &[&a, &b]), Ok("CN=a".to_owned()));
    assert_eq!(vouches(&[leaf(&b), below.der()], &[&a, &b]), Ok("CN=b".to_owned()));
    assert_eq!(vouches(&[of_between.clone(), below.der()], &[&a, &b]), Ok("CN=a".to_owned()));
    // The root may be shown as well, and a certificate twice.
    assert_eq!(vouches(&[of_between.clone(), a.der(), below.der(), below.der()], &[&a]), Ok("CN=a".to_owned()));
    // Whoever has a certificate of one authority shows others with it, to be taken for one of the other's.
    let impostor = Signer::below("between", &b);
    assert_eq!(vouches(&[of_between.clone(), impostor.der(), below.der()], &[&a, &b]), Err(Unnamed::Ways));
    let namesake = Signer::below("a", &b);
    assert_eq!(vouches(&[leaf(&namesake), namesake.der()], &[&a, &b]), Err(Unnamed::Ways));
    assert_eq!(vouches(&[of_between], &[&a]), Err(Unnamed::Ways));
    // Two authorities of one name: their keys differ.
    let twin = Signer::root("a");
    assert_eq!(vouches(std::slice::from_ref(&of_a), &[&a, &twin]), Err(Unnamed::Twins));
    assert_eq!(vouches(&[of_a], &[&a, &a]), Ok("CN=a".to_owned()));
}

#[test]
fn what_is_no_certificate_names_nobody() {
    for der in [&b""[..], &[0x30; 64], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
        assert_eq!(read(&[CertificateDer::from(der)], &[]), (0, Err(Unnamed::Unreadable)));
    }
}
