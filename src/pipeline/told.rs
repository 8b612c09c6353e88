//! What a message is to the expressions of rules: each look-up is made where one asks for it.

use std::cell::OnceCell;
use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;

use crate::catalog::ToolRef;
use crate::model::grants::Named;
use crate::model::{Principal, clock};
use crate::protocol::json::{Kind, Span, Value};
use crate::protocol::message::Message;
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::stages::rules::Said;
use crate::stages::rules::expression::{Facts, Json, Tool};
use crate::stages::wellformed::WellFormed;

use super::core::{Core, Route};
use super::exchange::Exchange;

/// One message, or one name that it has.
pub(super) struct Told<'a> {
    core: &'a Core,
    route: &'a Route,
    headers: &'a HeaderMap,
    address: Option<IpAddr>,
    pub(super) principal: &'a Principal,
    pub(super) said: Said<'a>,
    pub(super) named: Option<(Named, &'a str)>,
    message: Option<(&'a Message, &'a WellFormed)>,
    tool: OnceCell<Option<ToolRef>>,
    time: OnceCell<i64>,
}

impl<'a> Told<'a> {
    pub(super) fn of<P>(
        exchange: &'a Exchange<'_, P>,
        principal: &'a Principal,
        said: Said<'a>,
        named: Option<(Named, &'a str)>,
        message: Option<(&'a Message, &'a WellFormed)>,
    ) -> Self {
        let Exchange { core, route, headers, peer, .. } = exchange;
        let (tool, time) = (OnceCell::new(), OnceCell::new());
        Self { core, route, headers, address: peer.remote.ip(), principal, said, named, message, tool, time }
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
        let found = self.tool.get_or_init(|| self.core.catalog.tool(self.route.server, self.name()));
        let Some(about) = found.as_ref().map(|tool| &*tool.about) else { return Tool::Unknown };
        let span = Span { start: 0, end: u32::try_from(about.len()).unwrap_or(0) };
        Tool::Known(Json { bytes: about, value: Value { span, kind: Kind::Object, escaped: false } })
    }

    fn arguments(&self) -> Option<Json<'_>> {
        let (message, read) = self.message?;
        Some(Json { bytes: read.bytes(), value: message.fields.arguments? })
    }

    fn path(&self) -> &str {
        &self.route.path
    }

    fn route(&self) -> &str {
        &self.route.path
    }

    /// What comes over a Unix socket comes from this machine.
    fn address(&self) -> IpAddr {
        self.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn headers(&self) -> &HeaderMap {
        self.headers
    }

    fn server(&self) -> &str {
        &self.core.servers[self.route.server].name
    }

    fn time(&self) -> i64 {
        *self.time.get_or_init(|| i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX))
    }
}
