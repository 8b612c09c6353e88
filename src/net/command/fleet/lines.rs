//! What processes say, as their fleet takes it.

use std::rc::Rc;
use std::sync::Arc;

use super::super::exchange::Queue;
use super::super::hear::Heard;
use super::super::process::Process;
use super::super::traffic::Call;
use super::Fleet;
use super::refusals::bad_answer;

impl Fleet {
    /// Takes a line of a process.
    pub(in crate::net::command) fn hear(&mut self, process: &Rc<Process>, line: &[u8]) {
        let heard = process.traffic.borrow_mut().hear(&mut self.sessions, line);
        if !process.spoke() {
            self.trouble.works();
        }
        match heard {
            Heard::Fine => {}
            Heard::NotOpened(sessions) => {
                for session in sessions {
                    self.sessions.remove(&session);
                }
                let dedicated = process.traffic.borrow().is_dedicated();
                if dedicated {
                    self.dismiss(process, "the server refused to open a session");
                }
            }
            Heard::Broken(why) => self.broken(process, line, &why),
        }
    }

    /// A line that is no message. One that began as one may have been an answer, and whose cannot be told.
    fn broken(&mut self, process: &Process, line: &[u8], why: &str) {
        self.count.bad_line();
        let server = &*self.spec.name;
        if process.is_first_bad_line() {
            let begins = String::from_utf8_lossy(&line[..line.len().min(80)]);
            tracing::warn!(server, pid = process.pid(), why, begins = ?begins, "a command wrote a line that is no message; it was dropped, and others like it will be");
        }
        if matches!(line.first(), Some(b'{' | b'[')) {
            let refusal = |call: &Call| bad_answer(call, "the server's command wrote a message that cannot be read");
            process.traffic.borrow_mut().refuse_calls(&refusal, &mut self.sessions);
        }
    }

    /// A line that is too long: what it was cannot be told, nor what the process thinks of it.
    pub(in crate::net::command) fn overlong(&mut self, process: &Rc<Process>) {
        self.count.bad_line();
        let refusal =
            |call: &Call| bad_answer(call, "the server's command wrote more in a line than `[http] event` allows");
        process.traffic.borrow_mut().refuse_calls(&refusal, &mut self.sessions);
        self.dismiss(process, "it wrote a line longer than [http] event allows");
    }

    /// See [`Traffic::choked`].
    pub(in crate::net::command) fn choked(&self, process: &Process) -> Option<Arc<Queue>> {
        process.traffic.borrow().choked(&self.sessions)
    }
}
