//! A page of metrics, read by the letter of the text format (version 0.0.4): what is merely tolerated elsewhere is an
//! error here.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a series.
type Labels = BTreeMap<String, String>;

/// A page that is sound.
#[derive(Clone, Debug)]
pub(crate) struct Exposition {
    families: BTreeMap<String, Family>,
}

#[derive(Clone, Debug, Default)]
struct Family {
    kind: String,
    /// By the name of the sample, and its labels.
    samples: BTreeMap<(String, Labels), f64>,
}

impl Exposition {
    /// Reads a page.
    pub(crate) fn parse(text: &str) -> Self {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let (mut helped, mut current) = (None, None::<String>);
        assert!(text.ends_with('\n'), "the last line has no end");
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
                assert!(!help.is_empty() && !families.contains_key(name), "help once a family: {line}");
                helped = Some(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(helped.take().as_deref(), Some(name), "help comes right before the type: {line}");
                let family = Family { kind: kind.to_owned(), ..Family::default() };
                assert!(families.insert(name.to_owned(), family).is_none(), "a family is in one piece: {line}");
                current = Some(name.to_owned());
            } else {
                assert!(!line.starts_with('#') && helped.is_none(), "{line}");
                let (name, labels, value) = sample(line);
                let base = current.as_deref().unwrap_or_else(|| panic!("a sample without a type: {line}"));
                let family = families.get_mut(base).expect("it was put in with its type");
                let suffix = name.strip_prefix(base).unwrap_or_else(|| panic!("{line} is not of {base}"));
                let suffixes: &[&str] = if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(suffixes.contains(&suffix), "{line} is not of {base}");
                assert!(value.is_finite() && (family.kind == "gauge" || value >= 0.0), "{line}");
                assert!(family.samples.insert((name, labels), value).is_none(), "twice: {line}");
            }
        }
        let page = Self { families };
        page.families.iter().filter(|(_, family)| family.kind == "histogram").for_each(|(name, family)| {
            sound_histogram(name, family);
        });
        page
    }

    /// The names of the families.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.families.keys().cloned().collect()
    }

    /// The kind and the label names of a family's series, `le` left out.
    pub(crate) fn shape(&self, name: &str) -> (String, BTreeSet<BTreeSet<String>>) {
        let family = &self.families[name];
        let keys = |labels: &Labels| labels.keys().filter(|key| *key != "le").cloned().collect();
        (family.kind.clone(), family.samples.keys().map(|(_, labels)| keys(labels)).collect())
    }

    /// The sum of all samples of that name which have these labels; 0 if there is none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let samples = self.families.values().flat_map(|family| &family.samples).filter(|((sample, has), _)| {
            sample == name && labels.iter().all(|(key, value)| has.get(*key).is_some_and(|has| has == value))
        });
        samples.map(|(_, value)| value).sum()
    }

    /// How many series there are.
    pub(crate) fn series(&self) -> usize {
        self.families.values().map(|family| family.samples.len()).sum()
    }

    /// Panics unless everything that only grows is at least what it was on an earlier page.
    pub(crate) fn follows(&self, earlier: &Self) {
        for (name, family) in earlier.families.iter().filter(|(_, family)| family.kind != "gauge") {
            let now = self.families.get(name).unwrap_or_else(|| panic!("{name} has vanished"));
            for (series, value) in &family.samples {
                let now = now.samples.get(series).unwrap_or_else(|| panic!("{series:?} has vanished"));
                assert!(now >= value, "{series:?} went from {value} to {now}");
            }
        }
    }
}

/// `name{label="value",...} number`.
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no sample: {line}"));
    let (name, mut rest) = line.split_at(end);
    let is_name = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.starts_with(|first: char| first.is_ascii_lowercase())
    };
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
            let (value, after) = quoted(after);
            assert!(is_name(label) && labels.insert(label.to_owned(), value).is_none(), "{line}");
            match after.split_at(1) {
                (",", after) => rest = after,
                ("}", after) => {
                    rest = after;
                    break;
                }
                _ => panic!("{line}"),
            }
        }
    }
    let number = rest.strip_prefix(' ').and_then(|number| number.parse().ok());
    (name.to_owned(), labels, number.unwrap_or_else(|| panic!("no number: {line}")))
}

/// A value up to its closing quote, and what follows that.
fn quoted(text: &str) -> (String, &str) {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                other => panic!("no escape: {other:?} in {text}"),
            },
            character => value.push(character),
        }
    }
    panic!("a value has no end: {text}")
}

/// Buckets add up, the last is `+Inf` and is the count.
fn sound_histogram(name: &str, family: &Family) {
    let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for ((sample, labels), value) in family.samples.iter().filter(|((sample, _), _)| sample.ends_with("_bucket")) {
        let mut labels = labels.clone();
        let bound = labels.remove("le").unwrap_or_else(|| panic!("{sample} without `le`"));
        let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().expect("a bound is a number") };
        series.entry(labels).or_default().push((bound, *value));
    }
    assert!(!series.is_empty(), "{name} has no series");
    for (labels, mut buckets) in series {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1), "{name} {labels:?}");
        let (last, all) = buckets[buckets.len() - 1];
        let of = |suffix: &str| family.samples[&(format!("{name}{suffix}"), labels.clone())];
        assert!(last == f64::INFINITY && all == of("_count"), "{name} {labels:?}");
        assert!((of("_sum") > 0.0) <= (all > 0.0), "{name} {labels:?}");
    }
}
