//! `check MODEL SAMPLES`

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use recursive_gumbel::check::Method;
use recursive_gumbel::sample::Source as _;
use recursive_gumbel::sample::jsonl::{Input, JsonLines};
use recursive_gumbel::statistics::Budget;

use super::report::{How, Judgement, quoted};
use super::{Failure, Outcome, named, read_model, spinner};

/// Judge recorded draws of any implementation.
///
/// SAMPLES is in JSON Lines, one draw per line, with at least one of the fields structure and trace, and any of log_prob,
/// score, exponentials (the weights that the algorithm was run on) and conditional (a draw of them given the trace):
/// what `sample` writes. What is there is judged, and the report says what could not be, and why.
///
/// Exit status: 0 all held, 1 refuted, 2 bad input or usage, 3 underpowered, 4 nothing could be judged.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// The model file (JSON); `-` reads standard input.
    model: PathBuf,
    /// The samples files, together one sample; `-` reads standard input.
    #[arg(required = true)]
    samples: Vec<PathBuf>,
    #[command(flatten)]
    how: How,
}

impl Check {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let stdin = self.samples.iter().chain([&self.model]).filter(|path| *path == Path::new("-")).count();
        if stdin > 1 {
            return Err(Failure::input("standard input can be read only once: want one `-` at most"));
        }
        let output = self.how.output()?;
        let model = read_model(&self.model)?;
        let inputs: Result<Vec<Input>, Failure> = self.samples.iter().map(|path| open(path)).collect();
        let mut source = JsonLines::new(&model, inputs?).map_err(Failure::input)?;
        let method = Method::of(&model, source.fields(), self.how.alpha);
        let tests = method.tests(&model, source.fields()).max(1);
        let budget = Budget::new(self.how.alpha, tests).map_err(Failure::input)?;
        let bar = spinner("draws".to_owned(), self.how.quiet);
        let judged = method.judge("", &model, &mut source, self.how.departure, &budget, |drawn| {
            bar.inc(drawn);
            bar.set_message(format!("{} draws", bar.position()));
        });
        let rows = judged.map_err(Failure::input)?;
        bar.finish_and_clear();
        let files: Vec<String> = self.samples.iter().map(|path| named(path)).collect();
        let draws = source.draws();
        let fields: Vec<&str> = source.fields().iter().map(|field| field.name()).collect();
        let judgement = Judgement {
            rows: &rows,
            budget: &budget,
            departure: self.how.departure,
            subject: format!(
                "{draws} {} of {} with {}, from {}",
                if draws == 1 { "draw" } else { "draws" },
                model.kind().name(),
                fields.join(", "),
                files.join(", ")
            ),
            facts: vec![
                ("structure", model.kind().name().into()),
                ("draws", draws.into()),
                ("fields", fields.into()),
                ("files", files.into()),
                ("method", method.name().into()),
            ],
            again: self.again(),
            all: true,
        };
        self.how.write(output, &judgement)
    }

    /// The command that repeats the judgement.
    fn again(&self) -> String {
        let paths = [&self.model].into_iter().chain(&self.samples);
        let paths: Vec<String> = paths.map(|path| quoted(&path.display().to_string())).collect();
        format!("recursive-gumbel check {} {}", paths.join(" "), self.how.again())
    }
}

/// A samples file; `-` is standard input.
fn open(path: &Path) -> Result<Input, Failure> {
    let failed = |error| Failure::Read { path: path.to_owned(), error };
    let read: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        if path.is_dir() {
            return Err(failed(std::io::Error::other("is a directory: want a samples file")));
        }
        Box::new(File::open(path).map_err(failed)?)
    };
    Ok(Input { name: named(path), read })
}
