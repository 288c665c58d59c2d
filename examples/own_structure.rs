//! A structure of one's own: maximal independent sets, greedily.
//!
//! All vertices of a graph race. The winner joins the set, and with its neighbours leaves the game; those that are left
//! race again, until nobody is. A run takes as many races as the set has members, so runs differ in length. The four
//! methods of the recursion are all there is to write; the exact law, gradients, the identities, the reference sampler and
//! the whole judgement of draws come with it.
//!
//! ```console
//! cargo run --release --example own_structure
//! ```

use std::collections::BTreeSet;
use std::error::Error;

use gumbel_oracle::instance::{Instance, Rated};
use gumbel_oracle::limit::Limit;
use gumbel_oracle::number::ratio;
use gumbel_oracle::recursion::Recursion;
use recursive_gumbel::check::{Asked, Options, judge, tests};
use recursive_gumbel::report::{Row, Verdict};
use recursive_gumbel::sample::{Field, Reference};
use recursive_gumbel::statistics::Budget;

/// Maximal independent sets of a graph on `vertices` vertices.
pub struct IndependentSet {
    vertices: usize,
    edges: Vec<(usize, usize)>,
}

impl Recursion for IndependentSet {
    type State = Vec<usize>; // the vertices still in the game
    type Structure = BTreeSet<usize>;

    fn entry_count(&self) -> usize {
        self.vertices
    }
    fn start(&self) -> Vec<usize> {
        (0..self.vertices).collect()
    }
    fn stop(&self, left: &Vec<usize>) -> Option<BTreeSet<usize>> {
        left.is_empty().then(BTreeSet::new)
    }
    fn split(&self, left: &Vec<usize>) -> Vec<Vec<usize>> {
        vec![left.clone()]
    }
    fn map(&self, left: &Vec<usize>, winners: &[usize]) -> Vec<usize> {
        let joined = |a, b| self.edges.contains(&(a, b)) || self.edges.contains(&(b, a));
        let stays = |v: &usize| *v != winners[0] && !joined(*v, winners[0]);
        left.iter().copied().filter(stays).collect()
    }
    fn combine(&self, _: &Vec<usize>, winners: &[usize], mut rest: BTreeSet<usize>) -> BTreeSet<usize> {
        rest.insert(winners[0]);
        rest
    }
}

/// A triangle 0, 2, 3 with a tail 0–1, and rates 1, 2, 3, 4.
///
/// # Errors
/// None, unless the recursion above breaks a promise.
pub fn paw() -> Result<Rated<IndependentSet>, Box<dyn Error>> {
    let paw = IndependentSet { vertices: 4, edges: vec![(0, 1), (0, 2), (0, 3), (2, 3)] };
    Ok(Rated::new("independent_set", paw, (1..=4).map(|rate| ratio(rate, 1)).collect())?)
}

/// The rows of a judgement of `samples` draws of the reference sampler.
///
/// # Errors
/// None for four vertices.
pub fn judged(samples: u64) -> Result<Vec<Row>, Box<dyn Error>> {
    let paw = paw()?;
    let options = Options { samples, ..Options::default() };
    let budget = Budget::new(options.alpha, tests(&paw, &Field::DRAWN, &Asked::only(options.departure)))?;
    let sampler = Reference::new(&paw, 1)?;
    Ok(judge("paw", &paw, &sampler, &options, &budget, |_| ())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let paw = paw()?;
    println!("The exact law:");
    for (set, p) in paw.law(Limit::default())? {
        println!("  {set:?} {p}");
    }
    let size = paw.gradient_of(|set| ratio(set.len() as i64, 1), Limit::default())?;
    println!("The expected size is {}, its gradient in the logits:", size.expectation);
    println!("  {}", size.gradient.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    println!("What must hold of any recursion:");
    for identity in paw.identities(Limit::default())? {
        println!("  {}: {:?}", identity.name, identity.outcome);
    }
    println!("200,000 draws:");
    let rows = judged(200_000)?;
    for row in &rows {
        println!("  {}: {}: {} {}", row.subject, row.check, row.verdict.word(), row.note);
    }
    println!("{}", Verdict::of(&rows).word());
    Ok(())
}
