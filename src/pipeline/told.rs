//! What a message is to the expressions of rules: each look-up is made where one asks for it.

use std::cell::OnceCell;
use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;

use crate::catalog::{Catalog, ToolRef};
use crate::model::grants::Named;
use crate::model::{Principal, clock};
use crate::protocol::json::{Kind, Span, Value};
use crate::protocol::message::Message;
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::stages::rules::Said;
use crate::stages::rules::expression::{Facts, Json, Tool};
use crate::stages::wellformed::WellFormed;

use super::exchange::Exchange;

/// One message, or one name that it has.
pub(super) struct Told<'a> {
    catalog: &'a Catalog,
    path: &'a str,
    /// The place of the server, and its name.
    server: (usize, &'a str),
    headers: &'a HeaderMap,
    address: Option<IpAddr>,
    pub(super) principal: &'a Principal,
    pub(super) said: Said<'a>,
    pub(super) named: Option<(Named, &'a str)>,
    message: Option<(&'a Message, &'a WellFormed)>,
    tool: OnceCell<Option<ToolRef>>,
    /// What is known of tools does not count: it has changed, and cannot be read.
    is_outdated: bool,
    time: OnceCell<i64>,
}

/// What a message comes with.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) catalog: &'a Catalog,
    /// The path of its route.
    pub(super) path: &'a str,
    /// The place of the server, and its name.
    pub(super) server: (usize, &'a str),
    pub(super) headers: &'a HeaderMap,
    /// Where it comes from; `None` over a Unix socket.
    pub(super) address: Option<IpAddr>,
}

impl<'a> Around<'a> {
    pub(super) fn of<P>(exchange: &'a Exchange<'_, P>) -> Self {
        let Exchange { core, route, headers, peer, .. } = exchange;
        let server = (route.server, core.servers[route.server].name.as_str());
        Self { catalog: &core.catalog, path: &route.path, server, headers, address: peer.remote.ip() }
    }
}

impl<'a> Told<'a> {
    pub(super) fn of<P>(
        exchange: &'a Exchange<'_, P>,
        principal: &'a Principal,
        said: Said<'a>,
        named: Option<(Named, &'a str)>,
        message: Option<(&'a Message, &'a WellFormed)>,
    ) -> Self {
        Self::in_place(Around::of(exchange), principal, said, named, message)
    }

    /// The same of one that is not under way.
    pub(super) fn in_place(
        around: Around<'a>,
        principal: &'a Principal,
        said: Said<'a>,
        named: Option<(Named, &'a str)>,
        message: Option<(&'a Message, &'a WellFormed)>,
    ) -> Self {
        let Around { catalog, path, server, headers, address } = around;
        let (tool, time) = (OnceCell::new(), OnceCell::new());
        Self {
            catalog,
            path,
            server,
            headers,
            address,
            principal,
            said,
            named,
            message,
            tool,
            is_outdated: false,
            time,
        }
    }

    /// The same, to which what is known of tools does not count, or does.
    pub(super) fn outdated(self, is_outdated: bool) -> Self {
        Self { is_outdated, ..self }
    }

    /// Whether an expression has asked for the definition of the tool.
    pub(super) fn asks_for_tool(&self) -> bool {
        self.tool.get().is_some()
    }

    /// Whether it has asked in vain.
    pub(super) fn lacks_tool(&self) -> bool {
        matches!(self.tool.get(), Some(None))
    }

    fn name_of(&self, wanted: impl Fn(Named) -> bool) -> &str {
        self.named.filter(|(named, _)| wanted(*named)).map_or("", |(_, name)| name)
    }
}

impl Facts for Told<'_> {
    fn principal(&self) -> &Principal {
        self.principal
    }

    fn method(&self) -> &str {
        self.said.text()
    }

    fn name(&self) -> &str {
        self.name_of(|named| named != Named::Resource)
    }

    fn uri(&self) -> &str {
        self.name_of(|named| named == Named::Resource)
    }

    fn era(&self) -> Era {
        self.message.map_or(Era::Legacy, |(_, read)| read.era())
    }

    fn tool(&self) -> Tool<'_> {
        if self.said != Said::Method(Method::ToolsCall) {
            return Tool::None;
        }
        let known = || self.catalog.tool(self.server.0, self.name()).filter(|_| !self.is_outdated);
        let found = self.tool.get_or_init(known);
        let Some(about) = found.as_ref().map(|tool| &*tool.about) else { return Tool::Unknown };
        let span = Span { start: 0, end: u32::try_from(about.len()).unwrap_or(0) };
        Tool::Known(Json { bytes: about, value: Value { span, kind: Kind::Object, escaped: false }, marks: &[] })
    }

    fn arguments(&self) -> Option<Json<'_>> {
        let (message, read) = self.message?;
        Some(Json { bytes: read.bytes(), value: message.fields.arguments?, marks: message.marks.all() })
    }

    fn path(&self) -> &str {
        self.path
    }

    fn route(&self) -> &str {
        self.path
    }

    /// What comes over a Unix socket comes from this machine.
    fn address(&self) -> IpAddr {
        self.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn headers(&self) -> &HeaderMap {
        self.headers
    }

    fn server(&self) -> &str {
        self.server.1
    }

    fn time(&self) -> i64 {
        *self.time.get_or_init(|| i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX))
    }
}
