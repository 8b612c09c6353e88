//! As much of Markdown as the documents use: headings, links, code spans, fenced blocks.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A page.
pub(super) struct Document {
    pub(super) path: PathBuf,
    text: String,
}

/// A fenced block.
pub(super) struct Block {
    pub(super) language: String,
    pub(super) text: String,
}

impl Document {
    pub(super) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path: path.to_owned(), text }
    }

    /// The path from the top of the project.
    pub(super) fn name(&self) -> String {
        self.path.strip_prefix(super::root()).unwrap_or(&self.path).display().to_string()
    }

    /// Where the links go, those in fenced blocks left out.
    pub(super) fn links(&self) -> impl Iterator<Item = &str> {
        let lines = self.prose();
        lines.into_iter().flat_map(|line| line.split("](").skip(1)).filter_map(|rest| Some(rest.split_once(')')?.0))
    }

    /// The headings as they are linked to.
    pub(super) fn headings(&self) -> BTreeSet<String> {
        let headings = self.prose().into_iter().filter(|line| line.starts_with('#'));
        let slug = |heading: &str| {
            let kept = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            kept.chars().filter(|kept| kept.is_alphanumeric() || "-_".contains(*kept)).collect()
        };
        headings.map(slug).collect()
    }

    /// What stands between backticks.
    pub(super) fn code_spans(&self) -> Vec<&str> {
        self.prose().into_iter().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
    }

    /// What stands between backticks, and the lines of fenced blocks.
    pub(super) fn code_lines(&self) -> Vec<&str> {
        let mut lines = self.code_spans();
        lines.extend(self.lines().filter(|(fenced, _)| *fenced).map(|(_, line)| line));
        lines
    }

    /// The fenced blocks.
    pub(super) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = false;
        for line in self.text.lines() {
            match line.strip_prefix("```") {
                Some(_) if open => open = false,
                Some(language) => {
                    blocks.push(Block { language: language.to_owned(), text: String::new() });
                    open = true;
                }
                None if open => {
                    let block = blocks.last_mut().expect("a block is open");
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                None => {}
            }
        }
        assert!(!open, "{}: a block without an end", self.name());
        blocks
    }

    /// What stands under a heading, up to the next one of its kind.
    pub(super) fn section(&self, heading: &str) -> &str {
        let (_, rest) = self.text.split_once(&format!("{heading}\n")).expect("the heading is there");
        rest.split("\n## ").next().unwrap_or_default()
    }

    fn prose(&self) -> Vec<&str> {
        self.lines().filter(|(fenced, _)| !fenced).map(|(_, line)| line).collect()
    }

    /// Every line but the fences, with whether it stands in a fenced block.
    fn lines(&self) -> impl Iterator<Item = (bool, &str)> {
        let mut fenced = false;
        self.text.lines().filter_map(move |line| {
            if line.starts_with("```") {
                fenced = !fenced;
                return None;
            }
            Some((fenced, line))
        })
    }
}
