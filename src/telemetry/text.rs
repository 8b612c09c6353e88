//! The text format of Prometheus (version 0.0.4), for what the exporter does not print.

use std::fmt::{Display, Write};

use super::cell::Distribution;
use super::names::Metric;
use super::tally::Value;

/// A family as it is printed: a metric, and its series by the values of their labels.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) metric: &'static Metric,
    pub(super) series: Vec<(Vec<String>, Value)>,
}

impl Family {
    /// Appends the family: help and type once, then its series.
    pub(super) fn print(&self, out: &mut String) {
        let Metric { name, kind, help, .. } = self.metric;
        line(out, format_args!("# HELP {name} {help}"));
        line(out, format_args!("# TYPE {name} {kind}"));
        for (labels, value) in &self.series {
            match value {
                Value::Number(number) => self.sample(out, "", labels, None, number),
                Value::Distribution(distribution) => self.buckets(out, labels, distribution),
            }
        }
        out.push('\n');
    }

    /// The buckets add up: each counts what is below its bound, and the last one everything.
    fn buckets(&self, out: &mut String, labels: &[String], Distribution { bounds, counts, sum }: &Distribution) {
        let mut below = 0;
        for (bound, count) in bounds.iter().zip(counts) {
            below += count;
            self.sample(out, "_bucket", labels, Some(&seconds(*bound)), &below);
        }
        let all = counts.iter().sum::<u64>();
        self.sample(out, "_bucket", labels, Some(&"+Inf"), &all);
        self.sample(out, "_sum", labels, None, &seconds(*sum));
        self.sample(out, "_count", labels, None, &all);
    }

    fn sample(&self, out: &mut String, suffix: &str, labels: &[String], le: Option<&dyn Display>, value: &dyn Display) {
        out.push_str(self.metric.name);
        out.push_str(suffix);
        let mut before = '{';
        for (label, value) in self.metric.labels.iter().zip(labels) {
            out.push(before);
            out.push_str(label);
            out.push_str("=\"");
            escape(out, value);
            out.push('"');
            before = ',';
        }
        if let Some(bound) = le {
            write(out, format_args!("{before}le=\"{bound}\""));
            before = ',';
        }
        if before == ',' {
            out.push('}');
        }
        line(out, format_args!(" {value}"));
    }
}

/// Nanoseconds as seconds.
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            character => out.push(character),
        }
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    write(out, text);
    out.push('\n');
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String does not fail");
}
