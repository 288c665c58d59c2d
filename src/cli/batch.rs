//! `sample` of many items at once: arrays in, arrays out.

use std::path::{Path, PathBuf};

use gumbel_oracle::kind::Kind;
use gumbel_oracle::model::{Algorithm, Entry, Model};
use ndarray::{ArrayD, Axis};
use num_traits::Zero as _;
use recursive_gumbel::batch::file::{FromFile, Parameters, read};
use recursive_gumbel::batch::samples::Samples;
use recursive_gumbel::batch::{Drawn, Float};
use recursive_gumbel::sample::Field;

use super::output::Output;
use super::{Failure, Outcome, progress, read_model};

/// What is drawn of many items.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    /// The arrays.
    pub(super) file: &'a Path,
    /// What they are parameters of.
    pub(super) of: Of<'a>,
    /// Draws of each item.
    pub(super) n: u64,
    pub(super) fields: &'a [Field],
    pub(super) seed: u64,
    pub(super) out: &'a PathBuf,
    pub(super) quiet: bool,
}

/// The structure of the items.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of<'a> {
    /// That of a model file, with its root or number of races, and without the entries that it lacks.
    Model(&'a Path),
    /// By its name.
    Kind(Kind),
}

/// Numbers drawn before they are written.
const ROUND: usize = 1 << 22;

impl Batch<'_> {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match read(self.file).map_err(Failure::input)? {
            FromFile::Single(parameters) => self.draw(parameters),
            FromFile::Double(parameters) => self.draw(parameters),
        }
    }

    /// In the file, or by the array.
    fn wrong(&self, problem: impl std::fmt::Display) -> Failure {
        Failure::input(format!("{}: {problem}", self.file.display()))
    }

    fn draw<T: Float>(self, mut parameters: Parameters<T>) -> Result<Outcome, Failure> {
        let kind = match self.of {
            Of::Kind(kind) => kind,
            Of::Model(path) => {
                let model = read_model(path)?;
                self.take_from(&model, &mut parameters)?;
                model.kind()
            }
        };
        let items = parameters.items(kind).map_err(|error| self.wrong(error))?;
        let draws = usize::try_from(self.n).map_err(|_| self.wrong("too many draws for this machine"))?;
        let mut output = Output::open(Some(self.out))?;
        if output.file().is_none() {
            return Err(Failure::input(
                "a batch is written back and forth: --out must name a file, not a device",
            ));
        }
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let samples = Samples::kept_in(&items, self.fields, || tempfile::tempfile_in(folder));
        let mut samples = samples.map_err(|error| output.failure(error))?;
        let bar = progress((items.items() as u64).saturating_mul(self.n), "draws", self.quiet);
        // As many items as fit, or as many draws of one.
        let row = (parameters.values.len() / items.items().max(1)).max(1) * self.fields.len().max(1);
        let most = (ROUND / row).max(1);
        let (group, piece) = ((most / draws.max(1)).max(1), most.min(draws.max(1)));
        for start in (0..items.items()).step_by(group) {
            let part = items.some(start..(start + group).min(items.items()));
            for first in (0..draws).step_by(piece) {
                let count = piece.min(draws - first);
                let mut drawn = Drawn::new(&part, count, self.fields).map_err(|error| self.wrong(error))?;
                let filled = part.fill_on_all_threads(self.seed, first as u64, drawn.outputs());
                filled.map_err(|error| self.wrong(error))?;
                let pushed = (0..part.items()).try_for_each(|item| samples.push(&part, &drawn, item));
                pushed.map_err(|error| output.failure(error))?;
                bar.inc((count * part.items()) as u64);
            }
        }
        bar.finish_and_clear();
        if let Some(file) = output.file() {
            samples.write(&items, draws, file).map_err(|error| output.failure(error))?;
        }
        output.finish()?;
        Ok(Outcome::Held)
    }

    /// What the model says beside its rates.
    fn take_from<T: Float>(&self, model: &Model, parameters: &mut Parameters<T>) -> Result<(), Failure> {
        let n = model.size();
        let found = parameters.items(model.kind()).map_err(|error| self.wrong(error))?.size();
        if found != n {
            return Err(self.wrong(format!("n is {found}: want {n}, that of the model")));
        }
        match model.algorithm() {
            Algorithm::TopK(a) if parameters.races.is_none() => parameters.races = Some(vec![a.k()]),
            Algorithm::Arborescence(a) if parameters.roots.is_none() => {
                parameters.roots = Some(vec![a.root()]);
            }
            _ => {}
        }
        // Entries that the model does not have, no item has.
        let mut there = ArrayD::from_elem(parameters.values.raw_dim(), false);
        let entries = model.entries().iter().zip(model.rates()).filter(|(_, rate)| !rate.is_zero());
        for (entry, _) in entries {
            let cell = match *entry {
                Entry::Pair(u, v) => vec![u, v],
                Entry::Position(k) => vec![k],
            };
            for mut item in there.axis_iter_mut(Axis(0)) {
                if let Some(place) = item.get_mut(&cell[..]) {
                    *place = true;
                }
            }
        }
        if let Some(mask) = &parameters.mask {
            there.zip_mut_with(mask, |there, mask| *there &= mask);
        }
        parameters.mask = Some(there);
        Ok(())
    }
}
