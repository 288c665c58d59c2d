//! `calibrate`

use std::path::PathBuf;

use clap::Args;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use recursive_gumbel::calibrate::{
    How, MODELS, Power, Rate, WHOLE, alarms_of_estimates, false_alarms, power, power_of_estimates,
};
use recursive_gumbel::check::{Looks, Method};

use super::output::{Output, TableOrCsv};
use super::table::table;
use super::{Failure, Outcome, progress};

/// How often the checks accuse a right sampler, and how often they catch one that is as wrong as they say they would see.
///
/// The samplers are made from the exact law, not by the samplers of this program. Each check is judged by itself, with all of the
/// false alarm for itself, and the whole report as `check` would; by tests of one look, and by bets looked at again and again.
/// Exit status 1 if a rate is above what it is said to be, or a power below 0.99, by more than chance allows (one in a million each).
#[derive(Args, Debug)]
pub(super) struct Calibrate {
    /// Samplers per model.
    #[arg(long, value_name = "R", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    runs: u64,
    /// Draws of each.
    #[arg(long, value_name = "N", default_values_t = [30, 1_000], value_delimiter = ',', value_parser = clap::value_parser!(u64).range(8..=1_000_000))]
    draws: Vec<u64>,
    /// Draws of each wrong one.
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(8..=1_000_000))]
    power: u64,
    /// The seed.
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=u64::from(u32::MAX)))]
    seed: u64,
    /// The format.
    #[arg(long, value_enum, default_value_t = TableOrCsv::Table)]
    format: TableOrCsv,
    /// Write to this file, which appears only when it is complete, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// No sign of progress.
    #[arg(long)]
    quiet: bool,
}

const ALPHA: [f64; 3] = [0.05, 0.01, 0.001];
/// Of the intervals that are shown.
const CONFIDENCE: f64 = 0.99;
/// What every test promises to catch its smallest departure with.
const POWER: f64 = 0.99;
const LOOKS: [Looks; 2] = [Looks::Once, Looks::Always];
/// Wrong samplers of a model at most, of which each check is put to one.
const MOST_WRONG: u64 = 91;

/// Where a rate is from.
struct Of {
    model: &'static str,
    method: Method,
    looks: Looks,
    draws: u64,
}

/// How often one looks.
fn words(looks: Looks) -> &'static str {
    match looks {
        Looks::Once => "one",
        Looks::Always => "many",
    }
}

/// A departure over all models: the smallest and the largest, and whether every model reaches the power.
struct Caught<'a> {
    method: Method,
    looks: Looks,
    what: &'a str,
    least: f64,
    most: f64,
    reached: bool,
    all: Rate,
}

impl Calibrate {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut out = Output::open(self.out.as_deref())?;
        let draws = || self.draws.iter().copied();
        let looks = || LOOKS.into_iter().flat_map(|looks| draws().map(move |n| (looks, n)));
        let settings: Vec<(Method, Looks, u64)> = [Method::Enumeration, Method::AnySize]
            .into_iter()
            .flat_map(|method| looks().map(move |(looks, draws)| (method, looks, draws)))
            .collect();
        let bar = progress(self.runs * (settings.len() * MODELS.len()) as u64, "right samplers", self.quiet);
        let mut alarms: Vec<(Of, Vec<Rate>)> = Vec::new();
        for (place, (name, text)) in MODELS.into_iter().enumerate() {
            let model = Model::parse(text).map_err(Failure::input)?;
            let loss = Loss::named(&model, "default").map_err(Failure::input)?;
            for (setting, &(method, looks, draws)) in settings.iter().enumerate() {
                let seed = self.seed_of(place, setting);
                let how = How { runs: self.runs, draws, seed, alpha: ALPHA.to_vec(), looks, method };
                let mut found = false_alarms(&model, &how, || bar.inc(1)).map_err(Failure::input)?;
                if method == Method::Enumeration {
                    let more = alarms_of_estimates(&model, loss, &how, || ());
                    found.extend(more.map_err(Failure::input)?);
                }
                alarms.push((Of { model: name, method, looks, draws }, found));
            }
        }
        bar.finish_and_clear();
        let bar = progress(self.runs * MOST_WRONG * MODELS.len() as u64, "wrong samplers", self.quiet);
        let mut powers: Vec<(Of, Vec<Power>)> = Vec::new();
        for (place, (name, text)) in MODELS.into_iter().enumerate() {
            let model = Model::parse(text).map_err(Failure::input)?;
            let loss = Loss::named(&model, "default").map_err(Failure::input)?;
            let methods = [Method::Enumeration, Method::AnySize];
            let each = methods.into_iter().flat_map(|method| LOOKS.map(|looks| (method, looks)));
            for (setting, (method, looks)) in each.enumerate() {
                let seed = self.seed_of(place, settings.len() + setting);
                let how =
                    How { runs: self.runs, draws: self.power, seed, alpha: vec![ALPHA[1]], looks, method };
                let mut found = power(&model, &how, || bar.inc(1)).map_err(Failure::input)?;
                if method == Method::Enumeration {
                    // Estimates vary more than what they are made of.
                    let how = How { draws: 10 * self.power, ..how };
                    let more = power_of_estimates(&model, loss, &how, || bar.inc(1));
                    found.extend(more.map_err(Failure::input)?);
                }
                powers.push((Of { model: name, method, looks, draws: self.power }, found));
            }
        }
        bar.finish_and_clear();
        let text = match self.format {
            TableOrCsv::Table => self.table(&alarms, &powers),
            TableOrCsv::Csv => csv(&alarms, &powers),
        };
        out.write(|out| out.write_all(text.as_bytes()))?;
        out.finish()?;
        let off = alarms.iter().flat_map(|(_, rates)| rates).any(|rate| !rate.allows(rate.alpha))
            || powers.iter().flat_map(|(_, powers)| powers).any(|power| !power.caught.reaches(POWER));
        Ok(if off { Outcome::Refuted } else { Outcome::Held })
    }

    /// The seed of a model and a setting: what is added up over models and settings has nothing in common.
    fn seed_of(&self, model: usize, setting: usize) -> u64 {
        self.seed.wrapping_mul(10_000).wrapping_add((100 * model + setting) as u64)
    }

    fn table(&self, alarms: &[(Of, Vec<Rate>)], powers: &[(Of, Vec<Power>)]) -> String {
        let rate = |rate: &Rate, bound: bool| {
            let (lower, upper) = rate.interval(CONFIDENCE);
            let mark = if bound { "" } else { " OFF" };
            format!("{:.4} [{lower:.4}, {upper:.4}]{mark}", rate.rate())
        };
        let three = |of: &dyn Fn(f64) -> Option<Rate>| {
            ALPHA.map(|alpha| of(alpha).map_or(String::new(), |r| rate(&r, r.allows(alpha)))).to_vec()
        };
        let reports = alarms.iter().map(|(of, rates)| {
            let whole =
                |alpha| rates.iter().find(|rate| rate.subject == WHOLE && rate.alpha == alpha).cloned();
            let tests = whole(ALPHA[0]).map_or(0, |rate| rate.tests).to_string();
            let names = [of.model, of.method.name(), words(of.looks)].map(str::to_owned).to_vec();
            [names, vec![of.draws.to_string(), tests], three(&whole)].concat()
        });
        let head = [
            "right samplers",
            "judged by",
            "looks",
            "draws",
            "tests",
            "alpha 0.05",
            "alpha 0.01",
            "alpha 0.001",
        ];
        let mut text = format!(
            "{}\n\nThe whole report of {} right samplers a row: how often it accuses, with the interval of Clopper and Pearson \
             (confidence {CONFIDENCE}).\n\n",
            table(&head, &[3, 4], reports),
            self.runs
        );
        let mut subjects: Vec<(&str, bool)> = Vec::new();
        for rate in alarms.iter().flat_map(|(_, rates)| rates).filter(|rate| rate.subject != WHOLE) {
            if !subjects.contains(&(&rate.subject, rate.tests == 0)) {
                subjects.push((&rate.subject, rate.tests == 0));
            }
        }
        let checks = subjects.iter().flat_map(|subject| LOOKS.map(|looks| (*subject, looks))).map(
            |((subject, exact), looks)| {
                let pooled = |alpha: f64| {
                    let rates =
                        alarms.iter().filter(|(of, _)| of.looks == looks).flat_map(|(_, rates)| rates);
                    let these =
                        rates.filter(|r| r.subject == subject && (r.tests == 0) == exact && r.alpha == alpha);
                    these.cloned().reduce(|all, one| all.and(&one))
                };
                let kind = if exact { "exact" } else { "test" }.to_owned();
                let runs = pooled(ALPHA[0]).map_or(0, |rate| rate.runs).to_string();
                let looks = words(looks).to_owned();
                [vec![subject.to_owned(), kind, looks, runs], three(&pooled)].concat()
            },
        );
        let head = ["check by itself", "", "looks", "runs", "alpha 0.05", "alpha 0.01", "alpha 0.001"];
        text += &table(&head, &[3], checks);
        text += "\n\nOver all models and numbers of draws.\n\n";
        let mut caught: Vec<Caught<'_>> = Vec::new();
        for (of, power) in powers.iter().flat_map(|(of, powers)| powers.iter().map(move |power| (of, power)))
        {
            let (departure, reached) = (power.departure, power.caught.reaches(POWER));
            let same = |row: &&mut Caught<'_>| {
                let of_same = row.method == of.method && row.looks == of.looks;
                of_same && row.what == power.what && row.all.subject == power.caught.subject
            };
            match caught.iter_mut().find(same) {
                Some(row) => {
                    (row.least, row.most) = (row.least.min(departure), row.most.max(departure));
                    (row.reached, row.all) = (row.reached && reached, row.all.and(&power.caught));
                }
                None => caught.push(Caught {
                    method: of.method,
                    looks: of.looks,
                    what: power.what,
                    least: departure,
                    most: departure,
                    reached,
                    all: power.caught.clone(),
                }),
            }
        }
        caught.sort_by_key(|row| (row.method == Method::AnySize, row.looks == Looks::Always));
        let caught = caught.into_iter().map(|row| {
            let looks = if row.looks == Looks::Once { "one" } else { "at the end" }.to_owned();
            let by = format!("{:.3} to {:.3}", row.least, row.most);
            let (what, runs) = (row.what.to_owned(), row.all.runs.to_string());
            let (subject, by_what) = (row.all.subject.clone(), row.method.name().to_owned());
            vec![subject, by_what, looks, what, by, runs, rate(&row.all, row.reached)]
        });
        let head = ["check by itself", "judged by", "looks", "what is wrong", "by", "runs", "caught"];
        text += &table(&head, &[5], caught);
        text + &format!(
            "\n\nBy the smallest departure that the check states at {} draws and alpha 0.01, over all models.\n",
            self.power
        )
    }
}

fn csv(alarms: &[(Of, Vec<Rate>)], powers: &[(Of, Vec<Power>)]) -> String {
    let mut text =
        "model,method,looks,draws,check,tests,alpha,departure,what,refuted,runs,rate,lower,upper\n"
            .to_owned();
    let mut line = |of: &Of, rate: &Rate, departure: String, what: &str| {
        let (lower, upper) = rate.interval(CONFIDENCE);
        let Rate { subject, tests, alpha, refuted, runs } = rate;
        let looks = if of.looks == Looks::Once { "once" } else { "always" };
        let of = format!("{},{},{looks},{}", of.model, of.method.name(), of.draws);
        text += &format!(
            "{of},{subject},{tests},{alpha},{departure},{what},{refuted},{runs},{},{lower},{upper}\n",
            rate.rate()
        );
    };
    alarms.iter().for_each(|(of, rates)| rates.iter().for_each(|rate| line(of, rate, String::new(), "")));
    for (of, powers) in powers {
        powers.iter().for_each(|power| line(of, &power.caught, power.departure.to_string(), power.what));
    }
    text
}
