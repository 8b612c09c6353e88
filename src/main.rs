//! The `weir` binary.

use std::process::ExitCode;

/// glibc's would keep what a wave of idle streams took; see `Cargo.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // The keeper of commands and what it starts are this binary too: no command line, no runtime of the daemon's.
    weir::net::process::enter().unwrap_or_else(weir::cli::main)
}
