//! The members of `params` and of `_meta` that anyone needs.

use crate::protocol::json::{self, Kind, Value};

/// Members of `params`, whatever kind they are: who needs a string asks [`Value::text`]. Of an answer of a server: those
/// members of `result` that a client brings back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// `name`: the tool or prompt.
    pub name: Option<Value>,
    /// `uri`: the resource.
    pub uri: Option<Value>,
    /// `taskId`.
    pub task_id: Option<Value>,
    /// `task`: what is to become a task (2025-11-25), or has become one.
    pub task: Option<Value>,
    /// `arguments`.
    pub arguments: Option<Value>,
    /// `_meta`; its members are in [`Meta`] where it is an object.
    pub meta: Option<Value>,
    /// `cursor`; of a result, `nextCursor`.
    pub cursor: Option<Value>,
    /// `requestState`.
    pub request_state: Option<Value>,
    /// `inputResponses`.
    pub input_responses: Option<Value>,
    /// `protocolVersion` (`initialize`).
    pub protocol_version: Option<Value>,
    /// `capabilities` (`initialize`).
    pub capabilities: Option<Value>,
    /// `requestId` (`notifications/cancelled`).
    pub request_id: Option<Value>,
    /// `progressToken` (`notifications/progress`).
    pub progress_token: Option<Value>,
}

/// Members of the `_meta` of `params`, or of `result` in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// `io.modelcontextprotocol/protocolVersion`.
    pub protocol_version: Option<Value>,
    /// `io.modelcontextprotocol/clientCapabilities`.
    pub client_capabilities: Option<Value>,
    /// `io.modelcontextprotocol/clientInfo`.
    pub client_info: Option<Value>,
    /// `io.modelcontextprotocol/logLevel`.
    pub log_level: Option<Value>,
    /// `io.modelcontextprotocol/subscriptionId`.
    pub subscription_id: Option<Value>,
    /// `io.modelcontextprotocol/related-task`.
    pub related_task: Option<Value>,
    /// `progressToken`.
    pub progress_token: Option<Value>,
}

impl Fields {
    /// Where the member `key` is kept; `None` if it is none of these.
    #[inline]
    pub(super) fn slot(&mut self, key: &[u8]) -> Option<&mut Option<Value>> {
        Some(match key {
            b"name" => &mut self.name,
            b"uri" => &mut self.uri,
            b"taskId" => &mut self.task_id,
            b"task" => &mut self.task,
            b"arguments" => &mut self.arguments,
            b"_meta" => &mut self.meta,
            b"cursor" => &mut self.cursor,
            b"requestState" => &mut self.request_state,
            b"inputResponses" => &mut self.input_responses,
            b"protocolVersion" => &mut self.protocol_version,
            b"capabilities" => &mut self.capabilities,
            b"requestId" => &mut self.request_id,
            b"progressToken" => &mut self.progress_token,
            _ => return None,
        })
    }

    /// Where the member `key` of a `result` is kept; `None` if it is none of these.
    #[inline]
    pub(super) fn slot_of_result(&mut self, key: &[u8]) -> Option<&mut Option<Value>> {
        Some(match key {
            b"nextCursor" => &mut self.cursor,
            b"requestState" => &mut self.request_state,
            b"taskId" => &mut self.task_id,
            b"task" => &mut self.task,
            _ => return None,
        })
    }
}

impl Meta {
    /// Whether none of these members is in a `_meta` that has passed [`json::check`].
    pub(super) fn is_none_of(bytes: &[u8], meta: Value) -> bool {
        let kept = |key: Value| Self::default().slot(&key.content(bytes)).is_some();
        meta.kind != Kind::Object || !json::members(bytes, meta.span).any(|(key, _)| kept(key))
    }

    /// Where the member `key` is kept; `None` if it is none of these.
    #[inline]
    pub(super) fn slot(&mut self, key: &[u8]) -> Option<&mut Option<Value>> {
        if key == b"progressToken" {
            return Some(&mut self.progress_token);
        }
        Some(match key.strip_prefix(b"io.modelcontextprotocol/")? {
            b"protocolVersion" => &mut self.protocol_version,
            b"clientCapabilities" => &mut self.client_capabilities,
            b"clientInfo" => &mut self.client_info,
            b"logLevel" => &mut self.log_level,
            b"subscriptionId" => &mut self.subscription_id,
            b"related-task" => &mut self.related_task,
            _ => return None,
        })
    }
}
