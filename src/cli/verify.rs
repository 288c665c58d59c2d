//! Placeholder.
use super::*;
/// Verify.
#[derive(clap::Args, Debug)]
pub(super) struct Verify {}
impl Verify {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        Ok(Outcome::Held)
    }
}
