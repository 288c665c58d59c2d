//! The races of a trace from its winners alone: totals and what follows from them, without lists of entrants.
//!
//! # Notation
//! A trace has races `r` with winners `w_r`. The races in which an entry takes part form a *path*: it enters its first race,
//! goes on to the next if it does not win, and leaves after its last. Paths that begin alike share their *nodes*: a node is
//! a race as it is reached along one path, and knows the node before it. So a path is known by its last node, and the sum of
//! anything over the races of an entry is a prefix sum over nodes:
//!
//! | structure | nodes | an entry's last race |
//! |---|---|---|
//! | spanning_tree | the races, one after the other | the one that joins the components of its ends |
//! | matching | the races, one after the other | the one that takes its row or its column |
//! | top_k, permutation, categorical | the races, one after the other | the one that it wins, or the last |
//! | binary_tree | the races, each after that of the interval above | the one that it wins |
//! | arborescence | race of a component × vertex in it | that of the largest component that holds its head, but not its tail |
//!
//! # Law
//! With `Λ_r` the sum of `λ_k` over the entries whose path holds `r`, everything in [`gumbel_oracle::race`] follows: see the
//! methods of [`Walk`]. Only positive numbers are added, except in the inverse map, which subtracts by nature.
//!
//! # Cost
//! A walk: O(n² + entries) for an arborescence, O(entries · log n) for a spanning tree, O(entries) for the others. Each method:
//! O(nodes + entries), and nodes are no more than vertices times the depth to which cycles are contracted.
//!
//! # Example
//! ```
//! use gumbel_oracle::model::Model;
//! use recursive_gumbel::sample::Walker;
//! let model = Model::parse(r#"{"structure": "top_k", "k": 2, "rates": [1, 2, 3]}"#)?;
//! let walker = Walker::new(&model);
//! let walk = walker.walk(&[2, 0])?;
//! assert_eq!(walk.totals(), [6.0, 3.0]);
//! assert!((walk.log_prob() - (3.0 / 6.0 * 1.0 / 3.0_f64).ln()).abs() < 1e-15);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use gumbel_oracle::model::{Algorithm, Model};
use gumbel_oracle::number::{Real, to_f64};

use super::{arborescence, binary_tree, matching, positions, spanning_tree};

/// Why winners are no trace. Races are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// An entry that there is not.
    #[error("race {race} is won by entry {winner}, but there are {entries} entries")]
    NoSuchEntry {
        /// The race.
        race: usize,
        /// The winner named.
        winner: u32,
        /// How many entries there are.
        entries: usize,
    },
    /// Someone wins who does not race here: absent, or gone before.
    #[error("race {race} cannot be won by entry {winner}, which does not race any more, or never did")]
    NotAnEntrant {
        /// The race.
        race: usize,
        /// The winner named.
        winner: u32,
    },
    /// There are too few races.
    #[error("the trace ends after {races} races, but some have still to race")]
    TooShort {
        /// How many it has.
        races: usize,
    },
    /// There are too many races.
    #[error("the trace has {found} races, but the algorithm stops after {races}")]
    TooLong {
        /// How many are held.
        races: usize,
        /// How many the trace has.
        found: usize,
    },
}

/// A model whose traces are walked: built once, for many traces.
#[derive(Debug, Clone)]
pub struct Walker<'m> {
    model: &'m Model,
    rates: Vec<f64>,
    pairs: Vec<(usize, usize)>,
}

impl<'m> Walker<'m> {
    /// For the traces of this model; its rates as the nearest `f64`.
    #[must_use]
    pub fn new(model: &'m Model) -> Self {
        Self { model, rates: model.rates().iter().map(to_f64).collect(), pairs: model.pairs() }
    }

    /// The same with other rates, one per entry: as they change while one learns.
    ///
    /// # Panics
    /// If there is not one rate per entry.
    pub fn set_rates(&mut self, rates: &[f64]) {
        self.rates.copy_from_slice(rates);
    }

    pub(super) fn model(&self) -> &Model {
        self.model
    }

    /// The rates, one per entry, nearest `f64`.
    #[must_use]
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    pub(super) fn pairs(&self) -> &[(usize, usize)] {
        &self.pairs
    }

    /// Walks the races of a trace, given by its winners in the order held.
    ///
    /// # Errors
    /// [`WalkError`] with the first race that cannot be won like this, or that is missing.
    pub fn walk(&self, winners: &[u32]) -> Result<Walk<'_>, WalkError> {
        let entries = self.rates.len();
        for (race, &winner) in winners.iter().enumerate() {
            match self.rates.get(winner as usize) {
                None => return Err(WalkError::NoSuchEntry { race, winner, entries }),
                Some(0.0) => return Err(WalkError::NotAnEntrant { race, winner }),
                Some(_) => {}
            }
        }
        let n = self.model.size();
        let Paths { nodes, last } = match self.model.algorithm() {
            Algorithm::SpanningTree(_) => spanning_tree::paths(n, &self.pairs, winners)?,
            Algorithm::Arborescence(a) => arborescence::paths(n, a.root(), &self.pairs, winners)?,
            Algorithm::Matching(_) => matching::paths(n, &self.pairs, winners)?,
            Algorithm::BinaryTree(_) => binary_tree::paths(n, winners)?,
            Algorithm::TopK(a) => positions::paths(n, a.k(), winners)?,
            Algorithm::Permutation(_) => positions::paths(n, n, winners)?,
            Algorithm::Categorical(_) => positions::paths(n, 1, winners)?,
        };
        Ok(Walk::new(&self.rates, winners, nodes, last))
    }
}

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// A race as it is reached along a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// The race.
    pub(super) race: u32,
    /// The node before it; [`NONE`] at the first race of a path.
    pub(super) before: u32,
}

/// The nodes in the order of their races, and the last node of each entry, of absent ones too.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) nodes: Vec<Node>,
    pub(super) last: Vec<u32>,
}

impl Paths {
    /// All races one after the other, from the last race of each entry.
    pub(super) fn in_a_row(races: usize, last: Vec<u32>) -> Self {
        let node = |race: u32| Node { race, before: race.checked_sub(1).unwrap_or(NONE) };
        Self { nodes: (0..races as u32).map(node).collect(), last }
    }
}

/// Refuses a number of races other than `held`.
pub(super) fn check_length(winners: &[u32], held: usize) -> Result<(), WalkError> {
    let found = winners.len();
    match found.cmp(&held) {
        std::cmp::Ordering::Less => Err(WalkError::TooShort { races: found }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(WalkError::TooLong { races: held, found }),
    }
}

/// The races of one trace.
#[derive(Debug, Clone)]
pub struct Walk<'r> {
    rates: &'r [f64],
    winners: Vec<usize>,
    nodes: Vec<Node>,
    /// The last node of each entry; [`NONE`] for an absent one.
    last: Vec<u32>,
    won: Vec<bool>,
    totals: Vec<f64>,
}

impl<'r> Walk<'r> {
    fn new(rates: &'r [f64], winners: &[u32], nodes: Vec<Node>, mut last: Vec<u32>) -> Self {
        let winners: Vec<usize> = winners.iter().map(|&winner| winner as usize).collect();
        let mut won = vec![false; rates.len()];
        winners.iter().for_each(|&winner| won[winner] = true);
        for (last, &rate) in last.iter_mut().zip(rates) {
            if rate == 0.0 {
                *last = NONE;
            }
        }
        let mut walk = Self { rates, winners, nodes, last, won, totals: Vec::new() };
        walk.totals = walk.over_entrants(|entry| rates[entry]);
        walk
    }

    /// For each node, the sum over the entries whose path holds it of one value per entry.
    pub(super) fn through<T: Copy + From<f64> + std::ops::AddAssign>(
        &self,
        value: impl Fn(usize) -> T,
    ) -> Vec<T> {
        let mut through = vec![T::from(0.0); self.nodes.len()];
        for (entry, &last) in self.last.iter().enumerate().filter(|(_, last)| **last != NONE) {
            through[last as usize] += value(entry);
        }
        // From the last nodes back: what ends in a node, and what goes on from it.
        for (node, &Node { before, .. }) in self.nodes.iter().enumerate().rev() {
            if before != NONE {
                let on = through[node];
                through[before as usize] += on;
            }
        }
        through
    }

    /// For each race, the sum over its entrants of one value per entry.
    pub(super) fn over_entrants<T: Copy + From<f64> + std::ops::AddAssign>(
        &self,
        value: impl Fn(usize) -> T,
    ) -> Vec<T> {
        let mut sums = vec![T::from(0.0); self.winners.len()];
        for (node, through) in self.nodes.iter().zip(self.through(value)) {
            sums[node.race as usize] += through;
        }
        sums
    }

    /// The winner of each race.
    #[must_use]
    pub fn winners(&self) -> &[usize] {
        &self.winners
    }

    /// The rates, one per entry.
    #[must_use]
    pub fn rates(&self) -> &[f64] {
        self.rates
    }

    /// Whether an entry won a race.
    #[must_use]
    pub fn has_won(&self, entry: usize) -> bool {
        self.won[entry]
    }

    /// The last node of an entry.
    pub(super) fn last_node(&self, entry: usize) -> Option<usize> {
        Some(self.last[entry]).filter(|&last| last != NONE).map(|last| last as usize)
    }

    /// For each race the one before it on the way of its winner.
    pub(super) fn races_before(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        self.winners.iter().map(|&winner| self.races_of(winner).nth(1))
    }

    /// The number of entrants of each race.
    #[must_use]
    pub fn entrant_counts(&self) -> Vec<usize> {
        self.over_entrants(|_| 1.0).into_iter().map(|count: f64| count as usize).collect()
    }

    /// The total rate `Λ_r` of each race.
    #[must_use]
    pub fn totals(&self) -> &[f64] {
        &self.totals
    }

    /// The races of an entry, the last one first.
    pub fn races_of(&self, entry: usize) -> impl Iterator<Item = usize> + '_ {
        let node = |node: u32| self.nodes.get(node as usize);
        std::iter::successors(node(self.last[entry]), move |last| node(last.before))
            .map(|node| node.race as usize)
    }

    /// `log p(T) = Σ_r log λ_w - log Λ_r`, natural.
    #[must_use]
    pub fn log_prob(&self) -> f64 {
        let terms = self.winners.iter().zip(&self.totals);
        terms.map(|(&winner, total)| Real::ln(&self.rates[winner]) - Real::ln(total)).sum()
    }

    /// For each node the sum over the races up to it of one value per race.
    pub(super) fn sums<T: Copy + From<f64> + std::ops::Add<Output = T>>(&self, values: &[T]) -> Vec<T> {
        let mut sums = Vec::with_capacity(self.nodes.len());
        for &Node { race, before } in &self.nodes {
            let up_to: T = if before == NONE { T::from(0.0) } else { sums[before as usize] };
            sums.push(up_to + values[race as usize]);
        }
        sums
    }

    /// The score `∂ log p(T)/∂θ_k = λ_k Σ_{r: k∈S_r} 1/Λ_r - [k won]`, one number per entry; 0 for an absent one.
    #[must_use]
    pub fn score(&self) -> Vec<f64> {
        let sums = self.sums(&self.totals.iter().map(|total| total.recip()).collect::<Vec<_>>());
        let score = |(k, &last): (usize, &u32)| {
            let held = if last == NONE { 0.0 } else { self.rates[k] * sums[last as usize] };
            held - if self.won[k] { 1.0 } else { 0.0 }
        };
        self.last.iter().enumerate().map(score).collect()
    }

    /// A draw of the exponentials given the trace, from one uniform in (0, 1) per entry: `M_r = -log u_{w_r} / Λ_r`,
    /// `R_k = -log u_k / λ_k`, `E_k = Σ_{r: k∈S_r} M_r + [k never won] R_k`; infinite for an absent entry.
    ///
    /// # Panics
    /// If there is not one uniform per entry.
    #[must_use]
    pub fn conditional(&self, uniforms: &[f64]) -> Vec<f64> {
        assert_eq!(uniforms.len(), self.rates.len(), "one uniform per entry");
        let races = self.winners.iter().zip(&self.totals);
        let times: Vec<f64> = races.map(|(&winner, total)| -Real::ln(&uniforms[winner]) / total).collect();
        let sums = self.sums(&times);
        let weight = |(k, &last): (usize, &u32)| {
            let sum = if last == NONE { 0.0 } else { sums[last as usize] };
            if self.won[k] { sum } else { sum - Real::ln(&uniforms[k]) / self.rates[k] }
        };
        self.last.iter().enumerate().map(weight).collect()
    }

    /// The derivative of [`conditional`](Self::conditional), as a function of the logits, times a vector from the left:
    /// `Σ_k v_k ∂E_k/∂θ_i`, one number per entry `i`; 0 at an absent one.
    ///
    /// From `∂M_r/∂θ_i = [i ∈ S_r] M_r λ_i/Λ_r` and `∂R_k/∂θ_i = [i = k] R_k` it is
    /// `λ_i Σ_{r: i∈S_r} M_r V_r/Λ_r + [i never won] v_i R_i`, with `V_r` the sum of `v` over the entrants of race `r`.
    ///
    /// Complexity: O(nodes + entries).
    ///
    /// # Panics
    /// If there is not one uniform and one number per entry.
    #[must_use]
    pub fn pull_back(&self, uniforms: &[f64], vector: &[f64]) -> Vec<f64> {
        self.derivative(uniforms, vector, |k, _| vector[k], |rate, sum| rate * sum)
    }

    /// The derivative of [`conditional`](Self::conditional), as a function of the logits, along a direction:
    /// `Σ_i v_i ∂E_k/∂θ_i`, one number per entry `k`; 0 at an absent one.
    ///
    /// With `dM_r = M_r Σ_{i∈S_r} λ_i v_i / Λ_r` it is `Σ_{r: k∈S_r} dM_r + [k never won] v_k R_k`.
    ///
    /// Complexity: O(nodes + entries).
    ///
    /// # Panics
    /// If there is not one uniform and one number per entry.
    #[must_use]
    pub fn push_forward(&self, uniforms: &[f64], direction: &[f64]) -> Vec<f64> {
        self.derivative(uniforms, direction, |k, rate| rate * direction[k], |_, sum| sum)
    }

    /// For each entry `finish` of the sum over its races of `M_r / Λ_r` times the sum of `share` over the entrants; and
    /// `[k never won] v_k R_k`.
    ///
    /// `M_r / Λ_r` goes as the square of `1/Λ_r`, which may be beyond f64 where its product with a rate is not. So rates are taken,
    /// and given to `share` and `finish`, in a unit in the middle of the totals; it is a power of two, and changes no digit. So totals may be
    /// 1e290 times each other, and a vector of numbers around 1 can be pulled back.
    fn derivative(
        &self,
        uniforms: &[f64],
        vector: &[f64],
        share: impl Fn(usize, f64) -> f64,
        finish: impl Fn(f64, f64) -> f64,
    ) -> Vec<f64> {
        let entries = self.rates.len();
        assert!(uniforms.len() == entries && vector.len() == entries, "one uniform and one number per entry");
        let sizes = self.totals.iter().map(|total| libm::ilogb(*total));
        let (least, most) =
            sizes.fold((i32::MAX, i32::MIN), |(least, most), size| (least.min(size), most.max(size)));
        let unit = libm::ldexp(1.0, -least.midpoint(most));
        let rate = |k: usize| self.rates[k] * unit;
        let inside = self.over_entrants(|k| share(k, rate(k)));
        let races = self.winners.iter().zip(&self.totals).zip(inside);
        let values: Vec<f64> = races
            .map(|((&winner, total), inside)| {
                let total = total * unit;
                -Real::ln(&uniforms[winner]) / total * inside / total
            })
            .collect();
        let sums = self.sums(&values);
        let of = |(k, &last): (usize, &u32)| {
            if last == NONE {
                return 0.0;
            }
            let residual = if self.won[k] { 0.0 } else { -Real::ln(&uniforms[k]) / self.rates[k] };
            finish(rate(k), sums[last as usize]) * unit + vector[k] * residual
        };
        self.last.iter().enumerate().map(of).collect()
    }

    /// The inverse of [`conditional`](Self::conditional): `exp(-Λ_r M_r)` at the winner of each race, `exp(-λ_k R_k)` at every
    /// other entry, NaN at an absent one. A value above 1 means a negative time: the weights are not of this trace.
    ///
    /// # Panics
    /// If there is not one weight per entry.
    #[must_use]
    pub fn uniforms(&self, weights: &[f64]) -> Vec<f64> {
        assert_eq!(weights.len(), self.rates.len(), "one weight per entry");
        let mut uniforms = vec![f64::NAN; weights.len()];
        let mut sums: Vec<f64> = Vec::with_capacity(self.nodes.len());
        let up_to = |sums: &[f64], before: u32| if before == NONE { 0.0 } else { sums[before as usize] };
        let mut nodes = self.nodes.iter().peekable();
        for (race, (&winner, total)) in self.winners.iter().zip(&self.totals).enumerate() {
            let before = self.nodes[self.last[winner] as usize].before;
            let time = weights[winner] - up_to(&sums, before);
            uniforms[winner] = Real::exp(&(-time * total));
            while let Some(node) = nodes.next_if(|node| node.race as usize == race) {
                sums.push(up_to(&sums, node.before) + time);
            }
        }
        for (k, &last) in self.last.iter().enumerate().filter(|&(k, &last)| last != NONE && !self.won[k]) {
            uniforms[k] = Real::exp(&(-(weights[k] - sums[last as usize]) * self.rates[k]));
        }
        uniforms
    }

    /// The winners' randomised probability integral transform, from one uniform in (0, 1) per race:
    /// `(Σ_{k before w_r} λ_k + u_r λ_{w_r}) / Λ_r`, where the entrants of a race stand in an order that is known before it is held.
    ///
    /// Given the past, the winner of a race is categorical with probabilities `λ_k/Λ_r`; so the results are independent and
    /// uniform on (0, 1) exactly when the winners follow their law, at any size. Entrants are in the order of their entries; in an
    /// arborescence, in that of the vertices in the component, and then of the arcs into the same vertex.
    ///
    /// Complexity: O(nodes + entries · log nodes).
    ///
    /// # Panics
    /// If there is not one uniform per race.
    ///
    /// # References
    /// The transform: Brockwell (2007), *Universal residuals: a multivariate transformation*, Statistics & Probability Letters
    /// 77(14), who goes back to Rosenblatt (1952).
    #[must_use]
    pub fn transform(&self, uniforms: &[f64]) -> Vec<f64> {
        assert_eq!(uniforms.len(), self.winners.len(), "one uniform per race");
        // The nodes in an order in which those beyond a node follow it in a row.
        let mut beyond = vec![1; self.nodes.len()];
        for (node, &Node { before, .. }) in self.nodes.iter().enumerate().rev() {
            if before != NONE {
                let on = beyond[node];
                beyond[before as usize] += on;
            }
        }
        let (mut place, mut free, mut start) = (vec![0; self.nodes.len()], vec![0; self.nodes.len()], 0);
        for (node, &Node { before, .. }) in self.nodes.iter().enumerate() {
            let next = if before == NONE { &mut start } else { &mut free[before as usize] };
            place[node] = *next;
            *next += beyond[node];
            free[node] = place[node] + 1;
        }
        // Within the winner's node: the entries before it that are on a path through the node.
        let mut below = vec![0.0; self.winners.len()];
        let mut sums = Sums::new(self.nodes.len());
        for (entry, &last) in self.last.iter().enumerate().filter(|(_, last)| **last != NONE) {
            let node = last as usize;
            if self.won[entry] {
                below[self.nodes[node].race as usize] = sums.over(place[node]..place[node] + beyond[node]);
            }
            sums.add(place[node], self.rates[entry]);
        }
        // The nodes of the race before the winner's.
        let through = self.through(|entry| self.rates[entry]);
        let winning: Vec<u32> = self.winners.iter().map(|&winner| self.last[winner]).collect();
        for (node, &Node { race, .. }) in self.nodes.iter().enumerate() {
            if node < winning[race as usize] as usize {
                below[race as usize] += through[node];
            }
        }
        let races = below.into_iter().zip(&self.winners).zip(self.totals.iter().zip(uniforms));
        races
            .map(|((below, &winner), (total, u))| ((below + u * self.rates[winner]) / total).min(1.0))
            .collect()
    }
}

/// Numbers at places, and their sums over ranges of places, each in O(log places): a segment tree. Only adds.
struct Sums {
    places: usize,
    tree: Vec<f64>,
}

impl Sums {
    fn new(places: usize) -> Self {
        Self { places, tree: vec![0.0; 2 * places] }
    }

    fn add(&mut self, place: usize, value: f64) {
        let mut node = self.places + place;
        while node > 0 {
            self.tree[node] += value;
            node /= 2;
        }
    }

    fn over(&self, places: std::ops::Range<usize>) -> f64 {
        let (mut low, mut high, mut sum) = (self.places + places.start, self.places + places.end, 0.0);
        while low < high {
            if low % 2 == 1 {
                sum += self.tree[low];
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                sum += self.tree[high];
            }
            (low, high) = (low / 2, high / 2);
        }
        sum
    }
}
