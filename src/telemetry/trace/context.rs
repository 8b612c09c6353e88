//! What a request says of the trace that it belongs to (W3C Trace Context, level 2).

use http::HeaderMap;

use crate::model::Hex;

/// The parent is sampled.
const SAMPLED: u8 = 0x01;
/// The trace's id is random.
const RANDOM: u8 = 0x02;

/// What becomes of the trace context of a request.
#[derive(Clone, Debug, Default)]
pub enum Trace {
    /// It passes as it came.
    #[default]
    Passes,
    /// There is none that could be read, and no span of ours: none goes on (W3C Trace Context, 4.3).
    Dropped,
    /// A span of ours is the parent of what the server does.
    Sampled(Box<Span>),
}

/// The ids of a sampled request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub(super) trace: u128,
    /// The caller's span; `None` where the trace begins here.
    pub(super) parent: Option<u64>,
    /// Our span for the request.
    pub(super) server: u64,
    /// Our span for the call to the server: its parent there.
    pub(super) call: u64,
    flags: u8,
}

/// A `traceparent` that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    trace: u128,
    span: u64,
    flags: u8,
}

impl Span {
    /// The trace's id, in 32 digits.
    pub fn trace(&self) -> Hex<32> {
        Hex::of(self.trace)
    }

    /// The `traceparent` for the server.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"00-");
        out.extend_from_slice(self.trace().as_bytes());
        out.push(b'-');
        out.extend_from_slice(Hex::<16>::of(u128::from(self.call)).as_bytes());
        out.push(b'-');
        out.extend_from_slice(Hex::<2>::of(u128::from(self.flags)).as_bytes());
    }

    /// Whether the caller's `tracestate` goes on: it belongs to the caller's `traceparent`, and is nothing without.
    pub fn has_parent(&self) -> bool {
        self.parent.is_some()
    }

    /// A span below a caller's.
    pub(super) fn below(parent: Parent, server: u64, call: u64) -> Self {
        // Flags that this version does not know are not passed on (W3C Trace Context, 3.2.2.5).
        let flags = parent.flags & (SAMPLED | RANDOM);
        Self { trace: parent.trace, parent: Some(parent.span), server, call, flags }
    }

    /// A span that begins a trace.
    pub(super) fn root(trace: u128, server: u64, call: u64) -> Self {
        Self { trace, parent: None, server, call, flags: SAMPLED | RANDOM }
    }
}

impl Parent {
    /// Reads `traceparent`: `Ok(None)` where there is none, an error where it cannot be read, or is there twice.
    pub(super) fn read(headers: &HeaderMap) -> Result<Option<Self>, ()> {
        let mut values = headers.get_all("traceparent").iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(only), None) => Self::parse(only.as_bytes()).map(Some).ok_or(()),
            (Some(_), Some(_)) => Err(()),
        }
    }

    pub(super) fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// `VERSION-TRACE-SPAN-FLAGS` in lower-case digits. A later version may have more behind it, after a dash.
    fn parse(text: &[u8]) -> Option<Self> {
        let (known, more) = text.split_at_checked(55)?;
        let [version @ .., b'-'] = &known[..3] else { return None };
        let (trace, span, flags) = (&known[3..35], &known[36..52], &known[53..55]);
        if known[35] != b'-' || known[52] != b'-' {
            return None;
        }
        match hex(version)? {
            0xff => return None,
            0 if !more.is_empty() => return None,
            _ if !matches!(more, [] | [b'-', ..]) => return None,
            _ => {}
        }
        let parent = Self { trace: hex(trace)?, span: hex(span)? as u64, flags: hex(flags)? as u8 };
        (parent.trace != 0 && parent.span != 0).then_some(parent)
    }
}

fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn what_the_standard_takes_is_taken_and_nothing_else() {
        let good = |flags: &str| format!("00-{TRACE}-{SPAN}-{flags}");
        for (text, sampled) in [
            (good("01"), true),
            (good("00"), false),
            (good("03"), true),
            (good("02"), false),
            (good("ff"), true),
            (format!("01-{TRACE}-{SPAN}-01"), true),
            (format!("cc-{TRACE}-{SPAN}-01-what-is-to-come"), true),
            (format!("cc-{TRACE}-{SPAN}-00-"), false),
        ] {
            let parent = Parent::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(parent.is_sampled(), sampled, "{text}");
            assert_eq!((parent.trace, parent.span), (0x4bf92f3577b34da6a3ce929d0e0e4736, 0x00f067aa0ba902b7));
        }
        for text in [
            String::new(),
            "00".into(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01 "),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}_01"),
            format!("00_{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}_{SPAN}-01"),
            format!("0x-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
        ] {
            assert_eq!(Parent::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_server_is_told_our_span_in_the_callers_trace() {
        let parent = Parent::parse(format!("cc-{TRACE}-{SPAN}-ff-x").as_bytes()).unwrap();
        let mut out = Vec::new();
        Span::below(parent, 7, 0xab).write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("00-{TRACE}-00000000000000ab-03"));
    }

    #[test]
    fn one_that_is_there_twice_is_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(Parent::read(&headers), Ok(None));
        let value: http::HeaderValue = format!("00-{TRACE}-{SPAN}-01").parse().unwrap();
        headers.append("traceparent", value.clone());
        assert!(matches!(Parent::read(&headers), Ok(Some(parent)) if parent.is_sampled()));
        headers.append("traceparent", value);
        assert_eq!(Parent::read(&headers), Err(()));
    }
}
