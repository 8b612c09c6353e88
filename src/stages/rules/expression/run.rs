//! Running a program over the facts of a message.
//!
//! As CEL has it, an operand that decides `&&` or `||` decides it whatever happened to the other one. A spent budget is
//! no such mishap: it ends everything.

use std::{borrow::Cow, cmp::Ordering, rc::Rc};

use super::{
    asked,
    budget::Budget,
    calendar, compare,
    elements::{self, Elements},
    facts::Facts,
    fault::{Fault, Kind, Place, Why},
    functions,
    program::{Binary, Loop, LoopKind, Node, What},
    value::Value,
};

/// A run of a program.
pub(super) struct Run<'a, 'b> {
    facts: &'a dyn Facts,
    pub(super) budget: &'b mut Budget,
    /// What the open loops are at.
    elements: [Value<'a>; 2],
}

impl<'a, 'b> Run<'a, 'b> {
    pub(super) fn new(facts: &'a dyn Facts, budget: &'b mut Budget) -> Self {
        Self { facts, budget, elements: [Value::Null, Value::Null] }
    }

    /// What a part says that must be true or false.
    pub(super) fn test(&mut self, node: &'a Node) -> Result<bool, Fault> {
        match &node.what {
            What::And(both) => self.until(false, both, node.at),
            What::Or(both) => self.until(true, both, node.at),
            What::Not(of) => self.paid(node.at).and_then(|()| self.test(of)).map(|is| !is),
            What::Binary(operator, both) if !operator.is_arithmetic() => self.compare(*operator, both, node.at),
            _ => match self.value(node)? {
                Value::Bool(is) => Ok(is),
                other => Err(other.not(Kind::Bool).at(node.at)),
            },
        }
    }

    /// `&&` is `false` as soon as one side is, `||` is `true` as soon as one is.
    fn until(&mut self, decides: bool, both: &'a (Node, Node), at: Place) -> Result<bool, Fault> {
        self.paid(at)?;
        let left = self.test(&both.0);
        match left {
            Ok(is) if is == decides => return Ok(is),
            Err(fault) if fault.why == Why::Spent => return Err(fault),
            _ => {}
        }
        match (left, self.test(&both.1)) {
            (_, Ok(is)) if is == decides => Ok(is),
            (Err(left), Err(right)) => Err(left.or(right)),
            (Err(fault), Ok(_)) | (Ok(_), Err(fault)) => Err(fault),
            (Ok(_), Ok(is)) => Ok(is),
        }
    }

    fn compare(&mut self, operator: Binary, both: &'a (Node, Node), at: Place) -> Result<bool, Fault> {
        self.paid(at)?;
        let left = self.value(&both.0)?;
        let right = self.value(&both.1)?;
        let fault = |why: Why| why.at(at);
        let is = match operator {
            Binary::Equal => return compare::equal(&left, &right, self.budget).map_err(fault),
            Binary::Unequal => return compare::equal(&left, &right, self.budget).map(|is| !is).map_err(fault),
            Binary::In => return self.is_in(&left, &right).map_err(fault),
            Binary::Less => |order| order == Ordering::Less,
            Binary::LessOrEqual => |order| order != Ordering::Greater,
            Binary::Greater => |order| order == Ordering::Greater,
            _ => |order| order != Ordering::Less,
        };
        compare::order(&left, &right, self.budget).map(|order| order.is_some_and(is)).map_err(fault)
    }

    fn is_in(&mut self, sought: &Value<'a>, within: &Value<'a>) -> Result<bool, Why> {
        match within.kind() {
            Kind::Map => Ok(elements::keyed(within, sought, self.budget)?.is_some()),
            Kind::List => {
                let mut elements = Elements::of(within)?;
                while let Some(element) = elements.next(self.budget)? {
                    if compare::equal(sought, &element, self.budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Err(within.not(Kind::List)),
        }
    }

    /// What a part is.
    pub(super) fn value(&mut self, node: &'a Node) -> Result<Value<'a>, Fault> {
        let at = node.at;
        match &node.what {
            What::And(_) | What::Or(_) | What::Not(_) => return self.test(node).map(Value::Bool),
            What::Binary(operator, _) if !operator.is_arithmetic() => return self.test(node).map(Value::Bool),
            _ => self.paid(at)?,
        }
        match &node.what {
            What::Fact(name) => asked::fact(*name, self.facts, self.budget).map_err(|why| why.at(at)),
            What::HasFact(name) => self.bool(at, |run| asked::has_fact(*name, run.facts, run.budget)),
            What::HasTool => self.bool(at, |run| asked::has_tool(run.facts)),
            What::HasAnnotations => self.bool(at, |run| asked::has_annotations(run.facts, run.budget)),
            What::Element(slot) => self.element(*slot).map_err(|why| why.at(at)),
            What::Member(member) => self.member(member, at),
            What::HasMember(member) => {
                let whole = self.value(&member.0)?;
                self.bool(at, |run| elements::has_member(&whole, &member.1, run.budget))
            }
            What::Index(both) => {
                let (whole, index) = (self.value(&both.0)?, self.value(&both.1)?);
                let found = elements::index(&whole, &index, self.budget);
                found.and_then(|found| found.ok_or(Why::NoIndex)).map_err(|why| why.at(at))
            }
            What::Constants(nodes) => Ok(Value::Constants(nodes)),
            What::List(nodes) => {
                let list: Result<Rc<[Value<'a>]>, Fault> = nodes.iter().map(|node| self.value(node)).collect();
                list.map(Value::List)
            }
            What::Map(entries) => self.map(entries, at),
            What::If(parts) => {
                let (condition, yes, no) = parts.as_ref();
                let chosen = if self.test(condition)? { yes } else { no };
                self.value(chosen)
            }
            What::Negative(of) => functions::negative(&self.value(of)?).map_err(|why| why.at(at)),
            What::Binary(operator, both) => {
                let (left, right) = (self.value(&both.0)?, self.value(&both.1)?);
                functions::arithmetic(*operator, &left, &right, self.budget).map_err(|why| why.at(at))
            }
            What::Convert(into, of) => {
                let of = self.value(of)?;
                functions::convert(*into, of, self.budget).map_err(|why| why.at(at))
            }
            What::Size(of) => {
                let of = self.value(of)?;
                let size = functions::size(&of, self.budget).map_err(|why| why.at(at))?;
                i64::try_from(size).map(Value::Int).map_err(|_| Why::Overflow.at(at))
            }
            What::Search(how, both) => {
                let (text, sought) = (self.text(&both.0)?, self.text(&both.1)?);
                self.bool(at, |run| functions::search(*how, &text, &sought, run.budget))
            }
            What::Matches(both) => {
                let text = self.text(&both.0)?;
                self.bool(at, |run| {
                    // A large automaton waits for memory at each byte.
                    run.budget.spend_bytes(4 * text.len())?;
                    both.1.is_match(&text).ok_or(Why::Pattern)
                })
            }
            What::Part(part, of, zone) => match self.value(of)? {
                Value::Time(time) => Ok(Value::Int(calendar::part(*part, time, *zone))),
                other => Err(other.not(Kind::Time).at(of.at)),
            },
            What::Loop(repeated) => self.repeat(repeated, at),
            What::And(_)
            | What::Or(_)
            | What::Not(_)
            | What::Null
            | What::Bool(_)
            | What::Int(_)
            | What::Uint(_)
            | What::Double(_)
            | What::Text(_)
            | What::Time(_) => Ok(Value::constant(node)),
        }
    }

    fn bool(&mut self, at: Place, of: impl FnOnce(&mut Self) -> Result<bool, Why>) -> Result<Value<'a>, Fault> {
        of(self).map(Value::Bool).map_err(|why| why.at(at))
    }

    /// What a loop is at.
    fn element(&mut self, slot: u8) -> Result<Value<'a>, Why> {
        let element = self.elements.get(usize::from(slot));
        element.map_or(Ok(Value::Null), |element| element.copy(self.budget))
    }

    /// What a part says that must be a string.
    fn text(&mut self, node: &'a Node) -> Result<Cow<'a, str>, Fault> {
        match self.value(node)? {
            Value::Text(text) => Ok(text),
            other => Err(other.not(Kind::Text).at(node.at)),
        }
    }

    fn member(&mut self, member: &'a (Node, Box<str>), at: Place) -> Result<Value<'a>, Fault> {
        let whole = self.value(&member.0)?;
        match elements::member(&whole, &member.1, self.budget) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(Why::NoMember.at(at)),
            // What is no map is the part before the member.
            Err(why @ Why::Want { .. }) => Err(why.at(member.0.at)),
            Err(why) => Err(why.at(at)),
        }
    }

    fn map(&mut self, entries: &'a [(Node, Node)], at: Place) -> Result<Value<'a>, Fault> {
        let mut map: Vec<(Value<'a>, Value<'a>)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let own = self.value(key)?;
            if !matches!(own, Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Text(_)) {
                return Err(own.not(Kind::Key).at(key.at));
            }
            for (other, _) in &map {
                let repeats =
                    self.paid(at).and_then(|()| compare::equal(other, &own, self.budget).map_err(|why| why.at(at)))?;
                if repeats {
                    return Err(Why::Key.at(at));
                }
            }
            map.push((own, self.value(value)?));
        }
        Ok(Value::Map(Rc::from(map)))
    }

    fn repeat(&mut self, repeated: &'a Loop, at: Place) -> Result<Value<'a>, Fault> {
        let range = self.value(&repeated.range)?;
        let mut elements = Elements::of(&range).map_err(|why| why.at(repeated.range.at))?;
        let mut found = Vec::new();
        let mut count = 0;
        let mut first: Option<Fault> = None;
        while let Some(element) = elements.next(self.budget).map_err(|why| why.at(at))? {
            if let Some(slot) = self.elements.get_mut(usize::from(repeated.slot)) {
                *slot = element;
            }
            if let Some(only) = &repeated.only
                && !self.test(only)?
            {
                continue;
            }
            match (repeated.kind, &repeated.each) {
                (LoopKind::All | LoopKind::Exists, Some(each)) => match self.test(each) {
                    Ok(is) if is == (repeated.kind == LoopKind::Exists) => return Ok(Value::Bool(is)),
                    Ok(_) => {}
                    Err(fault) if fault.why == Why::Spent => return Err(fault),
                    Err(fault) => first = Some(first.map_or(fault, |first| first.or(fault))),
                },
                (LoopKind::ExistsOne, Some(each)) => count += u32::from(self.test(each)?),
                (_, Some(each)) => found.push(self.value(each)?),
                (_, None) => found.push(self.element(repeated.slot).map_err(|why| why.at(at))?),
            }
        }
        if let Some(fault) = first {
            return Err(fault);
        }
        Ok(match repeated.kind {
            LoopKind::All => Value::Bool(true),
            LoopKind::Exists => Value::Bool(false),
            LoopKind::ExistsOne => Value::Bool(count == 1),
            LoopKind::Map | LoopKind::Filter => Value::List(Rc::from(found)),
        })
    }

    /// Pays for a part.
    pub(super) fn paid(&mut self, at: Place) -> Result<(), Fault> {
        self.budget.spend(1).map_err(|why| why.at(at))
    }
}

impl Fault {
    /// The one of two that tells more: that the message is of another kind tells least.
    fn or(self, other: Self) -> Self {
        match (self.why, other.why) {
            (_, Why::Spent) => other,
            (Why::NoTool | Why::NoArguments, _) => other,
            _ => self,
        }
    }
}

impl Binary {
    fn is_arithmetic(self) -> bool {
        matches!(self, Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder)
    }
}
