//! A server on a pipe, for the clients that run in this process.

use std::{
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
};

use tokio::net::unix::pipe::{Receiver, Sender};

/// The server's process, dead when dropped.
pub(super) struct Piped(Child);

impl Piped {
    /// Starts it; gives what it writes, and what it reads.
    pub(super) fn start(like: &Command) -> (Self, (Receiver, Sender)) {
        let mut command = Command::new(like.get_program());
        command.args(like.get_args()).envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(directory) = like.get_current_dir() {
            command.current_dir(directory);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let writes = OwnedFd::from(child.stdout.take().expect("stdout is piped"));
        let reads = OwnedFd::from(child.stdin.take().expect("stdin is piped"));
        let ends = (Receiver::from_owned_fd(writes), Sender::from_owned_fd(reads));
        (Self(child), (ends.0.expect("it is a pipe"), ends.1.expect("it is a pipe")))
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // Both fail only if it has ended already, and that is what they are for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
