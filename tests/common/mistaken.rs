//! Estimators that are wrong on purpose, before each of the three ways in which estimates are judged.

use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use recursive_gumbel::check::estimates::{self, Estimator, LawOfEstimates};
use recursive_gumbel::check::{Asked, Method, Objective, Options};
use recursive_gumbel::estimate::Named;
use recursive_gumbel::mutants::estimates::{Mistake, Mistaken};
use recursive_gumbel::report::{Row, Verdict};
use recursive_gumbel::sample::{Draws, Field};
use recursive_gumbel::statistics::Budget;

/// The false alarm of every report.
const ALPHA: f64 = 1e-6;

/// A model with its default loss, and what is known of an estimator of its gradient from the fewest draws.
pub(crate) struct Judged {
    model: Model,
    loss: Loss,
    estimator: Named,
    exact: LawOfEstimates,
    /// Without the variances and with them.
    objectives: [Objective; 2],
}

impl Judged {
    pub(crate) fn new(text: &str, estimator: Named) -> Self {
        let model = Model::parse(text).unwrap();
        let loss = Loss::named(&model, "default").unwrap();
        let of = match estimator {
            Named::RelaxLinear => Estimator::Relax(Named::critic(model.entries().len())),
            _ if estimator.leave_one_out() => Estimator::Pair(estimator.score()),
            _ => Estimator::Plain(estimator.score()),
        };
        let law = LawOfEstimates::of(&model, &loss, &of).unwrap();
        let objective = Objective::named(&model, &loss, Limit::default()).unwrap();
        let variances = (0..law.mean.len()).map(|k| law.covariance[k * law.mean.len() + k]).collect();
        let objectives = [objective.clone(), objective.with_variances(variances)];
        Self { model, loss, estimator, exact: law, objectives }
    }

    /// Whether so many estimates are refuted: by their mean at one look, as `check` has it; by their mean at every look, as `harness`
    /// has it; by their mean and their covariances, as `verify` has it.
    pub(crate) fn refuted(&self, mistake: Option<&'static Mistake>, seed: u64, count: u64) -> [bool; 3] {
        let [once, always] = self.means(mistake, seed, count).map(|rows| is_refuted(&rows));
        [once, always, is_refuted(&self.law(mistake, seed, count))]
    }

    fn made(&self, mistake: Option<&'static Mistake>, seed: u64) -> Mistaken<'_> {
        let draws = self.estimator.fewest_draws();
        Mistaken::new(&self.model, self.loss, self.estimator, draws, mistake, seed).unwrap()
    }

    /// The rows about the mean: at one look, and at every look.
    fn means(&self, mistake: Option<&'static Mistake>, seed: u64, count: u64) -> [Vec<Row>; 2] {
        let (made, fields) = (self.made(mistake, seed), &[Field::Gradient][..]);
        let [once, always] = &self.objectives;
        let once = Asked { objective: Some(once), ..Asked::only(0.99) };
        let always = Asked { objective: Some(always), ..Asked::until(0.99) };
        [once, always].map(|asked| {
            let method = Method::of(&self.model, fields, &asked, ALPHA);
            let budget = Budget::new(ALPHA, method.tests(&self.model, fields, &asked)).unwrap();
            let mut draws = Draws::new(&made, count);
            method.judge("", &self.model, &mut draws, &asked, &budget, |_| ()).unwrap()
        })
    }

    /// The rows about mean and covariances.
    pub(crate) fn law(&self, mistake: Option<&'static Mistake>, seed: u64, count: u64) -> Vec<Row> {
        let made = self.made(mistake, seed);
        let options = Options { samples: count, alpha: ALPHA, departure: 0.99 };
        let budget = Budget::new(ALPHA, LawOfEstimates::tests(&self.model)).unwrap();
        estimates::judge("", &self.model, &self.exact, &made, &options, &budget, |_| {}).unwrap()
    }
}

pub(crate) fn is_refuted(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.verdict == Verdict::Refuted)
}
