//! Patterns over names, as policy writes them: `*` is any characters or none, `?` is one. Nothing else is special, and
//! nothing escapes them.

use std::fmt;

/// Longer patterns are refused, in bytes: what a match costs at most is bounded with it.
const MOST: usize = 512;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: Box<str>,
    /// It has neither `*` nor `?`, so that it is one name.
    plain: bool,
}

/// A pattern, or a template, as what stands in it one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline(Vec<Token>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// Any characters, or none.
    Any,
    /// One character, whichever.
    One,
    /// This character.
    Char(char),
}

impl Glob {
    /// The meaning of a text. The error is a sentence without subject.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MOST || text.contains(char::is_control) {
            return Err(format!("takes a pattern of 1 to {MOST} bytes without control characters, not {text:?}"));
        }
        let mut short = String::with_capacity(text.len());
        for character in text.chars() {
            // Two stars in a row mean what one does.
            if character != '*' || !short.ends_with('*') {
                short.push(character);
            }
        }
        Ok(Self { plain: !short.contains(['*', '?']), text: short.into() })
    }

    /// The pattern that every name matches.
    pub fn any() -> Self {
        Self { text: "*".into(), plain: false }
    }

    /// As it is written, less repeated stars.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether every name matches.
    pub fn is_any(&self) -> bool {
        &*self.text == "*"
    }

    /// Whether it is one name.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether the whole name matches. Neither allocates nor recurses.
    pub fn matches(&self, name: &str) -> bool {
        let mut enough = usize::MAX;
        self.matches_within(name, &mut enough).unwrap_or(false)
    }

    /// The same for who has so many steps, and takes from them: a step is a look at one character of the pattern. `None`
    /// where they do not suffice.
    pub fn matches_within(&self, name: &str, steps: &mut usize) -> Option<bool> {
        if self.plain {
            return Some(*self.text == *name);
        }
        let (pattern, name) = (self.text.as_bytes(), name.as_bytes());
        let (mut at, mut here) = (0, 0);
        // Behind the last star, and where in the name what follows it is tried.
        let mut again = None;
        loop {
            *steps = steps.checked_sub(1)?;
            match (pattern.get(at), name.get(here)) {
                (Some(b'*'), _) if at + 1 == pattern.len() => return Some(true),
                (Some(b'*'), _) => {
                    at += 1;
                    again = Some((at, here));
                    continue;
                }
                (None, None) => return Some(true),
                (Some(b'?'), Some(_)) => {
                    at += 1;
                    here = behind(name, here);
                    continue;
                }
                (Some(wanted), Some(found)) if wanted == found => {
                    at += 1;
                    here += 1;
                    continue;
                }
                _ => {}
            }
            match &mut again {
                Some((after, tried)) if *tried < name.len() => {
                    *tried = behind(name, *tried);
                    (at, here) = (*after, *tried);
                }
                _ => return Some(false),
            }
        }
    }

    /// What stands in it.
    pub fn outline(&self) -> Outline {
        let token = |character| match character {
            '*' => Token::Any,
            '?' => Token::One,
            other => Token::Char(other),
        };
        Outline(self.text.chars().map(token).collect())
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Outline {
    /// Of one name, in which nothing is special.
    pub fn of_name(name: &str) -> Self {
        Self(name.chars().map(Token::Char).collect())
    }

    /// Of a URI template (RFC 6570): an expression, `{...}`, may become any text. One that does not end may be anything
    /// from there on.
    pub fn of_template(template: &str) -> Self {
        let mut tokens = Vec::with_capacity(template.len());
        let mut rest = template.chars();
        while let Some(character) = rest.next() {
            if character == '{' {
                tokens.push(Token::Any);
                rest.by_ref().find(|character| *character == '}');
            } else {
                tokens.push(Token::Char(character));
            }
        }
        Self(tokens)
    }

    /// Whether some name matches both.
    pub fn meets(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.0, &other.0);
        walk(ours.len(), theirs.len(), |at, here, can| match (ours.get(at), theirs.get(here)) {
            (None, None) => true,
            (Some(Token::Any), _) if can(at + 1, here) => true,
            (_, Some(Token::Any)) if can(at, here + 1) => true,
            (Some(Token::Any), Some(_)) => can(at, here + 1),
            (Some(_), Some(Token::Any)) => can(at + 1, here),
            (Some(one), Some(two)) => (*one == Token::One || *two == Token::One || one == two) && can(at + 1, here + 1),
            _ => false,
        })
    }

    /// Whether every name that matches `other` matches this one. Says no where that cannot be told token by token.
    pub fn covers(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.0, &other.0);
        walk(ours.len(), theirs.len(), |at, here, can| match (ours.get(at), theirs.get(here)) {
            (None, None) => true,
            (Some(Token::Any), theirs) => can(at + 1, here) || theirs.is_some() && can(at, here + 1),
            (Some(_), Some(Token::Any)) => false,
            (Some(one), Some(two)) => (*one == Token::One || one == two) && can(at + 1, here + 1),
            _ => false,
        })
    }
}

/// Offset behind the character at `at`.
fn behind(text: &[u8], at: usize) -> usize {
    let rest = text.get(at + 1..).unwrap_or_default();
    let more = rest.iter().position(|byte| byte & 0xC0 != 0x80);
    at + 1 + more.unwrap_or(rest.len())
}

/// Whether two outlines can be walked from their beginnings to their ends. `step` says it of a place in both by what can
/// be done from the places behind it, which are known by then: from the ends backwards, so that nothing recurses.
fn walk(ours: usize, theirs: usize, step: impl Fn(usize, usize, &dyn Fn(usize, usize) -> bool) -> bool) -> bool {
    let width = theirs + 1;
    let mut behind = vec![false; width + 1];
    let mut row = vec![false; width + 1];
    for at in (0..=ours).rev() {
        for here in (0..width).rev() {
            let found = {
                let can = |next: usize, there: usize| if next == at { row[there] } else { behind[there] };
                step(at, here, &can)
            };
            row[here] = found;
        }
        std::mem::swap(&mut row, &mut behind);
        row.fill(false);
    }
    behind[0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn glob(text: &str) -> Glob {
        Glob::parse(text).unwrap()
    }

    /// By definition, token by token.
    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => naive(rest, name),
            (Some(('*', rest)), Some((_, further))) => naive(rest, name) || naive(pattern, further),
            (Some(('?', rest)), Some((_, further))) => naive(rest, further),
            (Some((one, rest)), Some((other, further))) => one == other && naive(rest, further),
            _ => false,
        }
    }

    fn naively(pattern: &str, name: &str) -> bool {
        naive(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
    }

    /// Every text of at most `most` of these characters.
    fn names(most: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..most {
            last = last.iter().flat_map(|name| ["a", "b", "ß"].map(|end| format!("{name}{end}"))).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    proptest! {
        #[test]
        fn a_match_is_what_it_is_by_definition(pattern in "[abß*?]{1,8}", name in "[abß]{0,10}") {
            prop_assert_eq!(glob(&pattern).matches(&name), naively(&pattern, &name));
        }

        #[test]
        fn two_patterns_meet_where_a_name_matches_both(one in "[aß*?]{1,4}", other in "[aß*?]{1,4}") {
            let both = names(6).iter().any(|name| naively(&one, name) && naively(&other, name));
            prop_assert_eq!(glob(&one).outline().meets(&glob(&other).outline()), both, "{} {}", one, other);
        }

        #[test]
        fn what_is_covered_matches(one in "[ab*?]{1,5}", other in "[ab*?]{1,5}") {
            let (whole, part) = (glob(&one), glob(&other));
            if whole.outline().covers(&part.outline()) {
                for name in names(5).iter().filter(|name| part.matches(name)) {
                    prop_assert!(whole.matches(name), "{one} does not cover {other}: {name}");
                }
            }
        }
    }

    #[test]
    fn a_template_is_the_pattern_of_what_it_becomes() {
        let notes = Outline::of_template("notes://{user}/{+path}?x={x}");
        for (pattern, meets) in [
            ("*", true),
            ("notes://*", true),
            ("notes://ada/todo?x=1", true),
            ("notes:*1", true),
            ("files://*", false),
            ("notes://ada", false),
            ("*/?x=*", true),
        ] {
            assert_eq!(glob(pattern).outline().meets(&notes), meets, "{pattern}");
        }
        assert!(glob("notes://*").outline().covers(&notes));
        assert!(!glob("notes://a*").outline().covers(&notes));
        assert!(glob("a*").outline().meets(&Outline::of_template("ab{c")), "what does not end may be anything");
    }

    #[test]
    fn a_pattern_is_text_that_can_be_read() {
        for wrong in ["", "a\nb", "\u{7f}", &"a".repeat(MOST + 1)] {
            assert!(Glob::parse(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(glob("a***b**").as_str(), "a*b*");
        assert!(glob("**").is_any() && glob("a[b]").is_plain() && !glob("a?").is_plain());
    }

    #[test]
    fn the_longest_pattern_does_not_take_long() {
        let (pattern, name) = (format!("{}b", "*a".repeat(255)), "a".repeat(4096));
        assert!(!glob(&pattern).matches(&name));
        // One that comes back from the end each time takes the product of the lengths.
        let (pattern, name) = (format!("*{}b", "a".repeat(500)), "a".repeat(4096));
        let mut steps = 500 * 4096 + 4096;
        assert_eq!(glob(&pattern).matches_within(&name, &mut steps), Some(false));
        let mut steps = 100_000;
        assert_eq!((glob(&pattern).matches_within(&name, &mut steps), steps), (None, 0));
    }
}
