//! What a shim tells the daemon before it becomes the command, and why it did not.

use std::io;

use rustix::io::Errno;

use super::command_line::CommandLine;
use super::errors::SpawnError;
use super::wire::Reader;

/// It is about to become the command: whatever ends the socket behind this, the command has begun.
pub(super) const READY: u8 = b'R';

/// What went wrong last, with the error's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Memory,
    Files,
    Processes,
    Directory,
    Find,
    Run,
}

const STEPS: [Step; 6] = [Step::Memory, Step::Files, Step::Processes, Step::Directory, Step::Find, Step::Run];

/// What is said when it fails.
pub(super) fn encode(step: Step, error: &io::Error) -> [u8; 5] {
    let mut bytes = [step as u8; 5];
    bytes[1..].copy_from_slice(&error.raw_os_error().unwrap_or(Errno::INVAL.raw_os_error()).to_le_bytes());
    bytes
}

/// What all that was said means; nothing is wrong if it got ready and said no more.
pub(super) fn understand(said: &[u8], line: &CommandLine) -> Result<(), SpawnError> {
    let rest = match said {
        [READY] => return Ok(()),
        [READY, rest @ ..] => rest,
        rest => rest,
    };
    let failed = rest.split_first().and_then(|(step, error)| {
        let error = io::Error::from_raw_os_error(Reader(error).u32()? as i32);
        Some((*STEPS.get(usize::from(*step))?, error))
    });
    let Some((step, error)) = failed else { return Err(SpawnError::Ended) };
    let limit = |name, value: Option<u64>, error| SpawnError::Limit(name, value.unwrap_or_default(), error);
    Err(match step {
        Step::Memory => limit("memory", line.limits.memory, error),
        Step::Files => limit("files", line.limits.files, error),
        Step::Processes => limit("processes", line.limits.processes, error),
        Step::Directory => SpawnError::Directory(line.directory.clone().unwrap_or_default(), error),
        Step::Find => {
            let path = line.variable("PATH").filter(|_| !line.program.contains('/')).map(str::to_owned);
            SpawnError::NotFound { program: line.program.clone(), path }
        }
        Step::Run => SpawnError::NotRun(line.program.clone(), error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> CommandLine {
        CommandLine {
            program: "npx".into(),
            environment: vec![("PATH".into(), "/a:/b".to_owned().into())],
            directory: Some("/nowhere".into()),
            ..CommandLine::default()
        }
    }

    #[test]
    fn each_step_is_told_in_its_words() {
        let told = |step, error: Errno| {
            let said = [&[READY][..], &encode(step, &error.into())].concat();
            understand(&said, &line()).unwrap_err().to_string()
        };
        assert_eq!(told(Step::Find, Errno::NOENT), "command not found: npx; PATH is /a:/b");
        assert!(told(Step::Run, Errno::ACCESS).starts_with("npx cannot be run: Permission denied"));
        assert!(told(Step::Directory, Errno::NOENT).starts_with("directory /nowhere cannot be entered: No such file"));
        assert!(told(Step::Files, Errno::PERM).starts_with("the limit of files cannot be 0: Operation not permitted"));
    }

    #[test]
    fn silence_is_no_success() {
        assert!(understand(&[READY], &line()).is_ok());
        for said in [&[][..], &[READY, 1], &[READY, 99, 0, 0, 0, 0]] {
            assert!(matches!(understand(said, &line()), Err(SpawnError::Ended)), "{said:?}");
        }
    }
}
