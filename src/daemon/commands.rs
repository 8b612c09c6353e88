//! Operators' commands, one by one. Nothing here takes long: a reload waits for another elsewhere.

use tokio::sync::{mpsc, oneshot};

use crate::model::stored::{RuleAnswer, RuleOrder, Unruled};
use crate::model::{Command, Generation, Undone};
use crate::telemetry::log::LogControl;

use super::keys::Keys;

/// Where the answer to a reload goes.
pub(super) type Asked = oneshot::Sender<Result<Generation, Undone>>;

/// What is asked of stored rules, and where the answer goes.
pub(super) type Ruled = (RuleOrder, oneshot::Sender<Result<RuleAnswer, Unruled>>);

/// Takes commands for as long as there is anybody to give them. Whoever gave one may have gone.
pub(super) async fn obey(
    mut commands: mpsc::Receiver<Command>,
    log: LogControl,
    keys: Keys,
    reloads: mpsc::Sender<Asked>,
    rules: mpsc::Sender<Ruled>,
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
            Command::Rules(order, answer) => {
                if let Err(
                    mpsc::error::TrySendError::Full((_, answer)) | mpsc::error::TrySendError::Closed((_, answer)),
                ) = rules.try_send((order, answer))
                {
                    let _ = answer.send(Err(Unruled::Undone(Undone::Busy)));
                }
            }
            Command::Keys(order, answer) => keys.obey(order, answer),
            Command::Backup(to, answer) => keys.back_up(to, answer),
        }
    }
}
