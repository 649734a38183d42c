//! The headend program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    stbcast::cli::main()
}
