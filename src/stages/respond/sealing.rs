//! What of a server's words a client brings back is sealed for it, by splicing: cursors, `requestState`, task ids.
//!
//! | message | what is sealed |
//! | --- | --- |
//! | answer | `nextCursor` of a list; `requestState`; `taskId`, `task.taskId`, `tasks[].taskId` |
//! | `notifications/tasks`, `notifications/tasks/status` | `taskId`, `requestState` |
//! | `notifications/subscriptions/acknowledged` | `notifications.taskIds[]` |
//! | any but an error | `_meta["io.modelcontextprotocol/related-task"].taskId` |
//!
//! A server's own requests about a client's tasks (2025-11-25) name ids of that client: they pass. So do `null` and the
//! empty string, which say that there is nothing to bring back. The reader has noted the places on its way, so that an
//! answer without any costs a few comparisons.

use std::rc::Rc;

use crate::catalog::respelt;
use crate::model::Principal;
use crate::protocol::json::{self, Kind, Span, Value};
use crate::protocol::message::{self, Body, Message};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::seal::{Binder, Opaque};

/// For whom, and with what.
#[derive(Clone, Debug)]
pub(super) struct Sealing {
    binder: Rc<Binder>,
    principal: Principal,
}

/// Where it is, and the text in its place.
type Places = Vec<(Span, Vec<u8>)>;

impl Sealing {
    pub(super) fn new(binder: Rc<Binder>, principal: Principal) -> Self {
        Self { binder, principal }
    }

    /// A body that was read from `bytes`, sealed; `None` where nothing in it has to be.
    pub(super) fn seal(&self, method: Option<Method>, body: &Body, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut places = Vec::new();
        match body {
            Body::One(message) => self.message(method, message, bytes, &mut places),
            Body::Batch(messages) => messages.iter().for_each(|one| self.message(None, one, bytes, &mut places)),
        }
        if places.is_empty() {
            return None;
        }
        places.sort_unstable_by_key(|(span, _)| span.start);
        Some(respelt(bytes, &places))
    }

    fn message(&self, method: Option<Method>, message: &Message, bytes: &[u8], places: &mut Places) {
        let fields = &message.fields;
        match message.kind {
            message::Kind::Answer => self.answer(method, message, bytes, places),
            message::Kind::Notification => {
                let told = |name: &str| message.method.is_some_and(|method| method.is(bytes, name));
                if fields.task_id.is_some() && (told("notifications/tasks") || told("notifications/tasks/status")) {
                    self.place(Opaque::Task, fields.task_id, bytes, places);
                    self.place(Opaque::State, fields.request_state, bytes, places);
                } else if told("notifications/subscriptions/acknowledged") {
                    let filter = message.params.and_then(|params| json::member(bytes, params.span, "notifications"));
                    let lists = filter.into_iter().flat_map(|filter| json::members(bytes, filter.span));
                    for (_, ids) in lists.filter(|(key, _)| key.is(bytes, "taskIds")) {
                        json::elements(bytes, ids.span)
                            .for_each(|id| self.place(Opaque::Task, Some(id), bytes, places));
                    }
                }
            }
            message::Kind::Request => {}
            message::Kind::Error => return,
        }
        self.task(message.meta.related_task, bytes, places);
    }

    fn answer(&self, method: Option<Method>, message: &Message, bytes: &[u8], places: &mut Places) {
        let fields = &message.fields;
        // What is listed in pages is known of the known methods; what a stream replays may be any of them.
        if method.is_none_or(Method::lists) {
            self.place(Opaque::Cursor, fields.cursor, bytes, places);
        }
        self.place(Opaque::State, fields.request_state, bytes, places);
        self.place(Opaque::Task, fields.task_id, bytes, places);
        self.task(fields.task, bytes, places);
        if let Some(result) = message.result.filter(|_| method.is_none_or(|method| method == Method::TasksList))
            && let Some(tasks) = json::member(bytes, result.span, "tasks")
        {
            json::elements(bytes, tasks.span).for_each(|task| self.task(Some(task), bytes, places));
        }
    }

    /// The `taskId` of an object; below what is read strictly a key may repeat, and each is sealed.
    fn task(&self, task: Option<Value>, bytes: &[u8], places: &mut Places) {
        let members = task.into_iter().flat_map(|task| json::members(bytes, task.span));
        for (_, id) in members.filter(|(key, _)| key.is(bytes, "taskId")) {
            self.place(Opaque::Task, Some(id), bytes, places);
        }
    }

    fn place(&self, what: Opaque, value: Option<Value>, bytes: &[u8], places: &mut Places) {
        let Some(value) = value.filter(|value| value.kind != Kind::Null && value.raw(bytes) != b"\"\"") else { return };
        let key = self.principal.key();
        let sealed = match value.text(bytes).filter(|_| what == Opaque::Task) {
            Some(id) => self.binder.seal(what, key, json::quoted(&id).as_bytes()),
            None => self.binder.seal(what, key, value.raw(bytes)),
        };
        places.push((value.span, format!("\"{sealed}\"").into_bytes()));
    }
}

/// Whether an answer may hold what is sealed, so that it must not pass unread, in whatever coding. `task`: it was asked
/// to become a task of 2025-11-25.
pub fn may_hold(method: Option<Method>, era: Era, task: bool) -> bool {
    match method {
        None => true,
        Some(Method::ToolsCall) => era == Era::Modern || task,
        Some(Method::PromptsGet | Method::ResourcesRead) => era == Era::Modern,
        Some(method) => is_read_whole(Some(method)),
    }
}

/// Whether an answer that may hold what is sealed is read whole, however long it is: lists, and what is said of tasks.
pub(super) fn is_read_whole(method: Option<Method>) -> bool {
    use Method::{TasksCancel, TasksGet, TasksResult, TasksUpdate};
    method.is_none_or(|method| method.lists() || matches!(method, TasksGet | TasksResult | TasksUpdate | TasksCancel))
}
