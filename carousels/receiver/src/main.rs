//! The program of the box.

use std::process::ExitCode;

fn main() -> ExitCode {
    stbcast_receiver::io::cli::run()
}
