//! `toy STRUCTURE`

mod folder;
mod pictures;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Kind;
use indicatif::ProgressBar;
use rayon::prelude::*;
use recursive_gumbel::experiment::{Estimator, Look, Problem, Settings, Training, toy_model};
use serde_json::json;

use super::output::{Format, Output};
use super::report::quoted;
use super::table::{float, table};
use super::verify::kind;
use super::{Failure, Outcome, progress, spinner};
use folder::{Experiment, FORMAT, Folder, Run};

/// Optimise the logits of a structure so that an expected loss falls, with every gradient estimator: the experiment of the paper.
///
/// spanning_tree: edges that do not touch vertex 0 (best: 0); arborescence: minus the largest out-degree (1 - dim); matching: minus
/// the cells on the diagonal (-dim); binary_tree: minus the height (-dim); top_k: the sum of the positions; permutation: inversions;
/// categorical: the position. Logits begin at 0 and move by Adam. Where it is within reach the exact expected loss stands beside
/// the estimates, and the estimator `exact` goes down the exact gradient.
///
/// With --out, everything is kept in a folder: what was seen as CSV and JSON, and the state of each training, from which --resume goes
/// on, to the same bytes. Ctrl-C saves what is there.
///
/// Exit status: 0 done, 2 bad input or usage, 130 interrupted.
#[derive(Args, Debug)]
pub(super) struct Toy {
    /// The structure.
    #[arg(value_parser = kind)]
    structure: Kind,
    /// Vertices, rows, or positions.
    #[arg(long, value_name = "N", default_value_t = 10)]
    dim: usize,
    /// The loss.
    #[arg(long, value_name = "NAME", default_value = "default")]
    loss: String,
    /// What estimates the gradient: e_reinforce, e_reinforce_plus, t_reinforce, t_reinforce_plus, relax, exact; several separated by
    /// commas, or all [default: all, exact only where it is cheap].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    estimator: Vec<Asked>,
    /// Steps.
    #[arg(long, value_name = "N", default_value_t = 15_000)]
    iters: u64,
    /// Steps between looks, at each of which the loss is estimated by 10 draws and by 1,000.
    #[arg(long, value_name = "N", default_value_t = 500)]
    every: u64,
    /// The learning rate of the logits.
    #[arg(long, value_name = "RATE", default_value_t = 0.01)]
    lr: f64,
    /// The learning rate of the critic of RELAX, a network with one hidden layer of 32 units.
    #[arg(long, value_name = "RATE", default_value_t = 0.01)]
    critic_lr: f64,
    /// Draws of one step.
    #[arg(long, value_name = "K", default_value_t = 3)]
    samples: usize,
    /// A training for each of these seeds: `0..9` (both ends), or several separated by commas.
    #[arg(long, value_name = "SEEDS", default_value = "0..2")]
    seeds: Seeds,
    /// Keep everything in this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the experiment in the folder.
    #[arg(long, requires = "out")]
    resume: bool,
    /// The format of what is printed; csv is everything that was seen, json as well.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

/// An estimator, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    One(Estimator),
    All,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            Ok(Self::All)
        } else {
            text.parse().map(Self::One).map_err(|error| error + ", all")
        }
    }
}

/// Seeds, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seeds(Vec<u64>);

/// The most trainings by one estimator.
const MOST_SEEDS: usize = 1000;

impl FromStr for Seeds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANT: &str = "want seeds as 0..9, or 1,4,7, at most 1000";
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| WANT);
        let seeds: Vec<u64> = match text.split_once("..") {
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if last.checked_sub(first).is_none_or(|more| more >= MOST_SEEDS as u64) {
                    return Err(WANT);
                }
                (first..=last).collect()
            }
            None => text.split(',').map(number).collect::<Result<_, _>>()?,
        };
        let mut sorted = seeds.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() < seeds.len() || seeds.len() > MOST_SEEDS { Err(WANT) } else { Ok(Self(seeds)) }
    }
}

impl Toy {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        for (name, value) in [("iters", self.iters), ("every", self.every), ("samples", self.samples as u64)]
        {
            if value == 0 {
                return Err(Failure::input(format!("--{name} 0: want at least 1")));
            }
        }
        let model =
            toy_model(self.structure, self.dim).map_err(|error| Failure::input(format!("--{error}")))?;
        let loss = Loss::named(&model, &self.loss)
            .map_err(|error| Failure::input(format!("--loss {}: {error}", quoted(&self.loss))))?;
        let preparing = spinner("what the exact loss takes".to_owned(), self.quiet);
        let problem = Problem::new(model, loss);
        preparing.finish_and_clear();
        let experiment = self.experiment(&problem);
        let trainings: Vec<(Estimator, u64)> = experiment
            .estimators
            .iter()
            .flat_map(|&estimator| {
                // From the exact gradient there is nothing to draw.
                let seeds = if estimator == Estimator::Exact { &self.seeds.0[..1] } else { &self.seeds.0 };
                seeds.iter().map(move |&seed| (estimator, seed))
            })
            .collect();
        for &(estimator, seed) in &trainings {
            self.training(&problem, estimator, seed)?; // whether there is such a training
        }
        let folder = match &self.out {
            Some(path) => Some(Folder::open(path, &experiment, self.resume)?),
            None => None,
        };
        let stop = stop_at_ctrl_c()?;
        let bar = progress(self.iters * trainings.len() as u64, "steps", self.quiet);
        if let Ok(style) =
            indicatif::ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} {eta}")
        {
            bar.set_style(style);
        }
        let before = AtomicU64::new(0);
        let all = trainings.par_iter().with_max_len(1).map(|&(estimator, seed)| {
            let training = self.training(&problem, estimator, seed)?;
            self.train(training, (estimator, seed), folder.as_ref(), (&bar, &before, &stop))
        });
        let runs: Vec<Run> = all.collect::<Result<_, _>>()?;
        bar.finish_and_clear();
        if !self.quiet {
            let steps = bar.position() - before.load(Ordering::Relaxed);
            let (seconds, threads) = (bar.elapsed().as_secs_f64(), rayon::current_num_threads());
            let a_second = steps as f64 / seconds;
            let threads = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
            let told = format!("{steps} steps in {seconds:.1} s, {a_second:.0} a second on {threads}");
            let _ = writeln!(io::stderr(), "{told}"); // nowhere left to complain
        }
        let interrupted = runs.iter().any(|run| run.progress.step < self.iters);
        let results = results(&experiment, &runs);
        if let Some(folder) = &folder {
            folder.write("history.csv", &csv(&runs))?;
            folder.write("results.json", &(results.to_string() + "\n"))?;
            pictures::draw(folder, &experiment, &problem, &runs)?;
        }
        let mut output = Output::open(None)?;
        output.write(|out| match self.format {
            Format::Table => out.write_all(told(&runs).as_bytes()),
            Format::Json => writeln!(out, "{results}"),
            Format::Jsonl => lines(out, &runs),
            Format::Csv => out.write_all(csv(&runs).as_bytes()),
        })?;
        output.finish()?;
        if !interrupted {
            return Ok(Outcome::Held);
        }
        let goes_on = if folder.is_some() { "--resume goes on" } else { "with --out DIR it could go on" };
        let _ = writeln!(io::stderr(), "interrupted: {goes_on}"); // nowhere left to complain
        Ok(Outcome::Interrupted)
    }

    fn experiment(&self, problem: &Problem) -> Experiment {
        let all = self.estimator.is_empty() || self.estimator.contains(&Asked::All);
        let is_asked = |one: &Estimator| {
            let of_all = all && (*one != Estimator::Exact || problem.is_small());
            of_all || self.estimator.contains(&Asked::One(*one))
        };
        let estimators = Estimator::ALL.into_iter().filter(is_asked).collect();
        Experiment {
            experiment: FORMAT,
            structure: self.structure.name().to_owned(),
            dim: self.dim,
            loss: problem.loss().name().to_owned(),
            estimators,
            seeds: self.seeds.0.clone(),
            iters: self.iters,
            every: self.every,
            samples: self.samples,
            learning_rate: self.lr,
            critic_rate: self.critic_lr,
        }
    }

    fn training<'p>(
        &self,
        problem: &'p Problem,
        estimator: Estimator,
        seed: u64,
    ) -> Result<Training<'p>, Failure> {
        let settings = Settings {
            samples: self.samples,
            learning_rate: self.lr,
            critic_rate: self.critic_lr,
            seed,
            ..Settings::default()
        };
        Training::new(problem, estimator, settings)
            .map_err(|error| Failure::input(format!("{estimator}: {error}")))
    }

    /// One training, to its end or until someone stops it. It is saved then, and once a second: from wherever it goes on, it ends the same.
    fn train(
        &self,
        mut training: Training<'_>,
        (estimator, seed): (Estimator, u64),
        folder: Option<&Folder>,
        (bar, before, stop): (&ProgressBar, &AtomicU64, &AtomicBool),
    ) -> Result<Run, Failure> {
        let failed = |error| Failure::input(format!("{estimator}, seed {seed}: {error}"));
        let mut run = Run { estimator, seed, looks: Vec::new(), progress: training.progress().clone() };
        if let Some(saved) = folder.map(|folder| folder.load(estimator, seed)).transpose()?.flatten() {
            training.go_on(saved.progress.clone()).map_err(failed)?;
            run = saved;
        }
        bar.inc(run.progress.step);
        before.fetch_add(run.progress.step, Ordering::Relaxed);
        let mut saved = bar.elapsed();
        loop {
            let step = training.progress().step;
            let over = step >= self.iters;
            let due = over || step.is_multiple_of(self.every);
            let due = due && run.looks.last().is_none_or(|last| last.step < step);
            if due {
                let seen = training.look().map_err(failed)?;
                bar.set_message(format!("{estimator} {}", float(seen.loss_of_1000, 4)));
                run.looks.push(seen);
            }
            let stopped = over || stop.load(Ordering::Relaxed);
            if stopped || due && bar.elapsed() >= saved + Duration::from_secs(1) {
                saved = bar.elapsed();
                run.progress = training.progress().clone();
                folder.map_or(Ok(()), |folder| folder.save(&run))?;
            }
            if stopped {
                return Ok(run);
            }
            training.step().map_err(failed)?;
            bar.inc(1);
        }
    }
}

/// Set when someone presses Ctrl-C; another time the program ends at once.
fn stop_at_ctrl_c() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let handled = ctrlc::set_handler(move || {
        if told.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    handled.map_err(Failure::input)?;
    Ok(stop)
}

/// A line for every look.
fn csv(runs: &[Run]) -> String {
    let mut text = "estimator,seed,step,loss_of_10,loss_of_1000,deviation,exact_loss,exact_norm\n".to_owned();
    let cell = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for Run { estimator, seed, looks, .. } in runs {
        for look in looks {
            let Look { step, loss_of_10, loss_of_1000, deviation, exact_loss, exact_norm } = look;
            let (exact_loss, exact_norm) = (cell(*exact_loss), cell(*exact_norm));
            let _ = writeln!(
                text,
                "{estimator},{seed},{step},{loss_of_10},{loss_of_1000},{deviation},{exact_loss},{exact_norm}"
            ); // a String takes everything
        }
    }
    text
}

/// An object for every look.
fn lines(out: &mut dyn Write, runs: &[Run]) -> io::Result<()> {
    for run in runs {
        for look in &run.looks {
            let mut row = json!({"estimator": run.estimator, "seed": run.seed});
            if let (Some(row), Ok(serde_json::Value::Object(look))) =
                (row.as_object_mut(), serde_json::to_value(look))
            {
                row.extend(look);
            }
            writeln!(out, "{row}")?;
        }
    }
    Ok(())
}

/// Everything that was seen, and where the logits are.
fn results(experiment: &Experiment, runs: &[Run]) -> serde_json::Value {
    let run = |run: &Run| {
        json!({
            "estimator": run.estimator,
            "seed": run.seed,
            "looks": run.looks,
            "logits": run.progress.logits,
        })
    };
    let runs: Vec<serde_json::Value> = runs.iter().map(run).collect();
    json!({"experiment": experiment, "runs": runs})
}

/// Mean and standard deviation.
fn spread(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (n > 1.0).then(|| libm::sqrt(square / (n - 1.0))))
}

/// The last look of each estimator.
fn told(runs: &[Run]) -> String {
    let mut rows = Vec::new();
    for estimator in Estimator::ALL {
        let last: Vec<&Look> =
            runs.iter().filter(|run| run.estimator == estimator).filter_map(|run| run.looks.last()).collect();
        if last.is_empty() {
            continue;
        }
        let of = |value: fn(&Look) -> f64| spread(&last.iter().map(|look| value(look)).collect::<Vec<_>>());
        let shown = |(mean, deviation): (f64, Option<f64>)| {
            let deviation =
                deviation.map_or_else(String::new, |deviation| format!(" ± {}", float(deviation, 2)));
            format!("{mean:.3}{deviation}")
        };
        let exact: Option<Vec<f64>> = last.iter().map(|look| look.exact_loss).collect();
        rows.push(vec![
            estimator.label().to_owned(),
            last.len().to_string(),
            last.iter().map(|look| look.step).min().unwrap_or_default().to_string(),
            shown(of(|look| look.loss_of_1000)),
            exact.map_or_else(String::new, |exact| shown(spread(&exact))),
            float(of(|look| look.deviation).0, 3),
        ]);
    }
    let head =
        ["estimator", "seeds", "steps", "loss of 1,000 draws", "exact loss", "deviation of the gradient"];
    table(&head, &[1, 2, 3, 4, 5], rows) + "\n"
}
