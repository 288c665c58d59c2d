//! The command line of recursive-gumbel: see `recursive-gumbel --help`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
