//! A schema as its server's list has it, and what was compiled of it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Schema, Unusable, check::LONGEST};

/// A schema of a tool's definition. It is compiled when somebody first asks for it, once for all cores.
#[derive(Debug)]
pub struct Definition {
    /// Empty where it is too long to be kept: no schema is empty.
    text: Box<[u8]>,
    compiled: OnceLock<Result<Arc<Schema>, Unusable>>,
    /// That it is unusable was told.
    told: AtomicBool,
}

impl Definition {
    /// Nothing is compiled yet.
    pub fn new(text: &[u8]) -> Self {
        let kept = if text.len() <= LONGEST { text } else { &[] };
        Self { text: kept.into(), compiled: OnceLock::new(), told: AtomicBool::new(false) }
    }

    /// One that there was no room for.
    pub(in crate::catalog) fn unkept() -> Self {
        Self::new(&[])
    }

    /// The text, where it is kept.
    pub(in crate::catalog) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it says the same.
    pub(in crate::catalog) fn is_that_of(&self, other: &Self) -> bool {
        self.text == other.text
    }

    /// What was compiled, if that has been asked for.
    pub fn compiled(&self) -> Option<Result<&Arc<Schema>, &Unusable>> {
        self.compiled.get().map(Result::as_ref)
    }

    /// Compiles it, or waits for whoever does. Not on a data core.
    ///
    /// # Errors
    /// Why nothing can be checked against it.
    pub fn compile(&self) -> Result<&Arc<Schema>, &Unusable> {
        self.compiled.get_or_init(|| self.compile_anew()).as_ref()
    }

    fn compile_anew(&self) -> Result<Arc<Schema>, Unusable> {
        match &*self.text {
            [] => Err(Unusable::Long),
            // A schema that the compiler breaks on would break it again at every call.
            text => catch_unwind(AssertUnwindSafe(|| Schema::compile(text).map(Arc::new)))
                .unwrap_or_else(|_| Err(Unusable::Malformed("the compiler broke on it".to_owned()))),
        }
    }

    /// Whether nobody has been told yet that it is unusable: true once.
    pub fn is_news(&self) -> bool {
        !self.told.swap(true, Ordering::Relaxed)
    }
}
