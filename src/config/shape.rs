//! The shape of a section as data: its keys, what each takes, between which bounds, and what it is without being said.

use std::time::Duration;

use super::units;

/// The parts of a share.
const MILLION: u64 = 1_000_000;

/// A table of the file.
#[derive(Debug)]
pub struct Shape {
    /// As a reader would write it: `[http]`, `[[servers]]`, `ring` in `[keys]`.
    pub title: &'static str,
    /// What it is for, in a sentence or two.
    pub about: &'static str,
    /// What may stand in it.
    pub keys: &'static [Key],
    /// What a later version takes and this one refuses.
    pub unbuilt: &'static [&'static str],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is where it is not written; has to pass `kind` itself.
    pub default: Value<'static>,
    /// What it is for.
    pub about: &'static str,
}

/// What a key takes. Bounds are inclusive.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Bytes, as text with a unit.
    Size(u64, u64),
    /// A whole number.
    Count(u64, u64),
    /// Time in milliseconds, as text with a unit.
    Time(u64, u64),
    /// As `Time`, or `"none"`.
    TimeOrNone(u64, u64),
    /// A share, as text with `%`.
    Percent(u64, u64),
    /// A number from 0 to 1, in millionths.
    Share,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// Text, described.
    Text(&'static str),
    /// A list of texts, described.
    List(&'static str),
    /// A table, or text, described.
    Table(&'static str),
}

/// A value of the file, as far as keys of numbers, texts and flags care.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Nothing is written.
    Absent,
    /// A string.
    Text(&'a str),
    /// An integer.
    Number(i64),
    /// A floating-point number.
    Real(f64),
    /// A boolean.
    Flag(bool),
    /// Something else, by its name in TOML, the article included.
    Other(&'static str),
}

impl Shape {
    /// The key of that name. A name that is not in the shape is a fault of ours, not of the file.
    pub(super) fn key(&self, name: &str) -> &'static Key {
        let mut keys = self.keys.iter();
        keys.find(|key| key.name == name).expect("the decoder asks for keys that stand in the shape")
    }
}

impl Kind {
    /// The number in `value`: bytes, a count, milliseconds or per cent; `None` where `"none"` is written and allowed.
    /// The error is a sentence without subject ("takes ...").
    pub(super) fn number(self, value: Value<'_>) -> Result<Option<u64>, String> {
        if matches!((self, value), (Self::TimeOrNone(..), Value::Text("none"))) {
            return Ok(None);
        }
        let number = match (self, value) {
            (Self::Size(..), Value::Text(text)) => units::size(text),
            (Self::Time(..) | Self::TimeOrNone(..), Value::Text(text)) => units::time(text),
            (Self::Percent(..), Value::Text(text)) => text.strip_suffix('%').and_then(units::digits),
            (Self::Share, Value::Real(share)) => {
                (0.0..=1.0).contains(&share).then_some((share * MILLION as f64) as u64)
            }
            (Self::Share, Value::Number(whole)) => {
                u64::try_from(whole).ok().filter(|whole| *whole <= 1).map(|whole| whole * MILLION)
            }
            (Self::Count(..), Value::Number(number)) => Some(number).filter(|n| *n >= 0).map(i64::cast_unsigned),
            _ => None,
        };
        match (number, self.bounds()) {
            (Some(number), Some((least, most))) if (least..=most).contains(&number) => Ok(Some(number)),
            (None, _)
                if !matches!(
                    (self, value),
                    (Self::Count(..), Value::Number(_)) | (Self::Share, Value::Number(_) | Value::Real(_))
                ) =>
            {
                Err(format!("takes {}, not {}", self.describe(), value.describe()))
            }
            _ => Err(format!("has to be {}, not {}", self.range(), value.describe())),
        }
    }

    /// What the key takes, with bounds, in words.
    pub fn describe(self) -> String {
        match self {
            Self::Size(..) => format!("a size in B, KiB, MiB or GiB, {}", self.range()),
            Self::Count(..) => format!("a whole number {}", self.range()),
            Self::Time(..) => format!("a time in ms, s, m, h or d, {}", self.range()),
            Self::TimeOrNone(..) => format!("a time in ms, s, m, h or d, {}, or \"none\"", self.range()),
            Self::Percent(..) => format!("a share {}", self.range()),
            Self::Share => "a number from 0 to 1".to_owned(),
            Self::Choice(choices) => {
                choices.iter().map(|choice| format!("{choice:?}")).collect::<Vec<_>>().join(" or ")
            }
            Self::Flag => "true or false".to_owned(),
            Self::Text(what) | Self::List(what) | Self::Table(what) => what.to_owned(),
        }
    }

    fn bounds(self) -> Option<(u64, u64)> {
        match self {
            Self::Size(least, most)
            | Self::Count(least, most)
            | Self::Time(least, most)
            | Self::TimeOrNone(least, most)
            | Self::Percent(least, most) => Some((least, most)),
            Self::Share => Some((0, MILLION)),
            Self::Choice(_) | Self::Flag | Self::Text(_) | Self::List(_) | Self::Table(_) => None,
        }
    }

    fn range(self) -> String {
        let Some((least, most)) = self.bounds() else { return String::new() };
        let show = |number| match self {
            Self::Size(..) => format!("{:?}", units::show_size(number)),
            Self::Time(..) | Self::TimeOrNone(..) => format!("{:?}", units::show_time(Duration::from_millis(number))),
            Self::Percent(..) => format!("\"{number}%\""),
            Self::Share => (number / MILLION).to_string(),
            _ => number.to_string(),
        };
        format!("from {} to {}", show(least), show(most))
    }
}

impl Value<'_> {
    /// The value as it is written in TOML, or the name of its type.
    pub fn describe(self) -> String {
        match self {
            Self::Absent => "nothing".to_owned(),
            Self::Text(text) => format!("{text:?}"),
            Self::Number(number) => number.to_string(),
            Self::Real(real) => real.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Other(kind) => kind.to_owned(),
        }
    }
}
