//! `explain MODEL`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gumbel_oracle::limit::Limit;
use recursive_gumbel::explain::Explanation;
use recursive_gumbel::sample::Reference;

use super::output::Output;
use super::{Failure, Outcome, read_model};

/// One run told step by step, with the exact numbers.
///
/// Who raced, the total rate, who won and with what probability, what merged, was contracted or split, the structure at
/// the end, its probability over all traces that lead to it, the score and the conditional mean of every entry.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The model file (JSON); `-` reads standard input.
    model: PathBuf,
    /// Tell draw number 0 of this seed, with its weights: the same as the first of `sample --seed`.
    #[arg(long, default_value_t = 1, conflicts_with = "trace")]
    seed: u64,
    /// Tell this trace (canonical JSON) instead of a draw.
    #[arg(long, value_name = "JSON")]
    trace: Option<String>,
    /// Text for a terminal, or Markdown with mathematics.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also draw a picture per race and one of the result into this folder, as SVG.
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Write to this file, which appears only when it is complete, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The most states to visit for P(X), the probability over all traces that lead to the structure; beyond it P(X) is
    /// left out, with the reason.
    #[arg(long, value_name = "COUNT", default_value_t = 4096)]
    limit: u64,
    /// No progress bar: accepted as everywhere, though this command shows none.
    #[arg(long)]
    quiet: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Markdown,
}

impl Explain {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let _ = self.quiet;
        let model = read_model(&self.model)?;
        let (trace, weights) = match &self.trace {
            Some(text) => (model.parse_trace(text).map_err(Failure::input)?, None),
            None => {
                let weights = Reference::new(&model, self.seed).map_err(Failure::input)?.weights(0);
                let run = model.run(&weights).map_err(Failure::input)?;
                (run.trace, Some(weights))
            }
        };
        let mut output = Output::open(self.out.as_deref())?;
        let told = Explanation::new(&model, &trace, weights.as_deref(), Limit(self.limit))
            .map_err(Failure::input)?;
        let text = match self.format {
            Format::Text => told.text(),
            Format::Markdown => told.markdown(),
        };
        if let Some(folder) = &self.svg {
            let failed = |error| Failure::Write { path: folder.clone(), error };
            std::fs::create_dir_all(folder).map_err(failed)?;
            for (name, svg) in told.pictures(&model) {
                let mut picture = Output::open(Some(&folder.join(name)))?;
                picture.write(|out| out.write_all(svg.as_bytes()))?;
                picture.finish()?;
            }
        }
        output.write(|out| out.write_all(text.as_bytes()))?;
        output.finish()?;
        Ok(Outcome::Held)
    }
}
