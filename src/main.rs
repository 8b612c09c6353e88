//! The `weir` binary.

use std::process::ExitCode;

/// glibc's would keep what a wave of idle streams took; see `Cargo.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    weir::cli::main()
}
