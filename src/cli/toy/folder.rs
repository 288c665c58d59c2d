//! The folder of an experiment: what it is of, and where each training is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use recursive_gumbel::experiment::{Estimator, Look, Progress};
use serde::{Deserialize, Serialize};

use super::super::output::Output;
use super::super::{Failure, read_text};

/// The version of these files.
pub(super) const FORMAT: u32 = 1;

/// What an experiment is of: what decides every number in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Experiment {
    pub(super) experiment: u32,
    pub(super) structure: String,
    pub(super) dim: usize,
    pub(super) loss: String,
    pub(super) estimators: Vec<Estimator>,
    pub(super) seeds: Vec<u64>,
    pub(super) iters: u64,
    pub(super) every: u64,
    pub(super) samples: usize,
    pub(super) learning_rate: f64,
    pub(super) critic_rate: f64,
}

/// One training: what was seen of it, and where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    pub(super) estimator: Estimator,
    pub(super) seed: u64,
    pub(super) looks: Vec<Look>,
    pub(super) progress: Progress,
}

/// A folder that holds an experiment.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder, or takes it over if it is empty; with `resume` it may hold this experiment.
    pub(super) fn open(path: &Path, experiment: &Experiment, resume: bool) -> Result<Self, Failure> {
        let folder = Self { path: path.to_owned() };
        let failed = |error| Failure::Write { path: path.to_owned(), error };
        let file = folder.path.join("experiment.json");
        if file.exists() {
            let there: Experiment = serde_json::from_str(&read_text(&file)?)
                .map_err(|error| Failure::input(format!("{}: {error}", file.display())))?;
            let differ = differences(&there, experiment);
            if !differ.is_empty() {
                let path = path.display();
                return Err(Failure::input(format!(
                    "--out {path}: holds another experiment, with {differ}: want another folder"
                )));
            }
            if !resume {
                let path = path.display();
                return Err(Failure::input(format!(
                    "--out {path}: holds this experiment already: want --resume, to go on with it, or another folder"
                )));
            }
            return Ok(folder);
        }
        fs::create_dir_all(path).map_err(failed)?;
        let mut inside = fs::read_dir(path).map_err(failed)?;
        if let Some(other) = inside.next().transpose().map_err(failed)? {
            let other = other.file_name().display().to_string();
            return Err(Failure::input(format!(
                "--out {}: holds {other}, and no experiment: want a new folder, or an empty one",
                path.display()
            )));
        }
        fs::create_dir(path.join("trainings")).map_err(failed)?;
        folder.write(
            "experiment.json",
            &(serde_json::to_string_pretty(experiment).map_err(Failure::input)? + "\n"),
        )?;
        Ok(folder)
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file, which changes from what it was to what it is at once.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        self.write_with(name, |out| out.write_all(text.as_bytes()))
    }

    /// The same of whatever is written.
    pub(super) fn write_with(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut output = Output::open(Some(&self.file(name)))?;
        output.write(write)?;
        output.finish()
    }

    fn training(estimator: Estimator, seed: u64) -> String {
        format!("trainings/{estimator}-{seed}.json")
    }

    /// Where a training is.
    pub(super) fn save(&self, run: &Run) -> Result<(), Failure> {
        let text = serde_json::to_string(run).map_err(Failure::input)?;
        self.write(&Self::training(run.estimator, run.seed), &(text + "\n"))
    }

    /// Where it was, if it had begun.
    pub(super) fn load(&self, estimator: Estimator, seed: u64) -> Result<Option<Run>, Failure> {
        let path = self.file(&Self::training(estimator, seed));
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::Read { path, error }),
            Ok(text) => text,
        };
        let wrong = |what: String| Failure::input(format!("{}: {what}", path.display()));
        let run: Run = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let steps = |run: &Run| run.looks.iter().map(|look| look.step).collect::<Vec<_>>();
        if (run.estimator, run.seed) != (estimator, seed) {
            return Err(wrong(format!("is the training by {} from seed {}", run.estimator, run.seed)));
        }
        if !steps(&run).is_sorted_by(|a, b| a < b) || steps(&run).last() > Some(&run.progress.step) {
            return Err(wrong("has looks that are not in the order of the steps".to_owned()));
        }
        Ok(Some(run))
    }
}

/// The fields in which two experiments differ.
fn differences(there: &Experiment, asked: &Experiment) -> String {
    let fields = |experiment| match serde_json::to_value(experiment) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (there, asked) = (fields(there), fields(asked));
    let differ = there.iter().filter(|(name, value)| asked.get(*name) != Some(value));
    let told = differ.map(|(name, value)| {
        format!("{name} {value} (asked for: {})", asked.get(name).unwrap_or(&serde_json::Value::Null))
    });
    told.collect::<Vec<_>>().join(", ")
}
