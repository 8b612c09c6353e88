//! Reads one table of the file by its shape; what is wrong is noted, and the default stands in for it.

use std::{collections::HashSet, ops::Range, time::Duration};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    report::{Mistakes, Place},
    shape::{Key, Kind, Shape, Value},
};

/// A table being read. Where the file does not have it, every key is at its default.
pub(super) struct Section<'a> {
    shape: &'static Shape,
    table: Option<&'a DeTable<'a>>,
    place: Place,
    pub(super) mistakes: &'a Mistakes,
    /// A secret may stand in it that should not: nothing of it is repeated.
    hidden: bool,
}

impl<'a> Section<'a> {
    /// Starts on `table`, and notes the keys that the shape does not have.
    pub(super) fn open(
        shape: &'static Shape,
        table: Option<&'a DeTable<'a>>,
        place: Place,
        mistakes: &'a Mistakes,
    ) -> Self {
        Self { shape, table, place, mistakes, hidden: false }.checked()
    }

    fn checked(self) -> Self {
        for key in self.table.into_iter().flat_map(DeTable::keys) {
            self.check_name(key.get_ref(), self.at(key.span()));
        }
        self
    }

    /// A place in it.
    fn at(&self, span: Range<usize>) -> Place {
        let place = Place::at(span);
        if self.hidden { place.hidden() } else { place }
    }

    /// Where the value of `key` is, or where the table begins.
    pub(super) fn place(&self, key: &str) -> Place {
        self.value(key).map_or(self.place.clone(), |value| self.at(value.span()))
    }

    /// Where the value of `key` in the table `section` is, or as near as the file has it.
    pub(super) fn place_in(&self, section: &str, key: &str) -> Place {
        let inner = match self.value(section).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => table.get(key),
            _ => None,
        };
        inner.map_or_else(|| self.place(section), |value| Place::at(value.span()))
    }

    /// Where the value of `key` in the `at`th table of the list `list` is, or as near as the file has it.
    pub(super) fn place_in_list(&self, list: &str, at: usize, key: &str) -> Place {
        let element = match self.value(list).map(Spanned::get_ref) {
            Some(DeValue::Array(items)) => items.get(at),
            _ => None,
        };
        match element.map(Spanned::get_ref) {
            Some(DeValue::Table(table)) if table.contains_key(key) => Place::at(table[key].span()),
            _ => element.map_or_else(|| self.place(list), |element| Place::at(element.span())),
        }
    }

    /// Hands on every value of the table.
    pub(super) fn values(&self, take: impl FnMut(&Spanned<DeValue<'a>>)) {
        self.table.into_iter().flat_map(DeTable::values).for_each(take);
    }

    /// Whether the file has this key, which may be one that is not built.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Whether the file has a table under this key.
    pub(super) fn has_table(&self, key: &str) -> bool {
        matches!(self.value(key).map(Spanned::get_ref), Some(DeValue::Table(_)))
    }

    /// Notes a mistake in the value of `key`.
    pub(super) fn wrong(&self, key: &str, message: impl Into<String>) {
        self.mistakes.add(self.place(key), message);
    }

    /// A size or a count.
    pub(super) fn size(&self, key: &str) -> usize {
        self.size_if_written(key).unwrap_or(0)
    }

    /// A size or a count; `None` where the file does not say it and the shape has no default.
    pub(super) fn size_if_written(&self, key: &str) -> Option<usize> {
        self.number(key).map(|number| usize::try_from(number).expect("bounds of sizes and counts are below 4 GiB"))
    }

    /// A share, in per cent.
    pub(super) fn percent(&self, key: &str) -> u8 {
        u8::try_from(self.number(key).unwrap_or(0)).expect("bounds of shares are at most 100")
    }

    /// A share, in millionths.
    pub(super) fn share(&self, key: &str) -> u32 {
        u32::try_from(self.number(key).unwrap_or(0)).expect("a share is at most a million millionths")
    }

    /// A time.
    pub(super) fn time(&self, key: &str) -> Duration {
        self.time_or_none(key).unwrap_or(Duration::ZERO)
    }

    /// A time; `None` where the file says `"none"`.
    pub(super) fn time_or_none(&self, key: &str) -> Option<Duration> {
        self.number(key).map(Duration::from_millis)
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.flag_if_written(key).unwrap_or(self.shape.key(key).default == Value::Flag(true))
    }

    /// `true` or `false`; `None` where the file does not say it.
    pub(super) fn flag_if_written(&self, key: &str) -> Option<bool> {
        match self.read(key) {
            Value::Flag(flag) => return Some(flag),
            Value::Absent => {}
            other => self.refuse(key, other),
        }
        None
    }

    /// One of the choices that the shape gives.
    pub(super) fn choice(&self, key: &str) -> &'static str {
        let known = self.shape.key(key);
        let (Kind::Choice(choices), Value::Text(default)) = (known.kind, known.default) else {
            unreachable!("the decoder asks for a choice where the shape has one")
        };
        match self.read(key) {
            Value::Absent => default,
            Value::Text(text) if choices.contains(&text) => {
                choices.iter().find(|choice| **choice == text).unwrap_or(&default)
            }
            other => {
                self.refuse(key, other);
                default
            }
        }
    }

    /// A text, made into what it means. `None` where there is none, which is a mistake only without a default.
    pub(super) fn text<T>(&self, key: &str, meaning: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let known = self.shape.key(key);
        let text = match (self.read(key), known.default) {
            (Value::Text(text), _) | (Value::Absent, Value::Text(text)) => text,
            (Value::Absent, _) => return None,
            (other, _) => {
                self.refuse(key, other);
                return None;
            }
        };
        meaning(text).map_err(|why| self.wrong(key, format!("`{key}` {why}"))).ok()
    }

    /// As [`text`](Self::text), and its absence is a mistake.
    pub(super) fn required<T>(&self, key: &str, meaning: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        if !self.has(key) {
            self.missing(key);
        }
        self.text(key, meaning)
    }

    /// Notes that `key` has to be there.
    pub(super) fn missing(&self, key: &str) {
        let what = self.shape.key(key).kind.describe();
        self.mistakes.add(self.place.clone(), format!("{} needs `{key}`: {what}", self.shape.title));
    }

    /// A list of texts, each made into what it means; empty where there is none.
    pub(super) fn list<T>(&self, key: &str, meaning: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let take = |item: &Spanned<DeValue<'_>>| match value_of(item.get_ref()) {
            Value::Text(text) => meaning(text).map_err(|why| format!("`{key}` {why}")),
            other => Err(format!("`{key}` takes a list of texts; this is {}", other.describe())),
        };
        let noted =
            |item: &Spanned<DeValue<'_>>| take(item).map_err(|why| self.mistakes.add(self.at(item.span()), why)).ok();
        self.items(key).iter().filter_map(noted).collect()
    }

    /// The elements of a list as they are; empty where there is none or something else.
    pub(super) fn items(&self, key: &str) -> &'a [Spanned<DeValue<'a>>] {
        let known = self.shape.key(key);
        match self.value(key).map(Spanned::get_ref) {
            Some(DeValue::Array(items)) => items,
            Some(other) => {
                let found = value_of(other).describe();
                self.wrong(key, format!("`{key}` takes a list, [...]: {}; this is {found}", known.kind.describe()));
                &[]
            }
            None => &[],
        }
    }

    /// Whether the file has a list under this key.
    pub(super) fn has_list(&self, key: &str) -> bool {
        matches!(self.value(key).map(Spanned::get_ref), Some(DeValue::Array(_)))
    }

    /// The names and values of the table under `key`, whatever they are; empty where there is none. They may be secrets.
    pub(super) fn entries(
        &self,
        key: &str,
    ) -> impl Iterator<Item = (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
        let table = match self.value(key).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => Some(table),
            Some(_) => {
                let message = format!("`{key}` takes {}", self.shape.key(key).kind.describe());
                self.mistakes.add(self.place(key).hidden(), message);
                None
            }
            None => None,
        };
        table.into_iter().flat_map(DeTable::iter)
    }

    /// The table under `key`, to be read by `shape`; all defaults where there is none.
    pub(super) fn table(&self, key: &str, shape: &'static Shape) -> Section<'a> {
        let table = match self.value(key).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => Some(table),
            Some(DeValue::Array(_)) if shape.title.starts_with('[') => {
                self.wrong(key, format!("{} stands once: write it with single brackets", shape.title));
                None
            }
            Some(other) => {
                self.refuse(key, value_of(other));
                None
            }
            None => None,
        };
        Section { shape, table, place: self.place(key), mistakes: self.mistakes, hidden: self.hidden }.checked()
    }

    /// The same, of a table that is about secrets: what is wrong with it is said without any of its lines.
    pub(super) fn hidden_table(&self, key: &str, shape: &'static Shape) -> Section<'a> {
        Section { hidden: true, place: self.place.clone(), ..*self }.table(key, shape)
    }

    /// The tables under `key`, which is a list of them, each to be read by `shape`.
    pub(super) fn tables(&self, key: &str, shape: &'static Shape) -> Vec<Section<'a>> {
        if matches!(self.value(key).map(Spanned::get_ref), Some(DeValue::Table(_))) {
            self.wrong(key, format!("this is a list of tables: write {}, with double brackets", shape.title));
            return Vec::new();
        }
        let open = |item: &'a Spanned<DeValue<'a>>| match item.get_ref() {
            DeValue::Table(table) => Some(Section::open(shape, Some(table), Place::at(item.span()), self.mistakes)),
            other => {
                let found = value_of(other).describe();
                self.mistakes.add(Place::at(item.span()), format!("{} is a table, not {found}", shape.title));
                None
            }
        };
        self.items(key).iter().filter_map(open).collect()
    }

    /// The value of `key` as text, number or flag.
    pub(super) fn read(&self, key: &str) -> Value<'a> {
        self.value(key).map_or(Value::Absent, |value| value_of(value.get_ref()))
    }

    /// Notes `message` for every element of `found` whose name came before.
    pub(super) fn unique<'n>(&self, found: impl Iterator<Item = (&'n str, Place)>, message: impl Fn(&str) -> String) {
        let mut seen = HashSet::new();
        for (name, place) in found {
            if !seen.insert(name) {
                self.mistakes.add(place, message(name));
            }
        }
    }

    fn refuse(&self, key: &str, found: Value<'_>) {
        let what = self.shape.key(key).kind.describe();
        let found = if self.hidden { String::new() } else { format!(", not {}", found.describe()) };
        self.wrong(key, format!("`{key}` takes {what}{found}"));
    }

    fn number(&self, key: &str) -> Option<u64> {
        let Key { kind, default, .. } = self.shape.key(key);
        let default = || match default {
            Value::Absent => None,
            default => kind.number(*default).expect("a default passes its own bounds"),
        };
        match self.read(key) {
            Value::Absent => default(),
            value => kind.number(value).unwrap_or_else(|why| {
                self.wrong(key, format!("`{key}` {why}"));
                default()
            }),
        }
    }

    fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.and_then(|table| table.get(key))
    }

    fn check_name(&self, name: &str, place: Place) {
        let Shape { title, keys, unbuilt, .. } = self.shape;
        if keys.iter().any(|key| key.name == name) {
            return;
        }
        if unbuilt.contains(&name) {
            let what = if title.is_empty() { format!("[{name}]") } else { format!("`{name}` in {title}") };
            self.mistakes.add(place, format!("{what} is not built into this version"));
            return;
        }
        let what = if title.is_empty() {
            format!("unknown section `{name}`")
        } else {
            format!("unknown key `{name}` in {title}")
        };
        let known = || keys.iter().map(|key| key.name);
        let near = known().map(|key| (strsim::damerau_levenshtein(key, name), key)).min();
        let help = match near {
            Some((distance, key)) if distance <= 1 + key.len() / 3 => format!("the nearest known one is `{key}`"),
            _ => format!("the known ones are {}", known().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")),
        };
        self.mistakes.add(place, format!("{what}: {help}"));
    }
}

/// What a value of the file is to us.
pub(super) fn value_of<'a>(value: &'a DeValue<'_>) -> Value<'a> {
    match value {
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Value::Other("an integer of more than 64 bits"), Value::Number),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Float(float) => {
            float.as_str().replace('_', "").parse().map_or(Value::Other("a floating-point number"), Value::Real)
        }
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(_) => Value::Other("a list"),
        DeValue::Table(_) => Value::Other("a table"),
    }
}
