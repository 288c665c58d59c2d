//! Laws that are wrong on purpose, and which identity sees it.
//!
//! `mutants.rs` has algorithms that are wrong; here the algorithm is right and something that is said of it is not: a law, a
//! count, a gradient. The table at the end says, for each mistake, exactly which identities fail; each identity of a
//! structure is refuted by some mistake, so that none holds whatever is said.

use std::collections::{BTreeMap, BTreeSet};

use gumbel_oracle::builtin::{Builtin, Gradient, Laws, Relabelled};
use gumbel_oracle::identities::{of_builtin, of_model, of_recursion};
use gumbel_oracle::kind::{Entry, Kind};
use gumbel_oracle::limit::{Limit, TooLarge};
use gumbel_oracle::model::{Algorithm, Model, ModelError, TraceProblem};
use gumbel_oracle::number::ratio;
use gumbel_oracle::race::Trace;
use gumbel_oracle::reader::Given;
use gumbel_oracle::recursion::Recursion;
use gumbel_oracle::structure::{EntrySet, Variant};
use num_bigint::BigUint;
use num_rational::BigRational;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// Two structures have each other's probability.
    LawSwapped,
    /// The last structure is missing.
    LawWithoutLast,
    /// The last structure is missing where there are more or fewer entries than at first.
    LawOfOthers,
    /// The law is right as long as the first entry has no higher rate than the last.
    LawByLabels,
    /// The probability of one structure alone.
    Probability,
    /// One trace too many is counted.
    TraceCount,
    /// One structure too many is counted.
    StructureCount,
    /// One race too few in every trace.
    RaceCount,
    /// Half the marginal of the first entry.
    Marginals,
    /// The pair marginals are transposed.
    PairMarginals,
    /// The sign of the logit in the gradient of any loss.
    GradientSign,
    /// The sign of the logit in the gradient of a sum over entries.
    SumGradientSign,
    /// The law of a sum over entries is that of the sum and one.
    SumLaw,
    /// The law of a loss that has a way of its own counts one too many.
    LossLaw,
    /// The structure, at the very end, names entry 0 for entry 1 and the other way round.
    EntriesExchanged,
}

/// A structure of which something wrong is said.
#[derive(Debug, Clone)]
struct Wrong<A> {
    right: A,
    mistake: Mistake,
    /// How many entries it had at first.
    entries: usize,
}

impl<A> Wrong<A> {
    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }
    /// The same mistake of another algorithm.
    fn of(&self, (right, rates): (A, Vec<BigRational>)) -> (Self, Vec<BigRational>) {
        (Self { right, ..*self }, rates)
    }
}

impl<A: Builtin> Recursion for Wrong<A> {
    type State = A::State;
    type Structure = A::Structure;
    fn entry_count(&self) -> usize {
        self.right.entry_count()
    }
    fn start(&self) -> A::State {
        self.right.start()
    }
    fn stop(&self, state: &A::State) -> Option<A::Structure> {
        self.right.stop(state)
    }
    fn split(&self, state: &A::State) -> Vec<Vec<usize>> {
        self.right.split(state)
    }
    fn map(&self, state: &A::State, winners: &[usize]) -> A::State {
        self.right.map(state, winners)
    }
    fn combine(&self, state: &A::State, winners: &[usize], rest: A::Structure) -> A::Structure {
        let whole = self.right.combine(state, winners, rest);
        if !self.is(Mistake::EntriesExchanged) || *state != self.start() {
            return whole;
        }
        let mut number: Vec<usize> = (0..self.entry_count()).collect();
        number.swap(0, 1);
        whole.renamed(&number)
    }
}

impl<A: Builtin> Laws for Wrong<A> {
    const MERGES: bool = A::MERGES;
    fn law(&self, rates: &[BigRational]) -> Vec<(A::Structure, BigRational)> {
        let mut law = self.right.law(rates);
        let last = law.len() - 1;
        let exchange = match self.mistake {
            Mistake::LawSwapped => true,
            Mistake::LawByLabels => rates[0] > rates[rates.len() - 1],
            _ => false,
        };
        if exchange {
            let first = law[0].1.clone();
            law[0].1 = std::mem::replace(&mut law[last].1, first);
        }
        if self.is(Mistake::LawWithoutLast) || self.is(Mistake::LawOfOthers) && rates.len() != self.entries {
            law.truncate(last);
        }
        law
    }
    fn probability(
        &self,
        rates: &[BigRational],
        structure: &A::Structure,
        limit: Limit,
    ) -> Result<BigRational, TooLarge> {
        let right = self.right.probability(rates, structure, limit)?;
        Ok(if self.is(Mistake::Probability) { right / ratio(2, 1) } else { right })
    }
    fn marginals(&self, rates: &[BigRational]) -> Vec<BigRational> {
        let mut marginals = self.right.marginals(rates);
        if self.is(Mistake::Marginals) {
            marginals[0] /= ratio(2, 1);
        }
        marginals
    }
    fn gradient_of(&self, rates: &[BigRational], loss: &dyn Fn(&A::Structure) -> BigRational) -> Gradient {
        let right = self.right.gradient_of(rates, loss);
        if self.is(Mistake::GradientSign) { negative(right) } else { right }
    }
    fn sum_gradient(&self, rates: &[BigRational], values: &[i64]) -> Option<Gradient> {
        let right = self.right.sum_gradient(rates, values);
        if self.is(Mistake::SumGradientSign) { right.map(negative) } else { right }
    }
    fn sum_law(&self, rates: &[BigRational], values: &[i64]) -> Option<BTreeMap<i64, BigRational>> {
        let right = self.right.sum_law(rates, values);
        if self.is(Mistake::SumLaw) { right.map(one_more) } else { right }
    }
}

fn negative(Gradient { expectation, gradient }: Gradient) -> Gradient {
    Gradient { expectation, gradient: gradient.into_iter().map(|derivative| -derivative).collect() }
}

fn one_more(law: BTreeMap<i64, BigRational>) -> BTreeMap<i64, BigRational> {
    law.into_iter().map(|(value, p)| (value + 1, p)).collect()
}

impl<A: Builtin> Builtin for Wrong<A> {
    const KIND: Kind = A::KIND;
    const ABOUT: &'static str = A::ABOUT;
    const LOSSES: &'static [(&'static str, &'static str)] = A::LOSSES;
    fn size(&self) -> usize {
        self.right.size()
    }
    fn entry(&self, k: usize) -> Entry {
        self.right.entry(k)
    }
    fn read(given: &Given<'_>) -> Result<(Self, Vec<BigRational>), ModelError> {
        let (right, rates) = A::read(given)?;
        let entries = rates.len();
        Ok((Self { right, mistake: Mistake::None, entries }, rates))
    }
    fn structure_count(&self) -> BigUint {
        self.right.structure_count() + u8::from(self.is(Mistake::StructureCount))
    }
    fn trace_count(&self) -> Option<BigUint> {
        self.right.trace_count().map(|count| count + u8::from(self.is(Mistake::TraceCount)))
    }
    fn check_magnitude(&self, limit: Limit) -> Result<(), TooLarge> {
        self.right.check_magnitude(limit)
    }
    fn loss(&self, name: &str, structure: &A::Structure) -> i64 {
        self.right.loss(name, structure)
    }
    fn additive(&self, name: &str) -> Option<Vec<i64>> {
        self.right.additive(name)
    }
    fn loss_law(
        &self,
        name: &str,
        rates: &[BigRational],
        limit: Limit,
    ) -> Result<Option<BTreeMap<i64, BigRational>>, TooLarge> {
        let right = self.right.loss_law(name, rates, limit)?;
        Ok(if self.is(Mistake::LossLaw) { right.map(one_more) } else { right })
    }
    fn pair_marginals(
        &self,
        rates: &[BigRational],
        limit: Limit,
    ) -> Result<Option<Vec<Vec<BigRational>>>, TooLarge> {
        let right = self.right.pair_marginals(rates, limit)?;
        let transposed = |rows: Vec<Vec<BigRational>>| {
            (0..rows.len()).map(|j| rows.iter().map(|row| row[j].clone()).collect()).collect()
        };
        Ok(if self.is(Mistake::PairMarginals) { right.map(transposed) } else { right })
    }
    fn canonical(&self, structure: &A::Structure) -> String {
        self.right.canonical(structure)
    }
    fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem> {
        self.right.parse_trace(text)
    }
    fn race_count(&self, trace: &Trace) -> usize {
        self.right.race_count(trace) - usize::from(self.is(Mistake::RaceCount))
    }
    fn relabelled(&self, rates: &[BigRational]) -> Relabelled<Self> {
        let Relabelled { algorithm, rates, number } = self.right.relabelled(rates);
        let (algorithm, rates) = self.of((algorithm, rates));
        Relabelled { algorithm, rates, number }
    }
    fn without(&self, rates: &[BigRational], k: usize) -> Option<[(Self, Vec<BigRational>); 2]> {
        self.right.without(rates, k).map(|both| both.map(|one| self.of(one)))
    }
    fn beside_a_block(&self, rates: &[BigRational]) -> Option<(Self, Vec<BigRational>)> {
        self.right.beside_a_block(rates).map(|one| self.of(one))
    }
    fn candidates(&self) -> Option<Vec<EntrySet>> {
        self.right.candidates()
    }
}

/// The identities that fail, beyond those of any recursion.
fn refuted<A: Builtin>(right: &A, rates: &[BigRational], mistake: Mistake) -> Vec<&'static str> {
    let wrong = Wrong { right: right.clone(), mistake, entries: rates.len() };
    let of_any = of_recursion(&wrong, rates).len();
    let own = of_builtin(&wrong, rates).into_iter().skip(of_any);
    own.filter(|identity| identity.outcome.is_err()).map(|identity| identity.name).collect()
}

fn refuted_of(model: &str, mistake: Mistake) -> Vec<&'static str> {
    let model = Model::parse(model).unwrap();
    match model.algorithm() {
        Algorithm::SpanningTree(a) => refuted(a, model.rates(), mistake),
        Algorithm::Arborescence(a) => refuted(a, model.rates(), mistake),
        Algorithm::Matching(a) => refuted(a, model.rates(), mistake),
        Algorithm::BinaryTree(a) => refuted(a, model.rates(), mistake),
        Algorithm::TopK(a) => refuted(a, model.rates(), mistake),
        Algorithm::Permutation(a) => refuted(a, model.rates(), mistake),
        Algorithm::Categorical(a) => refuted(a, model.rates(), mistake),
    }
}

const TREE: &str = r#"{"structure": "spanning_tree", "vertices": 4,
    "edges": [[0,1,1],[1,2,2],[2,3,3],[0,3,5],[0,2,7]]}"#;
const ARBORESCENCE: &str = r#"{"structure": "arborescence", "vertices": 3, "root": 0,
    "edges": [[0,1,1],[0,2,2],[1,2,3],[2,1,5]]}"#;
const MATCHING: &str = r#"{"structure": "matching", "rates": [[1,2],[3,5]]}"#;
const BINARY_TREE: &str = r#"{"structure": "binary_tree", "rates": [1,2,4]}"#;
const TOP_K: &str = r#"{"structure": "top_k", "k": 2, "rates": [1,2,4,7]}"#;
const PERMUTATION: &str = r#"{"structure": "permutation", "rates": [1,2,4]}"#;
const CATEGORICAL: &str = r#"{"structure": "categorical", "rates": [1,2,4]}"#;

const MODELS: [(&str, &str); 7] = [
    ("tree", TREE),
    ("arborescence", ARBORESCENCE),
    ("matching", MATCHING),
    ("binary_tree", BINARY_TREE),
    ("top_k", TOP_K),
    ("permutation", PERMUTATION),
    ("categorical", CATEGORICAL),
];

/// A letter for each identity.
const LETTERS: [(char, &str); 9] = [
    ('c', "counts"),
    ('f', "collapsed = full enumeration"),
    ('p', "modulo a prime"),
    ('m', "marginals by two ways"),
    ('g', "gradients by two ways"),
    ('l', "laws of losses"),
    ('r', "relabelling"),
    ('0', "rate 0 = entry removed"),
    ('d', "weight of X = sum of race times"),
];

/// Which identities fail, by mistake and structure. Where none does, the structure has nothing that the mistake could change:
/// no pair marginals, no way of its own to sum, no entry that can be absent.
const TABLE: &str = "\
mistake          tree    arborescence matching binary_tree top_k   permutation categorical
LawSwapped       fp      fpl          fpl      fplr        fplr    fpr         fpr
LawWithoutLast   cfplr   cfplr        cfpl     cfplr       cfplr   cfpr        cfpr
LawOfOthers      0       0            0        –           0       –           0
LawByLabels      r0      r0           r        r           r0      r           r0
Probability      f       f            f        f           f       f           f
TraceCount       c       c            c        c           c       c           c
StructureCount   c       c            c        c           c       c           c
RaceCount        c       c            c        c           c       c           c
Marginals        m       m            m        m           m       m           m
PairMarginals    –       –            –        m           –       m           –
GradientSign     g       g            g        g           g       g           g
SumGradientSign  g       –            g        –           g       –           g
SumLaw           l       –            l        –           l       –           l
LossLaw          –       –            –        l           –       –           –
EntriesExchanged fpmgl   fpmgld       fpmgl    fpmgl       fpmgl   fpg         fpmgl
";

const MISTAKES: [Mistake; 15] = [
    Mistake::LawSwapped,
    Mistake::LawWithoutLast,
    Mistake::LawOfOthers,
    Mistake::LawByLabels,
    Mistake::Probability,
    Mistake::TraceCount,
    Mistake::StructureCount,
    Mistake::RaceCount,
    Mistake::Marginals,
    Mistake::PairMarginals,
    Mistake::GradientSign,
    Mistake::SumGradientSign,
    Mistake::SumLaw,
    Mistake::LossLaw,
    Mistake::EntriesExchanged,
];

fn row(cells: impl IntoIterator<Item = String>) -> String {
    let widths = [16, 7, 12, 8, 11, 7, 11, 11];
    let padded = cells.into_iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
    padded.collect::<Vec<_>>().join(" ").trim_end().to_owned() + "\n"
}

#[test]
fn each_mistake_is_refuted_by_just_these_identities() {
    let mut table = row(["mistake"].into_iter().chain(MODELS.map(|(name, _)| name)).map(str::to_owned));
    for mistake in MISTAKES {
        let cell = |(_, model): (&str, &str)| -> String {
            let failed = refuted_of(model, mistake);
            let letter = |name: &&str| LETTERS.iter().find(|(_, of)| of == name).map(|&(letter, _)| letter);
            let letters: String = failed.iter().filter_map(letter).collect();
            assert_eq!(letters.len(), failed.len(), "an identity without a letter: {failed:?}");
            if letters.is_empty() { "–".to_owned() } else { letters }
        };
        table += &row(std::iter::once(format!("{mistake:?}")).chain(MODELS.map(cell)));
    }
    assert_eq!(table, TABLE, "found:\n{table}");
}

#[test]
fn right_laws_pass_and_every_identity_can_fail() {
    for (name, model) in MODELS {
        assert_eq!(refuted_of(model, Mistake::None), [""; 0], "{name}");
        let parsed = Model::parse(model).unwrap();
        let of_any = 6;
        let all: BTreeSet<&str> =
            of_model(&parsed).into_iter().skip(of_any).map(|identity| identity.name).collect();
        let refuted: BTreeSet<&str> =
            MISTAKES.into_iter().flat_map(|mistake| refuted_of(model, mistake)).collect();
        assert_eq!(all, refuted, "{name}");
    }
}
