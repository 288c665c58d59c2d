//! `sample MODEL -n N`

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use clap::{Args, ValueEnum};
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::structure::Structure;
use rand::rngs::ChaCha8Rng;
use rayon::prelude::*;
use recursive_gumbel::batch::Single;
use recursive_gumbel::batch::file::is_array_file;
use recursive_gumbel::estimate::{Estimates, Named};
use recursive_gumbel::mutants::Mutated;
use recursive_gumbel::mutants::estimates::Mistaken;
use recursive_gumbel::sample::file::{Arrays, write_json_line};
use recursive_gumbel::sample::{Batch, Field, Rated, Sampler, Walker};

use super::batch::Of;
use super::mutant::{Mutant, of_library};
use super::output::Output;
use super::report::quoted;
use super::{Failure, Outcome, progress, read_model};

/// Draw structures from a model, with whatever belongs to a draw; or estimates of a gradient.
///
/// Draw number i depends on the seed and on i only: more draws, other fields or other threads change nothing.
///
/// A batch: MODEL may be logits or rates of many items in NumPy's .npy or .npz, of the structure --structure; or --batch names such a file
/// beside the model. Then -n draws are made of each item, and arrays are written that have the items along the first axis.
#[derive(Args, Debug)]
pub(super) struct Sample {
    /// The model file (JSON), `-` reads standard input; or the parameters of a batch (.npy, .npz).
    model: PathBuf,
    /// The parameters of a batch in place of the model's rates: `logits` or `rates` [items, n, n] or [items, n], and in .npz `lengths`,
    /// `mask`, `root`, `k`.
    #[arg(long, value_name = "FILE", conflicts_with = "structure")]
    batch: Option<PathBuf>,
    /// The structure of a batch without a model file.
    #[arg(long, value_name = "NAME", value_parser = kind)]
    structure: Option<Kind>,
    /// The number of draws; of a batch those of each item.
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    n: u64,
    /// What to write besides the structure, separated by commas.
    #[arg(long, value_name = "FIELDS", value_enum, value_delimiter = ',')]
    with: Vec<With>,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw from the reference sampler, which is plain and slow.
    #[arg(long)]
    reference: bool,
    /// The precision of rates and draws: f32 is that of a batch of one item.
    #[arg(long, value_enum, default_value_t = Dtype::F64, conflicts_with_all = ["reference", "mutant"])]
    dtype: Dtype,
    /// Draw wrongly, in this way: to see whether a check notices. The names are in docs/src/mutants.md.
    #[arg(long, value_name = "NAME", hide = true, value_parser = of_library, conflicts_with = "reference")]
    mutant: Option<Mutant>,
    /// Write estimates of the gradient of the expected loss instead of draws: by this estimator, in the logits.
    #[arg(long, value_name = "NAME", value_parser = Named::from_str, conflicts_with = "with")]
    estimator: Option<Named>,
    /// The draws of one estimate (default: the fewest that there can be, 1, or 2 with a leave-one-out baseline).
    #[arg(long, value_name = "K", requires = "estimator", value_parser = clap::value_parser!(u32).range(1..))]
    draws: Option<u32>,
    /// The loss whose gradient is estimated, by its name.
    #[arg(long, value_name = "NAME", requires = "estimator", default_value = "default")]
    loss: String,
    /// The format: JSON Lines, or NumPy's .npz (needs --out; until it is whole it takes twice its size on that disk).
    ///
    /// If it is not said, .npz to a file of that name and of a batch, and else JSON Lines.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write to this file, which appears only when it is complete, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    /// The races held.
    Trace,
    /// The log-probability of the trace.
    LogProb,
    /// Its derivative with respect to every logit.
    Score,
    /// The weights the algorithm was run on.
    Exponentials,
    /// A draw of the weights given the trace.
    Conditional,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Dtype {
    F32,
    F64,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Jsonl,
    Npz,
}

/// Numbers in the columns that are made at once on one thread, and on all: enough to be worth handing over, little enough to hold.
const PIECE: u64 = 1 << 16;
const ROUND: u64 = 1 << 22;

/// Refuses estimates that could not be made, or are no numbers: the first, and why.
fn finite(batch: &Batch) -> Result<(), (usize, String)> {
    if let Some((estimate, problem)) = batch.malformed().first() {
        return Err((*estimate, problem.clone()));
    }
    let infinite = |i: &usize| batch.gradient(*i).is_some_and(|g| !g.iter().all(|value| value.is_finite()));
    match (0..batch.len()).find(infinite) {
        Some(estimate) => Err((estimate, "beyond the range of f64".to_owned())),
        None => Ok(()),
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::from_name(name).ok_or_else(|| format!("no such structure: want {}", Kind::names()))
}

impl Sample {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let arrays = is_array_file(&self.model);
        if arrays || self.batch.is_some() || self.structure.is_some() {
            return self.run_batch(arrays);
        }
        let end = self.out.as_ref().and_then(|out| out.extension());
        let by_name = if end.is_some_and(|end| end == "npz") { Format::Npz } else { Format::Jsonl };
        let format = self.format.unwrap_or(by_name);
        if format == Format::Npz && self.out.is_none() {
            return Err(Failure::input("--format npz is not text: name a file with --out FILE"));
        }
        let model = read_model(&self.model)?;
        let sampler: Box<dyn Sampler + '_> = match self.mutant.and_then(Mutant::draws) {
            Some(mutant) if !mutant.is_of(model.kind()) => {
                let (name, structure) = (mutant.name(), model.kind().name());
                let problem = format!("--mutant {name}: {structure} has no such mistake, {}", mutant.words());
                return Err(Failure::input(problem));
            }
            Some(mutant) => Box::new(Mutated::new(&model, mutant, self.seed).map_err(Failure::input)?),
            None if self.dtype == Dtype::F32 => {
                Box::new(Single::new(&model, self.seed).map_err(Failure::input)?)
            }
            None => super::sampler(&model, self.seed, self.reference)?,
        };
        let rates: Vec<f64> = model.rates_as();
        let estimates = self.estimates(&model, &*sampler, &rates)?;
        let sampler = estimates.as_deref().unwrap_or(&*sampler);
        let fields = self.fields();
        let mut output = Output::open(self.out.as_deref())?;
        if format == Format::Npz && output.file().is_none() {
            return Err(Failure::input(
                "--format npz is written back and forth: --out must name a file, not a device",
            ));
        }
        // Until all draws are there they are kept beside the file that they will be in, in files that nobody sees.
        let folder =
            self.out.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut arrays = match format {
            Format::Jsonl => None,
            Format::Npz => {
                let arrays = Arrays::kept_in(&model, &fields, || tempfile::tempfile_in(folder));
                Some(arrays.map_err(|error| output.failure(error))?)
            }
        };
        let bar = progress(self.n, "draws", self.quiet || self.out.is_none());
        let entries = model.entries().len();
        let mut row = (entries * fields.len()).max(1);
        if model.kind() == Kind::Arborescence && fields.contains(&Field::Trace) {
            row += model.size().pow(2); // components nest, and each is written out
        }
        let row = row as u64;
        let (piece, round) = ((PIECE / row).clamp(1, 1024), (ROUND / row).max(1));
        let mut next = 0;
        while next < self.n {
            let end = self.n.min(next.saturating_add(round));
            let pieces: Vec<u64> = (next..end).step_by(piece as usize).collect();
            let batch = |&first: &u64| -> Result<Batch, Failure> {
                let mut batch = Batch::new(entries, &fields);
                sampler.fill(first, (end - first).min(piece) as usize, &mut batch);
                finite(&batch).map_err(|(i, what)| {
                    Failure::input(format!("estimate {}: {what}: nothing is written", first + i as u64))
                })?;
                Ok(batch)
            };
            if let Some(arrays) = &mut arrays {
                let batches: Vec<Batch> = pieces.par_iter().map(batch).collect::<Result<_, Failure>>()?;
                let pushed = batches.iter().try_for_each(|batch| arrays.push(batch));
                pushed.map_err(|error| output.failure(error))?;
            } else {
                let lines = |first: &u64| -> Result<std::io::Result<Vec<u8>>, Failure> {
                    let (batch, mut lines) = (batch(first)?, Vec::new());
                    let mut line = |i| write_json_line(&mut lines, &model, &batch, i);
                    Ok((0..batch.len()).try_for_each(&mut line).map(|()| lines))
                };
                let lines: Vec<_> = pieces.par_iter().map(lines).collect::<Result<_, Failure>>()?;
                output.write(|out| lines.into_iter().try_for_each(|lines| out.write_all(&lines?)))?;
            }
            bar.inc(end - next);
            next = end;
        }
        bar.finish_and_clear();
        if let (Some(arrays), Some(file)) = (arrays, output.file()) {
            arrays.write(file).map_err(|error| output.failure(error))?;
        }
        output.finish()?;
        Ok(Outcome::Held)
    }

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![if self.estimator.is_some() { Field::Gradient } else { Field::Structure }];
        fields.extend(self.with.iter().map(|with| match with {
            With::Trace => Field::Trace,
            With::LogProb => Field::LogProb,
            With::Score => Field::Score,
            With::Exponentials => Field::Exponentials,
            With::Conditional => Field::Conditional,
        }));
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Of a batch; `arrays` says that these stand where a model would.
    fn run_batch(&self, arrays: bool) -> Result<Outcome, Failure> {
        let model = quoted(&self.model.display().to_string());
        let (file, of) = match (&self.batch, self.structure) {
            (Some(_), _) if arrays => {
                let problem = format!("--batch goes with a model file, but {model} is a batch itself");
                return Err(Failure::input(problem));
            }
            (Some(file), _) => (file, Of::Model(&self.model)),
            (None, Some(kind)) if arrays => (&self.model, Of::Kind(kind)),
            (None, Some(_)) => {
                let problem =
                    format!("--structure goes with a batch in .npy or .npz, but {model} is a model file");
                return Err(Failure::input(problem));
            }
            (None, None) => {
                let names = Kind::names();
                let problem = format!("{model} is a batch: say of what with --structure, one of {names}");
                return Err(Failure::input(problem));
            }
        };
        for (option, given) in [
            ("--reference", self.reference),
            ("--mutant", self.mutant.is_some()),
            ("--estimator", self.estimator.is_some()),
            ("--dtype, which is that of the file", self.dtype != Dtype::F64),
            ("--format jsonl", self.format == Some(Format::Jsonl)),
        ] {
            if given {
                return Err(Failure::input(format!(
                    "a batch is drawn by the fast samplers to .npz: without {option}"
                )));
            }
        }
        let Some(out) = &self.out else {
            return Err(Failure::input(
                "a batch is written to .npz, which is not text: name a file with --out FILE",
            ));
        };
        let (fields, n, seed) = (self.fields(), self.n, self.seed);
        super::batch::Batch { file, of, n, fields: &fields, seed, out, quiet: self.quiet }.run()
    }

    /// The estimates that are asked for, made of the draws of this sampler.
    fn estimates<'a>(
        &self,
        model: &'a Model,
        sampler: &'a dyn Sampler,
        rates: &'a [f64],
    ) -> Result<Option<Box<dyn Sampler + 'a>>, Failure> {
        let mistake = self.mutant.and_then(Mutant::estimates);
        let Some(estimator) = self.estimator else {
            return match mistake {
                Some(mistake) => {
                    let of: Vec<&str> = mistake.of().iter().map(|of| of.name()).collect();
                    let (name, of) = (mistake.name(), of.join(", "));
                    Err(Failure::input(format!(
                        "--mutant {name} is a mistake of estimators: want --estimator, one of {of}"
                    )))
                }
                None => Ok(None),
            };
        };
        let loss = Loss::named(model, &self.loss);
        let loss = loss.map_err(|error| Failure::input(format!("--loss {}: {error}", quoted(&self.loss))))?;
        let draws = self.draws.map_or(estimator.fewest_draws(), |draws| draws as usize);
        estimator.check_draws(draws).map_err(|error| Failure::input(format!("--draws: {error}")))?;
        if let Some(mistake) = mistake {
            let mistaken = Mistaken::new(model, loss, estimator, draws, Some(mistake), self.seed);
            let wrong = |error| Failure::input(format!("--mutant {}: {error}", mistake.name()));
            return Ok(Some(Box::new(mistaken.map_err(wrong)?)));
        }
        let (sampler, races) = (Rated(sampler, rates), Walker::new(model));
        let f = move |structure: &Structure| loss.of(model, structure) as f64;
        let estimate = move |rng: &mut ChaCha8Rng| estimator.gradient(draws, &sampler, &races, f, rng);
        Ok(Some(Box::new(Estimates::new(self.seed, estimate))))
    }
}
