//! The times behind the weights: uniform each, given the trace, and independent of each other.

use std::collections::BTreeMap;

use super::pooled::{First, bets_on_grids};
use super::{Check, Evidence, IMPOSSIBLE, Known, Level, Looks, Seen, repeated, worst};
use crate::report::Row;
use crate::sample::Field;
use crate::statistics::{MINIMUM_EXPECTED, Pearson, StatisticsError, pearson_of_rows, pool};

/// Which weights of a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that the algorithm was run on.
    Exponentials,
    /// Those drawn given the trace.
    Conditional,
}

impl Which {
    pub(super) fn subject(self) -> &'static str {
        match self {
            Self::Exponentials => "exponentials",
            Self::Conditional => "conditional",
        }
    }

    /// What the uniforms are made of: those of a conditional draw are those of the inverse map, given its trace.
    pub(super) fn needs(self) -> &'static [Field] {
        match self {
            Self::Exponentials => &[Field::Exponentials],
            Self::Conditional => &[Field::Conditional, Field::Trace],
        }
    }

    /// The uniforms of one draw.
    pub(super) fn values(self) -> fn(&Seen<'_>, &mut dyn FnMut(f64)) {
        match self {
            Self::Exponentials => |seen, see| seen.survivals.iter().for_each(|&u| see(u)),
            Self::Conditional => |seen, see| seen.conditional.iter().for_each(|&u| see(u)),
        }
    }

    /// Uniforms, `[draws, present]`.
    pub(super) fn column(self, batch: &Evidence) -> &[f64] {
        match self {
            Self::Exponentials => &batch.survivals,
            Self::Conditional => &batch.conditional,
        }
    }
}

/// The bin of a uniform among `bins` equal ones; `None` if it is none.
pub(super) fn bin(u: f64, bins: usize) -> Option<usize> {
    (0.0..=1.0).contains(&u).then(|| ((u * bins as f64) as usize).min(bins - 1))
}

// ------------------------------------------------------------------------------------------------ one at a time

/// Bins of the Kolmogorov-Smirnov test: the departure it catches grows by 1/4096.
pub(super) const FINE: usize = 4096;

/// Each entry's uniform, over all draws.
pub(super) struct Each {
    which: Which,
    present: usize,
    bins: usize,
    counts: Vec<u64>,
}

impl Each {
    pub(super) fn new(which: Which, present: usize, bins: usize) -> Self {
        Self { which, present, bins, counts: Vec::new() }
    }
}

impl Check for Each {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        if self.present == 0 {
            return;
        }
        self.counts.resize(self.present * self.bins, 0);
        for row in self.which.column(batch).chunks(self.present) {
            for (counts, &u) in self.counts.chunks_mut(self.bins).zip(row) {
                bin(u, self.bins).into_iter().for_each(|bin| counts[bin] += 1);
            }
        }
    }

    fn subject(&self) -> &'static str {
        self.which.subject()
    }

    fn needs(&self) -> &'static [Field] {
        self.which.needs()
    }

    fn tests(&self) -> usize {
        self.present
    }

    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let (mut tests, mut judge) = (Vec::new(), at.uniforms());
        let counted = self.counts.chunks(self.bins).zip(&known.present);
        let counted = counted.filter(|(counts, _)| counts.iter().any(|&count| count > 0));
        for (counts, &entry) in counted.take(at.coordinates()) {
            let (draws, test) = judge(counts)?;
            tests.push(((entry, draws), test));
        }
        let subject = self.which.subject();
        Ok(match worst(tests) {
            Some(((entry, draws), test)) => {
                let label = known.label(entry);
                let check = format!("{}, worst of {}: {label}", at.name("KS"), self.present);
                vec![Row::test(subject, check, draws, "draws", test, || {
                    format!("the {subject} of entry {label} do not follow their law")
                })]
            }
            None => nothing(subject, at.name("KS"), self.present),
        })
    }
}

/// The row that says so if there was something to judge, but no draw to judge it by.
fn nothing(subject: &'static str, check: &str, coordinates: usize) -> Vec<Row> {
    if coordinates == 0 {
        return Vec::new();
    }
    vec![Row::exact(subject, check, 0, "draws").not_judged("no draw has what it takes")]
}

// ---------------------------------------------------------------------------------------------- given the trace

/// Bins of a uniform given the trace.
const OCTILES: usize = 8;

/// More traces than these are not counted one by one, but by the race that the entry won: each would need
/// [`MINIMUM_EXPECTED`] draws in each octile, eight million in all, to stand by itself.
const MOST_TRACES: usize = 10_000;

/// Each entry's uniform of the conditional draw, given the trace.
pub(super) struct GivenTrace {
    present: usize,
    /// `[present, traces or roles, octiles]`
    counts: Vec<u64>,
}

impl GivenTrace {
    pub(super) fn new(present: usize) -> Self {
        Self { present, counts: Vec::new() }
    }
}

/// How many rows an entry has, and whether they are traces.
fn rows(known: &Known<'_>) -> (usize, bool) {
    if known.traces.len() <= MOST_TRACES { (known.traces.len(), true) } else { (known.most_races + 1, false) }
}

impl Check for GivenTrace {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        let (rows, by_trace) = rows(known);
        self.counts.resize(self.present * rows * OCTILES, 0);
        for (i, &trace) in batch.trace.iter().enumerate().filter(|(_, trace)| **trace != IMPOSSIBLE) {
            let uniforms = &batch.conditional[i * self.present..(i + 1) * self.present];
            for (k, &u) in uniforms.iter().enumerate() {
                let row = if by_trace { trace } else { known.role(trace, k) };
                if let Some(octile) = bin(u, OCTILES) {
                    self.counts[(k * rows + row) * OCTILES + octile] += 1;
                }
            }
        }
    }

    fn subject(&self) -> &'static str {
        "conditional given the trace"
    }

    fn needs(&self) -> &'static [Field] {
        Which::Conditional.needs()
    }

    fn tests(&self) -> usize {
        self.present
    }

    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let Level { alpha, times, looks } = *at;
        if looks == Looks::Always {
            return self.bets(known, at);
        }
        let (rows, by_trace) = rows(known);
        let role = |k: usize, row: usize| if by_trace { known.role(row, k) } else { row };
        let mut tests = Vec::new();
        let counts = repeated(&self.counts, times);
        for (k, counts) in counts.chunks((rows * OCTILES).max(1)).enumerate() {
            if counts.iter().any(|&count| count > 0) {
                let groups = pooled_within_roles(counts, |row| role(k, row))?;
                let chi_square = pearson_of_rows(&groups, OCTILES)?;
                tests.push(((k, chi_square), chi_square.judge(alpha)?));
            }
        }
        let subject = self.subject();
        Ok(match worst(tests) {
            Some(((k, chi_square), test)) => {
                let (label, groups) = (known.label(known.present[k]), chi_square.cells / OCTILES);
                let what = if groups == rows { "×8" } else { " groups ×8" };
                let check = format!("χ² {groups}{what}, worst of {}: {label}", self.present);
                vec![Row::test(subject, check, chi_square.draws, "draws", test, || given_the_trace(&label))]
            }
            None => nothing(subject, "χ²", self.present),
        })
    }
}

impl GivenTrace {
    /// Half of the stake given the trace, half given the race that the entry won: more traces than [`TRACES`] are too many to say what
    /// would be caught given each.
    fn bets(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        const TRACES: usize = 200;
        let (rows, by_trace) = rows(known);
        let roles = known.most_races + 1;
        let mut tests = Vec::new();
        let counted = self.counts.chunks((rows * OCTILES).max(1)).enumerate();
        let counted = counted.filter(|(_, counts)| counts.iter().any(|&count| count > 0));
        for (k, counts) in counted.take(at.coordinates()) {
            let mut by_role = vec![0; roles * OCTILES];
            for (row, counts) in counts.chunks(OCTILES).enumerate() {
                let role = if by_trace { known.role(row, k) } else { row };
                by_role[role * OCTILES..].iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
            let said = if rows <= TRACES { rows } else { roles };
            let (draws, test) = at.tables(&[(counts, OCTILES), (&by_role, OCTILES)], said)?;
            tests.push(((k, draws), test));
        }
        let subject = self.subject();
        Ok(match worst(tests) {
            Some(((k, draws), test)) => {
                let label = known.label(known.present[k]);
                let groups = if rows <= TRACES { rows } else { roles };
                let what = if rows <= TRACES && by_trace { "×8" } else { " groups ×8" };
                let check = format!("bets {groups}{what}, worst of {}: {label}", self.present);
                vec![Row::test(subject, check, draws, "draws", test, || given_the_trace(&label))]
            }
            None => nothing(subject, "bets", self.present),
        })
    }
}

fn given_the_trace(label: &str) -> String {
    format!(
        "given the trace, the time behind the conditional exponential of entry {label} does not follow its law"
    )
}

/// Rows pooled until each expects enough, within the same role.
fn pooled_within_roles(counts: &[u64], role: impl Fn(usize) -> usize) -> Result<Vec<u64>, StatisticsError> {
    let mut by_role: BTreeMap<usize, Vec<&[u64]>> = BTreeMap::new();
    for (row, counts) in counts.chunks(OCTILES).enumerate() {
        by_role.entry(role(row)).or_default().push(counts);
    }
    let mut groups = Vec::new();
    for rows in by_role.values() {
        let totals: Vec<f64> = rows.iter().map(|row| row.iter().sum::<u64>() as f64).collect();
        let pools = pool(&totals, MINIMUM_EXPECTED * OCTILES as f64)?;
        let before = groups.len();
        groups.resize(before + (pools.iter().max().map_or(0, |last| last + 1)) * OCTILES, 0);
        for (row, pool) in rows.iter().zip(pools) {
            for (octile, &count) in row.iter().enumerate() {
                groups[before + pool * OCTILES + octile] += count;
            }
        }
    }
    Ok(groups)
}

// ------------------------------------------------------------------------------------------------------ two at a time

/// Bins a side of a grid of pairs; halved until each cell expects enough.
pub(crate) const SIDE: usize = 8;

/// Counts of pairs of uniforms, for several coordinates (entries, or pairs of entries), by the row that the draw is in.
pub(super) struct Grids {
    coordinates: usize,
    rows: usize,
    /// `[coordinates, rows, SIDE, SIDE]`, from the first count on: to ask how many tests there are takes no memory.
    counts: Vec<u64>,
}

impl Grids {
    pub(super) fn new(coordinates: usize, rows: usize) -> Self {
        Self { coordinates, rows, counts: Vec::new() }
    }

    pub(super) fn coordinates(&self) -> usize {
        self.coordinates
    }

    pub(super) fn see(&mut self, coordinate: usize, row: usize, a: Option<usize>, b: Option<usize>) {
        if let (Some(a), Some(b)) = (a, b) {
            if self.counts.is_empty() {
                self.counts.resize(self.coordinates * self.rows * SIDE * SIDE, 0);
            }
            self.counts[((coordinate * self.rows + row) * SIDE + a) * SIDE + b] += 1;
        }
    }

    /// The bin of a uniform on a grid.
    pub(super) fn bin(u: f64) -> Option<usize> {
        bin(u, SIDE)
    }

    /// The row of the worst coordinate.
    pub(super) fn judge(
        &self,
        subject: &'static str,
        unit: &'static str,
        first: First,
        at: &Level,
        label: impl Fn(usize) -> String,
        note: impl Fn(&str) -> String,
    ) -> Result<Vec<Row>, StatisticsError> {
        let mut tests = Vec::new();
        let counted = self.counts.chunks(self.rows * SIDE * SIDE).enumerate();
        let counted = counted.filter(|(_, counts)| counts.iter().any(|&count| count > 0));
        for (coordinate, counts) in counted.take(at.coordinates()) {
            if at.looks == Looks::Always {
                let (draws, test) = bets_on_grids(counts, first, self.rows, at)?;
                tests.push(((coordinate, SIDE, draws), test));
            } else {
                let (side, chi_square) = on_grids(&repeated(counts, at.times))?;
                tests.push(((coordinate, side, chi_square.draws), chi_square.judge(at.alpha)?));
            }
        }
        Ok(match worst(tests) {
            Some(((coordinate, side, draws), test)) => {
                let label = label(coordinate);
                let test_is = at.name("χ²");
                let check = format!("{test_is} {side}×{side}, worst of {}: {label}", self.coordinates());
                vec![Row::test(subject, check, draws, unit, test, || note(&label))]
            }
            None => nothing(subject, at.name("χ²"), self.coordinates()),
        })
    }
}

/// Chi-square, each row on the finest grid whose cells expect enough, and the finest side used.
fn on_grids(counts: &[u64]) -> Result<(usize, Pearson), StatisticsError> {
    let cells = |side: usize| (side * side) as f64 * MINIMUM_EXPECTED;
    let coarse = |row: &[u64], side: usize| {
        let (mut coarse, shrink) = (vec![0; side * side], SIDE / side);
        for (cell, count) in row.iter().enumerate() {
            coarse[cell / SIDE / shrink * side + cell % SIDE / shrink] += count;
        }
        coarse
    };
    let sides = [SIDE, SIDE / 2, SIDE / 4];
    let mut by_side = sides.map(|_| Vec::new());
    for row in counts.chunks(SIDE * SIDE).filter(|row| row.iter().any(|&count| count > 0)) {
        let total = row.iter().sum::<u64>() as f64;
        let fits = sides.iter().position(|&side| total >= cells(side));
        // What is too little for every grid is pooled on the coarsest.
        let fits = fits.unwrap_or(sides.len() - 1);
        by_side[fits].extend(coarse(row, sides[fits]));
    }
    let mut all: Option<(usize, Pearson)> = None;
    for (counts, side) in by_side.iter().zip(sides).filter(|(counts, _)| !counts.is_empty()) {
        let chi_square = pearson_of_rows(counts, side * side)?;
        all = Some(all.map_or((side, chi_square), |(side, before)| (side, before.and(&chi_square))));
    }
    all.ok_or(StatisticsError::NoDraws)
}

/// Pairs of entries. Those of the conditional draw are looked at given which of the two won a race: then they are
/// independent, whatever the trace.
pub(super) struct Pairs {
    which: Which,
    present: usize,
    grids: Grids,
}

impl Pairs {
    pub(super) fn new(which: Which, present: usize) -> Self {
        let rows = if which == Which::Conditional { 4 } else { 1 };
        Self { which, present, grids: Grids::new(present * present.saturating_sub(1) / 2, rows) }
    }
}

impl Check for Pairs {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        if self.present < 2 {
            return;
        }
        let given = self.which == Which::Conditional;
        for (i, row) in self.which.column(batch).chunks(self.present).enumerate() {
            let bins: Vec<Option<usize>> = row.iter().map(|&u| Grids::bin(u)).collect();
            let trace = batch.trace.get(i).filter(|&&trace| given && trace != IMPOSSIBLE);
            let won = |k: usize| trace.is_some_and(|&trace| known.role(trace, k) > 0);
            let won: Vec<usize> = (0..self.present).map(|k| usize::from(won(k))).collect();
            let mut pair = 0;
            for j in 0..self.present {
                for k in j + 1..self.present {
                    self.grids.see(pair, 2 * won[j] + won[k], bins[j], bins[k]);
                    pair += 1;
                }
            }
        }
    }

    fn subject(&self) -> &'static str {
        match self.which {
            Which::Exponentials => "exponentials in pairs",
            Which::Conditional => "conditional in pairs",
        }
    }

    fn needs(&self) -> &'static [Field] {
        self.which.needs()
    }

    fn tests(&self) -> usize {
        self.grids.coordinates()
    }

    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let label = |pair: usize| {
            let pairs = (0..self.present).flat_map(|j| (j + 1..self.present).map(move |k| (j, k)));
            let (j, k) = pairs.into_iter().nth(pair).unwrap_or_default();
            format!("{}, {}", known.label(known.present[j]), known.label(known.present[k]))
        };
        let of = match self.which {
            Which::Exponentials => "exponentials",
            Which::Conditional => "conditional exponentials",
        };
        self.grids.judge(self.subject(), "draws", First::Together, at, label, |label| {
            format!("the times behind the {of} of {label} depend on each other")
        })
    }
}

/// The conditional draw against the exponentials: a draw of its own, given the trace.
pub(super) struct Against {
    present: usize,
    grids: Grids,
}

impl Against {
    pub(super) fn new(present: usize) -> Self {
        Self { present, grids: Grids::new(present, 2) }
    }
}

impl Check for Against {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        for (i, &trace) in batch.trace.iter().enumerate().filter(|(_, trace)| **trace != IMPOSSIBLE) {
            for k in 0..self.present {
                let at = i * self.present + k;
                let won = usize::from(known.role(trace, k) > 0);
                self.grids.see(k, won, Grids::bin(batch.own[at]), Grids::bin(batch.conditional[at]));
            }
        }
    }

    fn subject(&self) -> &'static str {
        "conditional against exponentials"
    }

    fn needs(&self) -> &'static [Field] {
        &[Field::Exponentials, Field::Conditional, Field::Trace]
    }

    fn tests(&self) -> usize {
        self.present
    }

    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let label = |k: usize| known.label(known.present[k]);
        self.grids.judge(self.subject(), "draws", First::Together, at, label, |label| {
            format!(
                "given the trace, the conditional exponential of entry {label} depends on the exponential: want a draw \
                 of its own"
            )
        })
    }
}
