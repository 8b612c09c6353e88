//! What a command is started with, and how that is written for the shim.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::errors::SpawnError;
use super::wire::Reader;

/// The most that a program, its arguments, its environment and its directory may take, written down.
const MOST: usize = 128 * 1024;

/// A command, without a shell: the program is looked up in the `PATH` of *this* environment, and nothing is inherited.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// A name, or a path if a `/` is in it; a relative one counts from `directory`.
    pub program: String,
    /// What follows the program.
    pub arguments: Vec<String>,
    /// The whole environment. A value may be a secret.
    pub environment: Vec<(String, Zeroizing<String>)>,
    /// Where it runs; the daemon's own directory if there is none.
    pub directory: Option<PathBuf>,
    /// What it may take.
    pub limits: ProcessLimits,
}

/// Limits as the kernel has them: each holds for one process, and children inherit it. None may be above the daemon's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Bytes of writable private memory (`RLIMIT_DATA`: heap, anonymous mappings, stacks of threads). The address space
    /// (`RLIMIT_AS`) is no measure: V8, Go and the JVM reserve gigabytes that they never touch. Shared memory does not
    /// count. A process that asks for more is refused, and ends as its language sees fit.
    pub memory: Option<u64>,
    /// Open files (`RLIMIT_NOFILE`). Without it, 1024 that the command may raise as far as the daemon could: the
    /// daemon's own limit would be a burden, since some programs close each descriptor that could be open.
    pub files: Option<u64>,
    /// Processes and threads (`RLIMIT_NPROC`). The kernel counts those of the *user*, whoever started them, and spares
    /// root: to mean something, the daemon has a user of its own.
    pub processes: Option<u64>,
}

impl CommandLine {
    /// For the shim.
    pub(super) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, SpawnError> {
        let directory = self.directory.as_ref().map_or(Some(""), |path| path.to_str());
        let directory = directory.ok_or(SpawnError::Unusable("the directory's path is not UTF-8"))?;
        self.check(directory)?;
        // With room for it all: a buffer that grows leaves what it held behind.
        let mut out = Zeroizing::new(Vec::with_capacity(self.encoded(directory)));
        for limit in [self.limits.memory, self.limits.files, self.limits.processes] {
            out.extend(limit.unwrap_or(u64::MAX).to_le_bytes());
        }
        put(&mut out, directory);
        put(&mut out, &self.program);
        out.extend((self.arguments.len() as u32).to_le_bytes());
        self.arguments.iter().for_each(|argument| put(&mut out, argument));
        out.extend((self.environment.len() as u32).to_le_bytes());
        for (name, value) in &self.environment {
            put(&mut out, name);
            put(&mut out, value);
        }
        if out.len() > MOST { Err(SpawnError::TooLong { bytes: out.len(), most: MOST }) } else { Ok(out) }
    }

    /// What [`CommandLine::encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let mut limit = || from.u64().map(|limit| (limit != u64::MAX).then_some(limit));
        let limits = ProcessLimits { memory: limit()?, files: limit()?, processes: limit()? };
        let directory = from.text()?;
        let program = from.text()?;
        let arguments = (0..from.u32()?).map(|_| from.text()).collect::<Option<_>>()?;
        let environment =
            (0..from.u32()?).map(|_| Some((from.text()?, Zeroizing::new(from.text()?)))).collect::<Option<_>>()?;
        let directory = (!directory.is_empty()).then(|| directory.into());
        from.0.is_empty().then_some(Self { program, arguments, environment, directory, limits })
    }

    /// The value of a name in its environment; of the last one, where there are several, as the command gets it.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// How many bytes [`CommandLine::encode`] takes, or a few more.
    fn encoded(&self, directory: &str) -> usize {
        let variables = self.environment.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let texts = self.arguments.iter().map(String::as_str).chain(variables);
        texts.chain([directory, &self.program]).map(|text| text.len() + size_of::<u32>()).sum::<usize>() + 64
    }

    fn check(&self, directory: &str) -> Result<(), SpawnError> {
        if self.program.is_empty() {
            return Err(SpawnError::Unusable("the program has no name"));
        }
        let mut texts = self.arguments.iter().map(String::as_str).chain([directory, &self.program]);
        if texts.any(|text| text.contains('\0')) {
            return Err(SpawnError::Unusable("a NUL character is in the program, an argument or the directory"));
        }
        let mut pairs = self.environment.iter();
        if pairs.any(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')) {
            return Err(SpawnError::Unusable("a variable has no name, a `=` in its name, or a NUL character in it"));
        }
        Ok(())
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

/// Arguments and the values of variables may be secrets.
impl std::fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandLine")
            .field("program", &self.program)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> CommandLine {
        CommandLine {
            program: "npx".into(),
            arguments: vec!["-y".into(), String::new(), "ü".into()],
            environment: vec![("PATH".into(), "/bin".to_owned().into()), ("EMPTY".into(), Zeroizing::default())],
            directory: Some("/tmp".into()),
            limits: ProcessLimits { memory: Some(1 << 30), files: None, processes: Some(0) },
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = line().encode().unwrap();
        assert!(CommandLine::decode(&bytes).unwrap() == line());
        for end in 0..bytes.len() {
            assert!(CommandLine::decode(&bytes[..end]).is_none(), "cut at {end}");
        }
    }

    #[test]
    fn what_no_command_can_be_started_with_is_refused() {
        let refused = |change: fn(&mut CommandLine)| {
            let mut line = line();
            change(&mut line);
            line.encode().unwrap_err().to_string()
        };
        assert_eq!(refused(|line| line.program.clear()), "the program has no name");
        assert!(refused(|line| line.arguments.push("a\0b".into())).contains("NUL"));
        assert!(refused(|line| line.environment.push(("A=B".into(), "c".to_owned().into()))).contains("variable"));
        let long = refused(|line| line.arguments.push("x".repeat(MOST)));
        assert!(long.contains("131072"), "{long}");
    }

    #[test]
    fn neither_arguments_nor_values_are_shown() {
        let shown = format!("{:?}", line());
        assert!(shown.contains("npx") && !shown.contains("-y") && !shown.contains("/bin"), "{shown}");
    }
}
