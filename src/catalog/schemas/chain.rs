//! How deep evaluation goes at one place of a value: through subschemas and references that look at the same.
//!
//! A reference leads to a subschema of the same text, or the schema is not used: then every subschema that is entered
//! has a meter, and none is entered without end.

use std::collections::HashMap;

use super::outline::{Node, Outline, Unusable, resolved};
use super::pointer;

/// Subschemas that one place of a value is looked at by, one inside the other.
const LONGEST: usize = 32;

/// The longest chain of subschemas in place.
pub(super) fn longest(outline: &Outline) -> Result<usize, Unusable> {
    let leads = References::of(outline).resolve()?;
    let mut known = vec![None; outline.nodes.len()];
    let mut longest = 0;
    for place in 0..outline.nodes.len() {
        longest = longest.max(from(place, LONGEST, outline, &leads, &mut known)?);
    }
    Ok(longest)
}

/// The chain from one of them. A circle is longer than any bound.
fn from(
    place: usize,
    room: usize,
    outline: &Outline,
    leads: &[Vec<usize>],
    known: &mut [Option<usize>],
) -> Result<usize, Unusable> {
    let length = match known[place] {
        Some(length) => length,
        None if room == 0 => return Err(Unusable::Chain),
        None => {
            let mut length = 1;
            for &next in outline.nodes[place].in_place.iter().chain(&leads[place]) {
                length = length.max(1 + from(next, room - 1, outline, leads, known)?);
            }
            known[place] = Some(length);
            length
        }
    };
    if length > room { Err(Unusable::Chain) } else { Ok(length) }
}

/// What references may name.
struct References<'a> {
    outline: &'a Outline,
    by_pointer: HashMap<&'a str, usize>,
    by_anchor: HashMap<&'a str, Vec<usize>>,
    by_base: HashMap<&'a str, usize>,
}

impl<'a> References<'a> {
    fn of(outline: &'a Outline) -> Self {
        let mut by_anchor = HashMap::<_, Vec<_>>::new();
        for (place, node) in outline.nodes.iter().enumerate() {
            for anchor in &node.anchors {
                by_anchor.entry(anchor.as_str()).or_default().push(place);
            }
        }
        let placed = || outline.nodes.iter().enumerate();
        let by_base = placed().map(|(_, node)| (&*node.base, node.resource)).collect();
        let by_pointer = placed().map(|(place, node)| (node.at.as_str(), place)).collect();
        Self { outline, by_pointer, by_anchor, by_base }
    }

    /// Where each subschema refers to.
    fn resolve(&self) -> Result<Vec<Vec<usize>>, Unusable> {
        let targets = |node: &Node| {
            let each = node.references.iter();
            each.map(|reference| self.targets(reference, node)).collect::<Result<Vec<_>, _>>().map(|all| all.concat())
        };
        self.outline.nodes.iter().map(targets).collect()
    }

    /// What a reference may lead to; several, where only evaluation would say which.
    fn targets(&self, reference: &str, from: &Node) -> Result<Vec<usize>, Unusable> {
        let unresolved = || Unusable::reference(reference);
        let (base, fragment) = resolved(&from.base, reference).ok_or_else(unresolved)?;
        let resource = *self.by_base.get(base.as_str()).ok_or_else(unresolved)?;
        if fragment.is_empty() {
            return Ok(vec![resource]);
        }
        if !fragment.starts_with('/') {
            return self.by_anchor.get(fragment).cloned().ok_or_else(unresolved);
        }
        let below = pointer::decoded(fragment).ok_or_else(unresolved)?;
        let at = format!("{}{below}", self.outline.nodes[resource].at);
        // What is `true` or `false` there holds nothing.
        Ok(self.by_pointer.get(at.as_str()).copied().into_iter().collect())
    }
}
