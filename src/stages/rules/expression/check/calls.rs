//! Functions and methods.

use cel::{common::ast::CallExpr, common::ast::Expr, common::ast::LiteralValue, parser::Expression as Syntax};

use super::{Checker, Typed, listed, vocabulary::FUNCTIONS};
use crate::stages::rules::expression::{
    calendar,
    fault::Place,
    pattern::Pattern,
    program::{Convert, Node, Part, Search, What},
    types::Type,
};

fn search(name: &str) -> Option<Search> {
    Some(match name {
        "startsWith" => Search::StartsWith,
        "endsWith" => Search::EndsWith,
        "contains" => Search::Contains,
        _ => return None,
    })
}

fn convert(name: &str) -> Option<(Convert, Type)> {
    Some(match name {
        "bool" => (Convert::Bool, Type::Bool),
        "int" => (Convert::Int, Type::Int),
        "uint" => (Convert::Uint, Type::Uint),
        "double" => (Convert::Double, Type::Double),
        "string" => (Convert::Text, Type::Text),
        "timestamp" => (Convert::Time, Type::Time),
        _ => return None,
    })
}

fn part_of_time(name: &str) -> Option<Part> {
    Some(match name {
        "getFullYear" => Part::FullYear,
        "getMonth" => Part::Month,
        "getDate" => Part::Date,
        "getDayOfMonth" => Part::DayOfMonth,
        "getDayOfWeek" => Part::DayOfWeek,
        "getDayOfYear" => Part::DayOfYear,
        "getHours" => Part::Hours,
        "getMinutes" => Part::Minutes,
        "getSeconds" => Part::Seconds,
        _ => return None,
    })
}

impl Checker<'_> {
    pub(super) fn call(&mut self, id: u64, call: &CallExpr) -> Option<Typed> {
        let token = self.place(id);
        let name = call.func_name.as_str();
        if call.target.is_none()
            && let Some(done) = self.operator(token, name, &call.args)
        {
            return done;
        }
        let word = self.before(token, name);
        match (name, call.target.as_deref(), call.args.as_slice()) {
            ("has", None, [part]) => {
                let mut typed = self.has(word, part)?;
                typed.node.at = Place::new(word.start as usize, self.close(typed.node.at.end as usize));
                Some(typed)
            }
            ("size", Some(of), []) | ("size", None, [of]) => self.size(word, of),
            ("matches", Some(text), [pattern]) | ("matches", None, [text, pattern]) => {
                self.matches(word, text, pattern)
            }
            (_, Some(range), arguments) if self.loop_kind(name, arguments).is_some() => {
                self.repeat(word, name, range, arguments)
            }
            (_, Some(text), [sought]) if let Some(search) = search(name) => self.search(word, search, text, sought),
            (_, None, [of]) if let Some((convert, into)) = convert(name) => self.convert(word, convert, into, of),
            (_, Some(time), zone)
                if zone.len() < 2
                    && let Some(part) = part_of_time(name) =>
            {
                self.part_of_time(word, part, time, zone.first())
            }
            _ => self.no_such(word, name),
        }
    }

    fn no_such(&mut self, word: Place, name: &str) -> Option<Typed> {
        if let Some(known) = FUNCTIONS.iter().find(|known| known.name == name) {
            return self.flaw(word, format!("{name}() is written {}", known.written));
        }
        let names = FUNCTIONS.each_ref().map(|known| known.name);
        self.flaw(word, format!("there is no {name}(); there are {}", listed(&names)))
    }

    fn size(&mut self, word: Place, of: &Syntax) -> Option<Typed> {
        let Typed { node, of, .. } = self.part(of)?;
        if !matches!(of, Type::Dynamic | Type::Text | Type::List(_) | Type::Map(..)) {
            let shown = self.shown(node.at);
            return self.flaw(node.at, format!("`{shown}` is of type {of}; size() takes a string, a list or a map"));
        }
        self.called(word, node.at, What::Size(Box::new(node)), Type::Int)
    }

    fn search(&mut self, word: Place, search: Search, text: &Syntax, sought: &Syntax) -> Option<Typed> {
        let text = self.part(text).and_then(|text| self.text(word, text));
        let sought = self.part(sought).and_then(|sought| self.text(word, sought));
        let (text, sought) = (text?, sought?);
        let at = text.at.to(sought.at);
        self.called(word, at, What::Search(search, Box::new((text, sought))), Type::Bool)
    }

    fn matches(&mut self, word: Place, text: &Syntax, pattern: &Syntax) -> Option<Typed> {
        let text = self.part(text).and_then(|text| self.text(word, text));
        let at = self.place(pattern.id);
        let Expr::Literal(LiteralValue::String(pattern)) = &pattern.expr else {
            let at = self.part(pattern)?.node.at;
            return self.flaw(at, "a pattern is written out, so that it is known before there is a message".to_owned());
        };
        let compiled = match Pattern::compile(pattern.inner()) {
            Ok(compiled) => compiled,
            Err(message) => return self.flaw(at, message),
        };
        let text = text?;
        let at = text.at.to(at);
        self.called(word, at, What::Matches(Box::new((text, compiled))), Type::Bool)
    }

    fn convert(&mut self, word: Place, convert: Convert, into: Type, part: &Syntax) -> Option<Typed> {
        let Typed { node, of, .. } = self.part(part)?;
        let number = of.is_number();
        let may = match convert {
            _ if of == Type::Dynamic || of == into || of == Type::Text => true,
            Convert::Bool | Convert::Time => false,
            Convert::Int => number || of == Type::Time,
            Convert::Uint | Convert::Double => number,
            Convert::Text => number || matches!(of, Type::Bool | Type::Time),
        };
        if !may {
            let shown = self.shown(node.at);
            return self.flaw(node.at, format!("`{shown}` is of type {of}, which does not become {into}"));
        }
        // Written out, it is known now whether it is one.
        if let (Convert::Time, What::Text(text)) = (convert, &node.what) {
            let Some(time) = calendar::parse(text) else {
                return self.flaw(node.at, "this is no time of RFC 3339, as 2026-12-24T18:00:00Z".to_owned());
            };
            return self.called(word, node.at, What::Time(time), Type::Time);
        }
        self.called(word, node.at, What::Convert(convert, Box::new(node)), into)
    }

    fn part_of_time(&mut self, word: Place, part: Part, time: &Syntax, zone: Option<&Syntax>) -> Option<Typed> {
        let Typed { node, of, .. } = self.part(time)?;
        if of != Type::Time {
            let shown = self.shown(node.at);
            return self.flaw(
                node.at,
                format!("`{shown}` is of type {of}; to take a time apart, it is made one with timestamp(...)"),
            );
        }
        let mut offset = 0;
        let mut at = node.at;
        if let Some(zone) = zone {
            let place = self.place(zone.id);
            let known = match &zone.expr {
                Expr::Literal(LiteralValue::String(zone)) => calendar::zone(zone.inner()),
                _ => None,
            };
            let Some(known) = known else {
                return self.flaw(
                    place,
                    "a time zone is written as '+02:00' or 'UTC'; names of places are not known".to_owned(),
                );
            };
            offset = known;
            at = at.to(place);
        }
        self.called(word, at, What::Part(part, Box::new(node), offset), Type::Int)
    }

    /// What must be a string.
    fn text(&mut self, word: Place, part: Typed) -> Option<Node> {
        if part.of.may_be(&Type::Text) {
            return Some(part.node);
        }
        let (shown, name) = (self.shown(part.node.at), self.shown(word));
        self.flaw(part.node.at, format!("`{shown}` is of type {}; {name}() takes strings", part.of))
    }

    /// The call of a function that stands at `word`, whose operands end with `inner`.
    pub(super) fn called(&self, word: Place, inner: Place, what: What, of: Type) -> Option<Typed> {
        let at = word.to(inner);
        let at = Place::new(at.start as usize, self.close(at.end as usize));
        Some(Typed { node: Node { at, what }, of, sent: false })
    }
}
