//! Operators' commands, one by one. Nothing here takes long: a reload waits for another elsewhere.

use tokio::sync::{mpsc, oneshot};

use crate::model::{Command, Generation, Undone};
use crate::telemetry::log::LogControl;

use super::keys::Keys;

/// Where the answer to a reload goes.
pub(super) type Asked = oneshot::Sender<Result<Generation, Undone>>;

/// Takes commands for as long as there is anybody to give them. Whoever gave one may have gone.
pub(super) async fn obey(
    mut commands: mpsc::Receiver<Command>,
    log: LogControl,
    keys: Keys,
    reloads: mpsc::Sender<Asked>,
) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Reload(answer) => {
                if let Err(mpsc::error::TrySendError::Full(answer) | mpsc::error::TrySendError::Closed(answer)) =
                    reloads.try_send(answer)
                {
                    let _ = answer.send(Err(Undone::Busy));
                }
            }
            Command::LogLevel(level, answer) => {
                let set = log.set_level(&level).map(str::to_owned).map_err(Undone::Refused);
                if set.is_ok() {
                    tracing::info!(level, "an operator set the level of the log");
                }
                let _ = answer.send(set);
            }
            Command::Keys(order, answer) => keys.obey(order, answer),
            Command::Backup(to, answer) => keys.back_up(to, answer),
        }
    }
}
