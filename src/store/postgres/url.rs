//! What the URL of a database says. It has a password in it: no message quotes any of it but the place.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::net::tls::{self, ClientTls};

/// How long one host may take to let us in.
const CONNECT: Duration = Duration::from_secs(3);
/// How long what was sent may go without being acknowledged, and a connection without a word.
const SILENCE: Duration = Duration::from_secs(10);
/// What may stand in the query, beside what is about TLS.
const KNOWN: &[&str] = &[
    "application_name",
    "connect_timeout",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "port",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// A database, and how we come to it.
#[derive(Clone)]
pub(super) struct Url {
    pub(super) config: Config,
    /// `None`: in the clear, as it was said or because it is on this machine.
    pub(super) tls: Option<tls::Client>,
    /// What it is called in messages and logs.
    pub(super) at: String,
}

impl Url {
    /// Reads it, and the file of authorities that it names.
    ///
    /// # Errors
    /// What is wrong with it, in words that hold nothing of it but the name of that file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str =
            "takes postgres://USER:PASSWORD@HOST:PORT/DATABASE; what is special in a password is escaped (%40)";
        let text = text.trim_ascii();
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(FORM.to_owned());
        }
        let (plain, mode, authorities) = parted(text)?;
        let mut config: Config = plain.parse().map_err(|_| FORM.to_owned())?;
        if config.get_user().is_none() || config.get_hosts().is_empty() || config.get_dbname().is_none() {
            return Err(format!("names no user, no host or no database: it {FORM}"));
        }
        let verifies = match mode.as_deref() {
            Some("verify-full" | "require") => true,
            Some("disable") => false,
            None => !config.get_hosts().iter().all(is_here),
            Some("prefer" | "allow") => {
                return Err("sslmode=prefer and allow go on in the clear where somebody in between says so: write \
                            verify-full, or disable"
                    .to_owned());
            }
            Some("verify-ca") => {
                return Err(
                    "sslmode=verify-ca looks at no name, so that any certificate of that authority will do: write \
                            verify-full"
                        .to_owned(),
                );
            }
            Some(_) => {
                return Err("takes sslmode=verify-full, require (which means the same here) or disable".to_owned());
            }
        };
        if !verifies && authorities.is_some() {
            return Err("names sslrootcert, and TLS is off (sslmode)".to_owned());
        }
        let tls = verifies.then(|| tls::Client::build_bare(&ClientTls { ca: authorities, ..ClientTls::default() }));
        let tls = tls.transpose().map_err(|error| format!("sslrootcert: {error}"))?;
        config.ssl_mode(if verifies { SslMode::Require } else { SslMode::Disable });
        bound(&mut config);
        let at = shown(&config);
        Ok(Self { config, tls, at })
    }

    /// The same database, as whoever `text` says we are: a password that was changed there.
    pub(super) fn with_login_of(&self, text: &str) -> Option<Config> {
        let (plain, ..) = parted(text.trim_ascii()).ok()?;
        let said: Config = plain.parse().ok()?;
        let mut config = self.config.clone();
        config.user(said.get_user()?);
        if let Some(password) = said.get_password() {
            config.password(password);
        }
        Some(config)
    }
}

/// The URL without what is ours to decide, `sslmode`, and `sslrootcert`.
fn parted(text: &str) -> Result<(String, Option<String>, Option<PathBuf>), String> {
    // A question mark in a password comes before the first `@`.
    let login = text.find('@').map_or(0, |at| at + 1);
    let Some((base, query)) = text[login..].split_once('?') else { return Ok((text.to_owned(), None, None)) };
    let (mut mode, mut authorities, mut kept) = (None, None, Vec::new());
    for option in query.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => authorities = Some(unescaped(value).into()),
            Some((name, _)) if KNOWN.contains(&name) => kept.push(option),
            _ => {
                return Err(format!(
                    "has an option that is not known; known are sslmode, sslrootcert, {}",
                    KNOWN.join(", ")
                ));
            }
        }
    }
    Ok((format!("{}{base}?{}", &text[..login], kept.join("&")), mode, authorities))
}

fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        let code = more.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        let (byte, after) = match (first, code) {
            (b'%', Some(code)) => (code, &more[2..]),
            _ => (*first, more),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Only this machine listens in.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    }
}

/// Nothing waits for a machine that is gone.
fn bound(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    config.keepalives_idle(SILENCE.min(config.get_keepalives_idle()));
    if config.get_application_name().is_none() {
        config.application_name("weir");
    }
}

fn shown(config: &Config) -> String {
    let mut text = "PostgreSQL at ".to_owned();
    for (at, host) in config.get_hosts().iter().enumerate() {
        let port = config.get_ports().get(at).or(config.get_ports().first()).copied().unwrap_or(5432);
        let host = match host {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]"),
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        let comma = if at == 0 { "" } else { "," };
        write!(text, "{comma}{host}:{port}").expect("a String takes everything");
    }
    text + "/" + config.get_dbname().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_called_by_its_place_and_never_by_its_password() {
        let url = Url::parse("postgres://weir:hunter2@127.0.0.1:5433/gate\n").ok().unwrap();
        assert_eq!(url.at, "PostgreSQL at 127.0.0.1:5433/gate");
        assert!(url.tls.is_none(), "nobody listens in on loopback");
        let url = Url::parse("postgresql://weir:a%40b@[::1]/gate?target_session_attrs=read-write").ok().unwrap();
        assert_eq!((url.at.as_str(), url.config.get_password()), ("PostgreSQL at [::1]:5432/gate", Some(&b"a@b"[..])));
        let url = Url::parse("postgres://weir@%2Frun%2Fpostgresql/gate").ok().unwrap();
        assert_eq!(url.at, "PostgreSQL at /run/postgresql:5432/gate");
        let changed = url.with_login_of("postgres://other:new@elsewhere/nothing").unwrap();
        assert_eq!((changed.get_user(), changed.get_password()), (Some("other"), Some(&b"new"[..])));
        assert_eq!(changed.get_dbname(), Some("gate"));
    }

    #[test]
    fn tls_is_verified_wherever_others_may_listen() {
        let of = |text: &str| Url::parse(text).map(|url| url.tls.is_some());
        assert_eq!(of("postgres://weir@db.internal/gate"), Ok(true));
        assert_eq!(of("postgres://weir@127.0.0.1,db.internal/gate"), Ok(true));
        assert_eq!(of("postgres://weir@127.0.0.1/gate?sslmode=require"), Ok(true));
        assert_eq!(of("postgres://weir@db.internal/gate?sslmode=disable"), Ok(false));
        assert!(of("postgres://weir@db.internal/gate?sslmode=disable&sslrootcert=/ca.pem").is_err());
        let why = of("postgres://weir@db.internal/gate?sslrootcert=%2Fno%20where%2Fca.pem").unwrap_err();
        assert!(why.contains("/no where/ca.pem"), "{why}");
    }

    #[test]
    fn what_is_wrong_with_it_is_said_without_it() {
        for text in [
            "",
            "hunter2",
            "mysql://weir:hunter2@h/d",
            "host=h password=hunter2",
            "postgres://weir:hunter2@h:nan/d",
            "postgres://weir:hunter2@h",
            "postgres://h/d",
            "postgres://weir:hunter2@/d",
            "postgres://weir:hunter2@h/d?sslmode=prefer",
            "postgres://weir:hunter2@h/d?sslmode=allow",
            "postgres://weir:hunter2@h/d?sslmode=verify-ca",
            "postgres://weir:hunter2@h/d?sslmode=hunter2",
            "postgres://weir:hunter2@h/d?password=hunter2",
            "postgres://weir:hunter2@h/d?hunter2",
            "postgres://weir:pass?hunter2@h/d?hunter2=1",
        ] {
            let why = Url::parse(text).map(|_| ()).expect_err(text);
            assert!(!why.contains("hunter2") && why.len() > 20, "{text}: {why}");
        }
    }
}
