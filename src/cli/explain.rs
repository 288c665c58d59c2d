//! Placeholder.
use super::*;
/// Explain.
#[derive(clap::Args, Debug)]
pub(super) struct Explain {}
impl Explain {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        Ok(Outcome::Held)
    }
}
