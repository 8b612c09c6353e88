//! The sentence about a server, from what its two answers mean and what the configuration says of it.

use http::StatusCode;

use crate::config::Era;
use crate::protocol::revision::{Revision, SERVED};

use super::era::Meaning;
use super::finding::Verdict;

/// How a server is, without where it is and how long it took.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) verdict: Verdict,
    pub(super) text: String,
    pub(super) advice: Option<String>,
}

impl Report {
    fn new(verdict: Verdict, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict, text: text.into(), advice: Some(advice.into()) }
    }

    /// Judges a server whose era is configured as `era` by its answers to `server/discover` and `initialize`.
    pub(super) fn of(era: Era, discovery: &Meaning, handshake: &Meaning) -> Self {
        use Meaning::{Otherwise, Redirects, Refuses, Speaks, Unknown};
        match (discovery, handshake) {
            (Speaks { versions, name }, Speaks { versions: legacy, name: named }) => {
                let all: Vec<_> = versions.iter().chain(legacy.iter().filter(|one| !versions.contains(one))).collect();
                Self::speaking(era, "modern and legacy", &all, name.as_ref().or(named.as_ref()))
            }
            (Speaks { versions, name }, _) => {
                Self::speaking(era, "modern", &versions.iter().collect::<Vec<_>>(), name.as_ref())
            }
            (Refuses(status), _) | (Otherwise(_) | Unknown(_), Refuses(status)) => Self::refused(*status),
            (Redirects(status, to), _) | (Otherwise(_) | Unknown(_), Redirects(status, to)) => {
                let to = to.as_ref().map_or(String::new(), |to| format!(" to {to}"));
                let advice = "no redirect is followed: write the URL that it leads to into `endpoints`";
                Self::new(Verdict::Fail, format!("redirects ({}){to}", status.as_u16()), advice)
            }
            (Unknown(why), Speaks { versions, name }) => {
                let report = Self::speaking(era, "legacy", &versions.iter().collect::<Vec<_>>(), name.as_ref());
                report.if_unpinned(era, why)
            }
            (_, Speaks { versions, name }) => {
                Self::speaking(era, "legacy", &versions.iter().collect::<Vec<_>>(), name.as_ref())
            }
            (Otherwise(discovery), Otherwise(handshake)) => Self::new(
                Verdict::Fail,
                format!("no MCP server: {discovery} to server/discover, {handshake} to initialize"),
                "correct the URL, above all its path; a server of 2024-11-05 alone (/sse) needs `transport = \"sse\"`",
            ),
            (Unknown(why), _) | (_, Unknown(why)) => {
                Self::new(Verdict::OutOfReach, format!("no answer: {why}"), "look at its log, and ask again")
            }
        }
    }

    fn speaking(era: Era, eras: &str, versions: &[&String], name: Option<&String>) -> Self {
        let listed = versions.iter().map(|version| version.as_str()).collect::<Vec<_>>().join(", ");
        let listed = if listed.is_empty() { String::new() } else { format!(" ({listed})") };
        let name = name.map_or(String::new(), |name| format!(", {name}"));
        let text = format!("{eras}{listed}{name}");
        let is_served = |version: &&String| Revision::parse(version).is_some_and(Revision::is_served);
        if !versions.is_empty() && !versions.iter().any(is_served) {
            let served = SERVED.map(Revision::as_str).join(", ");
            return Self::new(Verdict::Warn, text, format!("Weir serves {served}: update the server"));
        }
        let pinned = match era {
            Era::Modern if eras == "legacy" => "modern",
            Era::Legacy if eras == "modern" => "legacy",
            _ => return Self { verdict: Verdict::Ok, text, advice: None },
        };
        let advice = format!("the configuration says era = \"{pinned}\": write \"{eras}\", or take the line out");
        Self::new(Verdict::Warn, text, advice)
    }

    /// A server whose era only the handshake tells is understood for sure if it is pinned.
    fn if_unpinned(mut self, era: Era, why: &str) -> Self {
        if self.verdict == Verdict::Ok && era == Era::Auto {
            self.text = format!("{}, but no answer to server/discover: {why}", self.text);
            self.verdict = Verdict::Warn;
            self.advice = Some("write era = \"legacy\" for it, or its era stays unknown".to_owned());
        }
        self
    }

    /// It wants the token of a caller, of whom there is none here.
    pub(super) fn wants_callers() -> Self {
        let text = "asks for credentials (401), which are those of callers: a call of theirs can tell more";
        Self { verdict: Verdict::Ok, text: text.to_owned(), advice: None }
    }

    fn refused(status: StatusCode) -> Self {
        let credentials = "say which in `authorization` of this server, or correct what is there";
        match status.as_u16() {
            401 => Self::new(Verdict::Fail, "asks for credentials (401)", credentials),
            403 => Self::new(
                Verdict::Fail,
                "refuses us (403)",
                format!("let it accept the host of this URL; if it wants another credential, {credentials}"),
            ),
            _ => Self::new(Verdict::Warn, "has too much to do (429)", "ask again later"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaks(versions: &[&str]) -> Meaning {
        let versions = versions.iter().map(|&version| version.to_owned()).collect();
        Meaning::Speaks { versions, name: Some("files 1.0".to_owned()) }
    }

    fn otherwise() -> Meaning {
        Meaning::Otherwise("404".to_owned())
    }

    fn unknown() -> Meaning {
        Meaning::Unknown("it answers 502".to_owned())
    }

    fn judged(era: Era, discovery: Meaning, handshake: Meaning) -> (Verdict, String) {
        let report = Report::of(era, &discovery, &handshake);
        assert_eq!(report.advice.is_none(), report.verdict == Verdict::Ok, "{report:?}");
        (report.verdict, report.text)
    }

    #[test]
    fn the_era_is_what_both_answers_say() {
        let (modern, legacy) = (["2026-07-28"], ["2025-11-25"]);
        for (discovery, handshake, expected) in [
            (speaks(&modern), speaks(&legacy), "modern and legacy (2026-07-28, 2025-11-25), files 1.0"),
            (
                speaks(&["2026-07-28", "2025-11-25"]),
                speaks(&legacy),
                "modern and legacy (2026-07-28, 2025-11-25), files 1.0",
            ),
            (speaks(&modern), otherwise(), "modern (2026-07-28), files 1.0"),
            (speaks(&modern), unknown(), "modern (2026-07-28), files 1.0"),
            (speaks(&[]), Meaning::Refuses(StatusCode::FORBIDDEN), "modern, files 1.0"),
            (otherwise(), speaks(&legacy), "legacy (2025-11-25), files 1.0"),
        ] {
            assert_eq!(judged(Era::Auto, discovery, handshake), (Verdict::Ok, expected.to_owned()));
        }
    }

    #[test]
    fn what_weir_cannot_work_with_is_told() {
        let old = ["2024-11-05"];
        assert_eq!(judged(Era::Auto, otherwise(), speaks(&old)).0, Verdict::Warn);
        assert_eq!(judged(Era::Auto, speaks(&["DRAFT-2027"]), otherwise()).0, Verdict::Warn);
        assert_eq!(judged(Era::Auto, otherwise(), otherwise()).0, Verdict::Fail);
        assert_eq!(judged(Era::Auto, unknown(), unknown()).0, Verdict::OutOfReach);
        assert_eq!(judged(Era::Auto, unknown(), otherwise()).0, Verdict::OutOfReach);
        assert_eq!(judged(Era::Auto, otherwise(), unknown()).0, Verdict::OutOfReach);
        for (status, verdict) in [(401, Verdict::Fail), (403, Verdict::Fail), (429, Verdict::Warn)] {
            let refuses = Meaning::Refuses(StatusCode::from_u16(status).unwrap());
            assert_eq!(judged(Era::Auto, refuses.clone(), otherwise()).0, verdict);
            assert_eq!(judged(Era::Auto, otherwise(), refuses).0, verdict);
        }
    }

    #[test]
    fn a_pin_that_differs_is_told() {
        let (modern, legacy) = (|| speaks(&["2026-07-28"]), || speaks(&["2025-11-25"]));
        assert_eq!(judged(Era::Modern, otherwise(), legacy()).0, Verdict::Warn);
        assert_eq!(judged(Era::Legacy, modern(), otherwise()).0, Verdict::Warn);
        for era in [Era::Modern, Era::Legacy] {
            assert_eq!(judged(era, modern(), legacy()).0, Verdict::Ok);
        }
        // Where only the handshake tells the era, a pin is the cure.
        assert_eq!(judged(Era::Auto, unknown(), legacy()).0, Verdict::Warn);
        assert_eq!(judged(Era::Legacy, unknown(), legacy()).0, Verdict::Ok);
    }
}
