//! `verify`

use clap::Args;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model};
use recursive_gumbel::batch::Single;
use recursive_gumbel::check::{self, Asked, Method, Options};
use recursive_gumbel::report::Row;
use recursive_gumbel::sample::{Draws, Field};
use recursive_gumbel::statistics::Budget;
use recursive_gumbel::verify;

use super::report::{How, Judgement};
use super::{Failure, Outcome, progress};

/// The main job: exact identities, then a sampler of every structure against the exact law.
///
/// First everything that must hold exactly, in fractions, on built-in models, closed forms, and random inputs by brute
/// force. Then draws against the exact law: structures, traces, log-probabilities, scores, exponentials, conditional draws.
/// Then estimates of gradients, made of such draws, against their exact means and covariances. Draws are those of the fast
/// samplers, and of one model of each structure those of a batch in single precision; or with --reference of the plain ones. The false-alarm probability of the whole report is --alpha.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// Only this structure, or several separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = kind)]
    structure: Vec<Kind>,
    /// Draws per model.
    #[arg(long, value_name = "N", default_value_t = check::DEFAULT_SAMPLES,
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    samples: u64,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    how: How,
    /// Judge the reference samplers, which are plain and slow, in place of the fast ones.
    #[arg(long)]
    reference: bool,
    /// Every identity on a line of its own.
    #[arg(long)]
    all: bool,
}

pub(super) fn kind(name: &str) -> Result<Kind, String> {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    Kind::from_name(name).ok_or_else(|| format!("want one of {}", names.join(", ")))
}

/// A seed of its own for each model, so that no two read the same random numbers: FNV-1a of the name, added.
fn stream(seed: u64, name: &str) -> u64 {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    seed.wrapping_add(name.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
}

/// Random inputs per structure for the comparison with brute force; 40 draws of weights each.
const GRAPHS: u64 = 100;

impl Verify {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let outputs = self.how.outputs()?;
        let wanted = |kind: &Kind| self.structure.is_empty() || self.structure.contains(kind);
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(wanted).collect();
        let mut models: Vec<(&str, Model)> = Vec::new();
        for (name, text) in verify::MODELS {
            let model = Model::parse(text).map_err(Failure::input)?;
            if kinds.contains(&model.kind()) {
                models.push((name, model));
            }
        }
        // One judge, two doors: `check` draws from files.
        let method = Method::Enumeration;
        let asked = Asked::only(self.how.departure);
        let tests = |(name, model): &(&str, Model)| {
            let draws = method.tests(model, &Field::DRAWN, &asked);
            let single = if self.is_in_single(name) { draws } else { 0 };
            draws + single + verify::tests_of_estimates(name, model)
        };
        let budget = Budget::new(self.how.alpha, models.iter().map(tests).sum()).map_err(Failure::input)?;
        let options = Options { samples: self.samples, alpha: self.how.alpha, departure: self.how.departure };

        let bar = progress((models.len() + kinds.len()) as u64, "exact identities", self.how.quiet);
        let mut rows: Vec<Row> = Vec::new();
        for kind in &kinds {
            rows.extend(verify::closed_forms(*kind));
            rows.extend(verify::optimality(*kind, self.seed, GRAPHS));
            bar.inc(1);
        }
        for (name, model) in &models {
            rows.extend(verify::identities(name, model));
            bar.inc(1);
        }
        bar.finish_and_clear();

        let single = models.iter().filter(|(name, _)| self.is_in_single(name)).count();
        let bar = progress((models.len() + single) as u64 * self.samples, "draws", self.how.quiet);
        for (name, model) in &models {
            let sampler = super::sampler(model, stream(self.seed, name), self.reference)?;
            let mut draws = Draws::new(&*sampler, self.samples);
            let judged = method.judge(name, model, &mut draws, &asked, &budget, |drawn| bar.inc(drawn));
            rows.extend(judged.map_err(Failure::input)?);
        }
        for (name, model) in models.iter().filter(|(name, _)| self.is_in_single(name)) {
            let name = format!("{name} f32");
            let sampler = Single::new(model, stream(self.seed, &name)).map_err(Failure::input)?;
            let mut draws = Draws::new(&sampler, self.samples);
            let judged = method.judge(&name, model, &mut draws, &asked, &budget, |drawn| bar.inc(drawn));
            rows.extend(judged.map_err(Failure::input)?);
        }
        bar.finish_and_clear();

        let estimated: Vec<&(&str, Model)> =
            models.iter().filter(|(name, _)| verify::ESTIMATED.contains(name)).collect();
        let bar = progress(5 * estimated.len() as u64 * self.samples, "estimates", self.how.quiet);
        for (name, model) in estimated {
            let seed = stream(self.seed, name);
            let sampler = super::sampler(model, seed, self.reference)?;
            let loss = Loss::named(model, "default").map_err(Failure::input)?;
            let drawn = |drawn| bar.inc(drawn);
            let judged = verify::estimates(name, model, &loss, (&*sampler, seed), &options, &budget, drawn);
            rows.extend(judged.map_err(Failure::input)?);
        }
        bar.finish_and_clear();
        let order = |row: &Row| Kind::ALL.iter().position(|kind| kind.name() == row.structure);
        rows.sort_by_key(order); // stable: identities before draws

        let judgement = Judgement {
            rows: &rows,
            budget: &budget,
            departure: self.how.departure,
            subject: format!("Seed {}, {} draws per model", self.seed, self.samples),
            facts: vec![("seed", self.seed.into()), ("samples", self.samples.into())],
            again: self.again(),
            after: String::new(),
            all: self.all,
        };
        self.how.write(outputs, &judgement, "verify")
    }

    /// Whether draws of this model are judged in single precision too: of one of each structure.
    fn is_in_single(&self, name: &str) -> bool {
        !self.reference && verify::ESTIMATED.contains(&name)
    }

    /// The command that repeats the judgement.
    fn again(&self) -> String {
        let mut again = format!("recursive-gumbel verify --seed {} --samples {}", self.seed, self.samples);
        if !self.structure.is_empty() {
            let names: Vec<&str> = self.structure.iter().map(|kind| kind.name()).collect();
            again.push_str(&format!(" --structure {}", names.join(",")));
        }
        if self.reference {
            again.push_str(" --reference");
        }
        if self.all {
            again.push_str(" --all");
        }
        again + " " + &self.how.again()
    }
}
