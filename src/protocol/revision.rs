//! The revisions of MCP, the two eras they fall into, and which of them Weir serves.

use std::fmt;

/// A published revision of the Model Context Protocol, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// 2024-11-05: the pair of HTTP+SSE.
    V2024_11_05,
    /// 2025-03-26: streamable HTTP, batches.
    V2025_03_26,
    /// 2025-06-18: no batches any more, `MCP-Protocol-Version`.
    V2025_06_18,
    /// 2025-11-25: polling of event streams, tasks.
    V2025_11_25,
    /// 2026-07-28: no handshake and no session, an envelope in every request.
    V2026_07_28,
}

/// How a client and a server agree on what they speak (2026-07-28, "Versioning and Compatibility").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// A handshake (`initialize`) and sessions: 2024-11-05 to 2025-11-25.
    Legacy,
    /// Version and capabilities in every request: 2026-07-28.
    Modern,
}

/// All revisions, oldest first.
pub const ALL: [Revision; 5] =
    [Revision::V2024_11_05, Revision::V2025_03_26, Revision::V2025_06_18, Revision::V2025_11_25, Revision::V2026_07_28];

/// The revisions that Weir serves, oldest first.
pub const SERVED: [Revision; 4] =
    [Revision::V2025_03_26, Revision::V2025_06_18, Revision::V2025_11_25, Revision::V2026_07_28];

/// Those of them that need no handshake, oldest first.
pub const SERVED_MODERN: [Revision; 1] = [Revision::V2026_07_28];

/// The newest revision with a handshake: the answer to an `initialize` that names one we do not serve.
pub const NEWEST_LEGACY: Revision = Revision::V2025_11_25;

impl Revision {
    /// The revision that is written so, to the letter.
    pub fn parse(text: &str) -> Option<Self> {
        ALL.into_iter().find(|revision| revision.as_str() == text)
    }

    /// As it is written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The era that this revision belongs to.
    pub const fn era(self) -> Era {
        match self {
            Self::V2024_11_05 | Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25 => Era::Legacy,
            Self::V2026_07_28 => Era::Modern,
        }
    }

    /// Whether Weir serves it.
    pub fn is_served(self) -> bool {
        SERVED.contains(&self)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Some of the revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revisions(u8);

impl Revisions {
    /// Whether `revision` is one of them.
    pub const fn contains(self, revision: Revision) -> bool {
        self.0 & (1 << revision as u8) != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Them, oldest first.
    pub fn iter(self) -> impl Iterator<Item = Revision> {
        ALL.into_iter().filter(move |&revision| self.contains(revision))
    }
}

impl FromIterator<Revision> for Revisions {
    fn from_iter<I: IntoIterator<Item = Revision>>(revisions: I) -> Self {
        Self(revisions.into_iter().fold(0, |set, revision| set | 1 << revision as u8))
    }
}

/// The era of a POST.
///
/// `header` is the value of `MCP-Protocol-Version`; `envelope` says whether `params._meta` has
/// `io.modelcontextprotocol/protocolVersion`, whatever its value. The envelope makes a message modern,
/// and so does a header that names none of the four legacy revisions (be it a revision we never heard of:
/// the modern side has an answer for that, and a server of the old era would not understand it).
/// Neither the method nor `Mcp-Method` decides anything: clients send them in both eras. A batch is legacy.
pub fn era_of(header: Option<&str>, envelope: bool, batch: bool) -> Era {
    if batch {
        return Era::Legacy;
    }
    if envelope {
        return Era::Modern;
    }
    let Some(named) = header else { return Era::Legacy };
    let named = named.trim_matches([' ', '\t']);
    Revision::parse(named).map_or(Era::Modern, Revision::era)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is() {
        for revision in ALL {
            assert_eq!(Revision::parse(revision.as_str()), Some(revision));
        }
        for text in ["", "2026-07-29", "2025-11-25 ", "draft", "DRAFT-2026-v1", "2025-6-18"] {
            assert_eq!(Revision::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn revisions_stand_in_the_order_of_time() {
        assert!(ALL.is_sorted() && SERVED.is_sorted());
        assert!(ALL.map(Revision::as_str).is_sorted());
        assert_eq!(ALL.into_iter().filter(|r| r.era() == Era::Legacy).max(), Some(NEWEST_LEGACY));
        assert!(!Revision::V2024_11_05.is_served());
    }

    #[test]
    fn served_modern_is_the_modern_part_of_served() {
        let modern: Vec<_> = SERVED.into_iter().filter(|r| r.era() == Era::Modern).collect();
        assert_eq!(modern, SERVED_MODERN);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: Revisions = [Revision::V2026_07_28, Revision::V2025_03_26].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Revision::V2025_03_26, Revision::V2026_07_28]);
        assert!(!set.contains(Revision::V2024_11_05) && !set.is_empty() && Revisions::default().is_empty());
    }

    #[test]
    fn the_era_of_a_post() {
        // header, envelope, batch
        let cases = [
            ((None, false, false), Era::Legacy),
            ((None, true, false), Era::Modern),
            ((Some("2025-11-25"), false, false), Era::Legacy),
            ((Some("2024-11-05"), false, false), Era::Legacy),
            ((Some(" 2025-03-26\t"), false, false), Era::Legacy),
            ((Some("2025-11-25"), true, false), Era::Modern),
            ((Some("2026-07-28"), false, false), Era::Modern),
            ((Some("2030-01-01"), false, false), Era::Modern),
            ((Some(""), false, false), Era::Modern),
            ((Some("2026-07-28"), true, true), Era::Legacy),
            ((Some("nonsense"), false, true), Era::Legacy),
        ];
        for ((header, envelope, batch), era) in cases {
            assert_eq!(era_of(header, envelope, batch), era, "{header:?} {envelope} {batch}");
        }
    }
}
