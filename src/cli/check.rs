//! `check MODEL SAMPLES`

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::Model;
use recursive_gumbel::check::{Asked, Method, Objective};
use recursive_gumbel::sample::jsonl::{Input, JsonLines};
use recursive_gumbel::sample::npz::{Archive, Npz};
use recursive_gumbel::sample::{Field, Source};
use recursive_gumbel::statistics::Budget;
use tempfile::NamedTempFile;

use super::loss::GivenLoss;
use super::report::{How, Judgement, Outputs, quoted};
use super::{Failure, Outcome, named, read_model, spinner};

/// Judge recorded draws of any implementation.
///
/// SAMPLES is in JSON Lines (also packed by gzip), one draw per line, or NumPy's .npz, one array per field: what `sample`
/// writes. It has at least one of the fields structure, trace and gradient (an estimate, of the loss that --loss names), and
/// any of log_prob, score, exponentials (the weights that the algorithm was run on) and conditional (a draw of them given the
/// trace). What is there is judged, and the report says what could not be, and why.
///
/// Exit status: 0 all held, 1 refuted, 2 bad input or usage, 3 underpowered, 4 nothing could be judged.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// The model file (JSON); `-` reads standard input.
    model: PathBuf,
    /// The samples files, together one sample; `-` reads standard input.
    #[arg(required = true)]
    samples: Vec<PathBuf>,
    /// The loss whose expectation the field gradient estimates the gradient of: its name, or a file with a line
    /// {"structure":…,"loss":…} for each structure.
    #[arg(long, value_name = "NAME|FILE")]
    loss: Option<String>,
    #[command(flatten)]
    how: How,
}

impl Check {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let stdin = self.samples.iter().chain([&self.model]).filter(|path| *path == Path::new("-")).count();
        if stdin > 1 {
            return Err(Failure::input("standard input can be read only once: want one `-` at most"));
        }
        let outputs = self.how.outputs()?;
        let model = read_model(&self.model)?;
        match Samples::open(&self.samples)? {
            Samples::Lines(inputs) => {
                let source = JsonLines::new(&model, inputs).map_err(Failure::input)?;
                self.judge(outputs, &model, source)
            }
            Samples::Arrays(archives, spooled) => {
                let source = Npz::new(&model, archives).map_err(Failure::input)?;
                let outcome = self.judge(outputs, &model, source);
                drop(spooled);
                outcome
            }
        }
    }

    fn judge(&self, outputs: Outputs, model: &Model, mut source: impl Source) -> Result<Outcome, Failure> {
        let objective = self.objective(model, source.fields())?;
        let asked = Asked { objective: objective.as_ref(), ..Asked::only(self.how.departure) };
        let method = Method::of(model, source.fields(), &asked, self.how.alpha);
        let tests = method.tests(model, source.fields(), &asked).max(1);
        let budget = Budget::new(self.how.alpha, tests).map_err(Failure::input)?;
        let bar = spinner("draws".to_owned(), self.how.quiet);
        let draws = AtomicU64::new(0);
        let judged = method.judge("", model, &mut source, &asked, &budget, |drawn| {
            draws.fetch_add(drawn, Ordering::Relaxed);
            bar.inc(drawn);
            bar.set_message(format!("{} draws", bar.position()));
        });
        let rows = judged.map_err(Failure::input)?;
        bar.finish_and_clear();
        let files: Vec<String> = self.samples.iter().map(|path| named(path)).collect();
        let draws = draws.into_inner();
        let fields: Vec<&str> = source.fields().iter().map(|field| field.name()).collect();
        let mut facts: Vec<(&str, serde_json::Value)> = vec![
            ("structure", model.kind().name().into()),
            ("draws", draws.into()),
            ("fields", fields.clone().into()),
            ("files", files.clone().into()),
            ("method", method.name().into()),
        ];
        facts.extend(objective.as_ref().map(|objective| ("loss", objective.name().into())));
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
            facts,
            again: self.again(),
            after: String::new(),
            all: true,
        };
        self.how.write(outputs, &judgement, "check")
    }

    /// What the field `gradient` is held to.
    fn objective(&self, model: &Model, fields: &[Field]) -> Result<Option<Objective>, Failure> {
        let Some(name) = &self.loss else { return Ok(None) };
        let wrong = |problem: String| Failure::input(format!("--loss {}: {problem}", quoted(name)));
        if !fields.contains(&Field::Gradient) {
            return Err(wrong("the samples have no field gradient to be held to it".to_owned()));
        }
        let limit = Limit::default();
        let unknown = |error| {
            wrong(format!(
                "its gradient cannot be had exactly: {error}; or give the traces as well, which tell it"
            ))
        };
        match GivenLoss::read(model, name, limit)? {
            // A gradient that takes long is not needed where the draws have traces, which are too many to be enumerated.
            GivenLoss::Named(loss)
                if fields.contains(&Field::Trace)
                    && Method::of(model, fields, &Asked::only(self.how.departure), self.how.alpha)
                        == Method::AnySize =>
            {
                let exact = Objective::named(model, &loss, Limit(STATES));
                Ok(Some(exact.unwrap_or_else(|_| Objective::by_draws(loss))))
            }
            GivenLoss::Named(loss) => Objective::named(model, &loss, limit).map(Some).map_err(unknown),
            listed @ GivenLoss::Listed(_) => {
                Objective::of(model, name, |x| listed.of(model, x), limit).map(Some).map_err(unknown)
            }
        }
    }

    /// The command that repeats the judgement.
    fn again(&self) -> String {
        let paths = [&self.model].into_iter().chain(&self.samples);
        let paths: Vec<String> = paths.map(|path| quoted(&path.display().to_string())).collect();
        let loss = self.loss.as_ref().map_or_else(String::new, |name| format!(" --loss {}", quoted(name)));
        format!("recursive-gumbel check {}{loss} {}", paths.join(" "), self.how.again())
    }
}

/// The most states of which a gradient is worked out exactly where there is another way: some seconds.
const STATES: u64 = 1 << 16;

/// The samples files, by what they are.
enum Samples {
    Lines(Vec<Input>),
    /// And what holds standard input, which is read in more than one place at once.
    Arrays(Vec<Archive>, Option<NamedTempFile>),
}

impl Samples {
    fn open(paths: &[PathBuf]) -> Result<Self, Failure> {
        let (mut lines, mut archives, mut spooled) = (Vec::new(), Vec::new(), None);
        for path in paths {
            let failed = |error| Failure::Read { path: path.to_owned(), error };
            if path.is_dir() {
                return Err(failed(io::Error::other("is a directory: want a samples file")));
            }
            let stdin = path == Path::new("-");
            let mut read: Box<dyn Read + Send> =
                if stdin { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(failed)?) };
            let mut start = Vec::new();
            read.by_ref().take(4).read_to_end(&mut start).map_err(failed)?;
            let is_zip = start == b"PK\x03\x04" || start == b"PK\x05\x06"; // the second of one without members
            let mut read: Box<dyn Read + Send> = Box::new(io::Cursor::new(start).chain(read));
            let name = named(path);
            if is_zip && stdin {
                let mut file = NamedTempFile::new().map_err(failed)?;
                io::copy(&mut read, &mut file).map_err(failed)?;
                archives.push(Archive { name, path: file.path().to_owned() });
                spooled = Some(file);
            } else if is_zip {
                archives.push(Archive { name, path: path.to_owned() });
            } else {
                lines.push(Input { name, read });
            }
        }
        match (lines.first(), archives.first()) {
            (Some(lines), Some(archive)) => Err(Failure::input(format!(
                "{} is a .npz file and {} is none: want files of one kind, they are one sample",
                archive.name, lines.name
            ))),
            (_, Some(_)) => Ok(Self::Arrays(archives, spooled)),
            _ => Ok(Self::Lines(lines)),
        }
    }
}
