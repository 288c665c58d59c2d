//! The forms of a model's structures, traces and lists in files: from numbers to columns.
//!
//! What is *bad input* (nobody knows what is meant: an edge that the model has not, a list of another length, a number where
//! none may be) is told from what is a *wrong draw* (it is clear what is meant, and it is no structure or trace): the first is
//! an error of the file, the second a finding about the sampler.
//!
//! [`gumbel_oracle::model::Model::parse_trace`] reads traces too, and lists who raced, which takes n³ numbers for a dense tree.
//! A samples file has many traces, and only their winners go on from here.

use gumbel_oracle::model::{Algorithm, Kind, Model};
use gumbel_oracle::structure::{Order, Parents, Structure};

use super::{Batch, Field, arborescence, binary_tree};

/// Draws have at least one of these.
pub(super) const SUFFICIENT: [Field; 3] = [Field::Structure, Field::Trace, Field::Gradient];

/// What is said if they do not.
pub(super) const INSUFFICIENT: &str =
    "has none of `structure`, `trace` and `gradient`: want at least one of them";

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wrong {
    /// It cannot be read: an error of the file.
    Input(String),
    /// It has not as many parts as the model's structures have: an error of the file if it is its first draw (then the file
    /// is of another model), else of the draw.
    Count(String),
    /// It is no structure or trace: an error of the draw.
    Draw(String),
}

use Wrong::{Count, Draw, Input};

/// Numbers as they stand in a file: a list, or a list of lists one after the other. NaN is `null`.
#[derive(Debug, Default, Clone)]
pub(super) struct Numbers {
    pub(super) values: Vec<f64>,
    /// The length of each inner list; none if the list is flat.
    pub(super) rows: Vec<usize>,
    /// Whether it is one number, and no list.
    pub(super) scalar: bool,
}

impl Numbers {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.rows.clear();
        self.scalar = false;
    }
}

/// One race of an arborescence.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComponentRace {
    pub(super) component: Vec<usize>,
    pub(super) arc: (usize, usize),
}

/// What a draw says, field by field, before it is known to be right.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// By field.
    pub(super) numbers: [Numbers; Field::ALL.len()],
    /// The races of an arborescence, instead of the numbers of its trace.
    pub(super) races: Option<Vec<ComponentRace>>,
}

/// Why a draw cannot be read, and in which field.
pub(super) type Refused = (Field, String);

/// What a list per entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    /// Weights: an absent entry has none.
    Weight,
    /// Derivatives: 0 at an absent entry.
    Derivative,
}

/// The forms of one model.
#[derive(Debug)]
pub(super) struct Form<'m> {
    model: &'m Model,
    kind: Kind,
    n: usize,
    present: Vec<bool>,
    pairs: Vec<(usize, usize)>,
    /// For each first end the second ends with their entries, sorted.
    by_first: Vec<Vec<(usize, u32)>>,
}

impl<'m> Form<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        use num_traits::Zero as _;
        let (n, pairs) = (model.size(), model.pairs());
        let mut by_first = vec![Vec::new(); n];
        for (entry, &(u, v)) in pairs.iter().enumerate() {
            by_first[u].push((v, entry as u32));
        }
        by_first.iter_mut().for_each(|row| row.sort_unstable());
        let present = model.rates().iter().map(|rate| !rate.is_zero()).collect();
        Self { model, kind: model.kind(), n, present, pairs, by_first }
    }

    /// Appends a draw to the columns of these fields. `first`: it is the first of its file.
    pub(super) fn append(
        &self,
        fields: &[Field],
        given: &mut Given,
        batch: &mut Batch,
        first: bool,
    ) -> Result<(), Refused> {
        let mut wrong_draw = None;
        for &field in fields {
            let derivative = matches!(field, Field::Score | Field::Gradient);
            let per = if derivative { Per::Derivative } else { Per::Weight };
            let numbers = &given.numbers[field as usize];
            let done = match field {
                Field::Structure => {
                    let structure = self.structure(numbers);
                    structure.map(|structure| batch.structures.push(structure))
                }
                Field::Trace => {
                    let winners = match given.races.take() {
                        Some(races) => self.components(races),
                        None => self.trace(numbers),
                    };
                    winners.map(|winners| batch.winners.extend(winners))
                }
                Field::LogProb => {
                    batch.log_probs.extend(&numbers.values);
                    Ok(())
                }
                Field::Score => self.per_entry(numbers, per, &mut batch.scores),
                Field::Exponentials => self.per_entry(numbers, per, &mut batch.exponentials),
                Field::Conditional => self.per_entry(numbers, per, &mut batch.conditionals),
                Field::Gradient => self.per_entry(numbers, per, &mut batch.gradients),
            };
            match done {
                Ok(()) => {}
                Err(Count(what)) if !first => wrong_draw = wrong_draw.or(Some((field, what))),
                Err(Draw(what)) => wrong_draw = wrong_draw.or(Some((field, what))),
                Err(Count(what)) => {
                    return Err((field, format!("{what}: is this a sample of another model?")));
                }
                Err(Input(problem)) => return Err((field, problem)),
            }
            if field == Field::Structure && batch.structures.len() == batch.draws {
                // It is malformed and has its place.
                batch.structures.push(Structure::Entries(Default::default()));
            }
            if field == Field::Trace {
                batch.ends.push(batch.winners.len());
            }
        }
        if let Some((field, what)) = wrong_draw {
            batch.refuse(format!("{} {what}", field.name()));
        }
        batch.draws += 1;
        Ok(())
    }

    /// The number of entries of the model.
    pub(super) fn entry_count(&self) -> usize {
        self.present.len()
    }

    /// The root of a binary tree has parent -1 in arrays, which have no `null`.
    pub(super) fn minus_one_is_none(&self, numbers: &mut Numbers) {
        if self.kind == Kind::BinaryTree {
            numbers.values.iter_mut().filter(|value| **value == -1.0).for_each(|value| *value = f64::NAN);
        }
    }

    /// The entry of a pair of ends.
    fn entry(&self, u: usize, v: usize) -> Option<u32> {
        let (u, v) = if self.kind == Kind::SpanningTree { (u.min(v), u.max(v)) } else { (u, v) };
        let row = self.by_first.get(u)?;
        row.binary_search_by_key(&v, |cell| cell.0).ok().map(|place| row[place].1)
    }

    /// The same of a pair in a file.
    fn entry_of(&self, u: usize, v: usize) -> Result<u32, Wrong> {
        let what = match self.kind {
            Kind::Matching => "cell",
            Kind::Arborescence => "arc",
            _ => "edge",
        };
        let hint = match self.model.algorithm() {
            Algorithm::Arborescence(a) if a.root() == v => ": no arc goes into the root, is yours another?",
            _ => "",
        };
        self.entry(u, v).ok_or_else(|| Input(format!("{what} [{u},{v}] is not in the model{hint}")))
    }

    /// The number of edges, cells or positions of a structure.
    fn parts(&self) -> usize {
        match self.model.algorithm() {
            Algorithm::SpanningTree(_) | Algorithm::Arborescence(_) => self.n - 1,
            Algorithm::Matching(_) | Algorithm::BinaryTree(_) | Algorithm::Permutation(_) => self.n,
            Algorithm::TopK(a) => a.k(),
            Algorithm::Categorical(_) => 1,
        }
    }

    /// Whether a trace is a list of components with their arcs.
    pub(super) fn has_components(&self) -> bool {
        self.kind == Kind::Arborescence
    }

    /// What structures look like, for messages.
    pub(super) fn structure_form(&self) -> &'static str {
        match self.kind {
            Kind::SpanningTree => "the edges [[u,v],…]",
            Kind::Arborescence => "the arcs [[u,v],…]",
            Kind::Matching => "the column of each row [j,…]",
            Kind::BinaryTree => "the parent of each position, null at the root, [1,null,1]",
            Kind::TopK => "the positions [i,…]",
            Kind::Permutation => "the positions in order [i,…]",
            Kind::Categorical => "the position, a number",
        }
    }

    /// What traces look like, for messages.
    pub(super) fn trace_form(&self) -> &'static str {
        match self.kind {
            Kind::SpanningTree => "the edges in the order chosen [[u,v],…]",
            Kind::Arborescence => "[{\"component\":[v,…],\"arc\":[u,v]},…]",
            Kind::Matching => "the cells in the order chosen [[row,column],…]",
            Kind::TopK => "the positions in the order drawn [i,…]",
            _ => self.structure_form(),
        }
    }

    /// Integers from 0 in a list, or in a list of lists of `width`.
    fn integers(&self, numbers: &Numbers, width: usize, form: &str) -> Result<Vec<usize>, Wrong> {
        let nested = width > 1;
        let right = if nested {
            !numbers.scalar
                && numbers.rows.len() * width == numbers.values.len()
                && numbers.rows.iter().all(|&row| row == width)
        } else {
            numbers.rows.is_empty() && numbers.scalar == (self.kind == Kind::Categorical)
        };
        if !right {
            return Err(Input(format!("want {form}")));
        }
        let integer = |&value: &f64| {
            let whole = value >= 0.0 && value <= f64::from(u32::MAX) && value == libm::trunc(value);
            whole
                .then_some(value as usize)
                .ok_or_else(|| Input(format!("{value} is no number from 0: want {form}")))
        };
        numbers.values.iter().map(integer).collect()
    }

    /// Positions of the model in a list.
    fn positions(&self, numbers: &Numbers, form: &str) -> Result<Vec<usize>, Wrong> {
        let positions = self.integers(numbers, 1, form)?;
        match positions.iter().find(|&&position| position >= self.n) {
            Some(position) => {
                Err(Input(format!("position {position} is not in the model, which has {}", self.n)))
            }
            None => Ok(positions),
        }
    }

    /// Entries of the model from a list of pairs.
    fn pairs(&self, numbers: &Numbers, form: &str) -> Result<Vec<usize>, Wrong> {
        let ends = self.integers(numbers, 2, form)?;
        ends.chunks_exact(2).map(|pair| Ok(self.entry_of(pair[0], pair[1])? as usize)).collect()
    }

    fn count(&self, found: usize) -> Result<(), Wrong> {
        let (want, kind) = (self.parts(), self.kind.name());
        let parts = match self.kind {
            Kind::SpanningTree => "edges",
            Kind::Arborescence => "arcs",
            Kind::Matching => "rows",
            _ => "positions",
        };
        if found == want {
            return Ok(());
        }
        Err(Count(format!("has {found} {parts}: want {want} (this {kind} model has n = {})", self.n)))
    }

    /// A structure.
    fn structure(&self, numbers: &Numbers) -> Result<Structure, Wrong> {
        let form = self.structure_form();
        let set = |parts: Vec<usize>| {
            self.count(parts.len())?;
            let set: gumbel_oracle::structure::EntrySet = parts.iter().copied().collect();
            if set.len() < parts.len() {
                return Err(Draw("names something twice".to_owned()));
            }
            Ok(Structure::Entries(set))
        };
        match self.kind {
            Kind::SpanningTree | Kind::Arborescence => set(self.pairs(numbers, form)?),
            Kind::Matching => {
                let columns = self.positions(numbers, form)?;
                self.count(columns.len())?;
                let cell = |(row, &column): (usize, &usize)| Ok(self.entry_of(row, column)? as usize);
                set(columns.iter().enumerate().map(cell).collect::<Result<_, Wrong>>()?)
            }
            Kind::TopK | Kind::Categorical => set(self.positions(numbers, form)?),
            Kind::Permutation => {
                let order = self.positions(numbers, form)?;
                self.count(order.len())?;
                Ok(Structure::Order(Order(order)))
            }
            Kind::BinaryTree => Ok(Structure::Parents(Parents(self.parents(numbers)?))),
        }
    }

    /// A structure, whatever is wrong with it.
    pub(super) fn structure_alone(&self, numbers: &Numbers) -> Result<Structure, String> {
        self.structure(numbers).map_err(|(Input(what) | Count(what) | Draw(what))| what)
    }

    fn parents(&self, numbers: &Numbers) -> Result<Vec<Option<usize>>, Wrong> {
        let form = self.structure_form();
        // In the place of null any position will do, until all are known to be positions.
        let values = numbers.values.iter().map(|&value| if value.is_nan() { 0.0 } else { value }).collect();
        let above =
            self.positions(&Numbers { values, rows: numbers.rows.clone(), scalar: numbers.scalar }, form)?;
        self.count(above.len())?;
        let parent = |(above, value): (usize, &f64)| (!value.is_nan()).then_some(above);
        Ok(above.into_iter().zip(&numbers.values).map(parent).collect())
    }

    /// The winners of a trace, in the order held; of an arborescence see [`components`](Self::components).
    fn trace(&self, numbers: &Numbers) -> Result<Vec<u32>, Wrong> {
        let form = self.trace_form();
        let winners = match self.kind {
            Kind::SpanningTree | Kind::Matching | Kind::Arborescence => self.pairs(numbers, form)?,
            Kind::BinaryTree => return binary_tree::levels(&self.parents(numbers)?).map_err(Draw),
            Kind::TopK | Kind::Permutation | Kind::Categorical => self.positions(numbers, form)?,
        };
        self.count(winners.len())?;
        Ok(winners.into_iter().map(|winner| winner as u32).collect())
    }

    /// The winners of an arborescence's trace, in the order held.
    fn components(&self, mut races: Vec<ComponentRace>) -> Result<Vec<u32>, Wrong> {
        let Algorithm::Arborescence(algorithm) = self.model.algorithm() else {
            return Err(Input(format!("want {}", self.trace_form())));
        };
        for race in &mut races {
            race.component.sort_unstable();
            if let Some(&vertex) = race.component.iter().find(|&&vertex| vertex >= self.n) {
                return Err(Input(format!("vertex {vertex} is not in the model, which has {}", self.n)));
            }
        }
        races.sort_by(|a, b| (a.component.len(), &a.component).cmp(&(b.component.len(), &b.component)));
        let mut given: Vec<(&[usize], u32)> = Vec::with_capacity(races.len());
        for race in &races {
            given.push((&race.component, self.entry_of(race.arc.0, race.arc.1)?));
        }
        let least = self.n - 1;
        if given.len() < least {
            return Err(Count(format!(
                "has {} races: want at least {least}, one for each vertex but the root",
                given.len()
            )));
        }
        arborescence::in_rounds(self.n, algorithm.root(), &self.pairs, &given).map_err(Draw)
    }

    /// One value per entry from a flat list, or from a matrix of the model's shape, appended to a column.
    fn per_entry(&self, numbers: &Numbers, per: Per, column: &mut Vec<f64>) -> Result<(), Wrong> {
        let (m, n, start) = (self.present.len(), self.n, column.len());
        if numbers.scalar {
            return Err(Input("want a list with one number per entry".to_owned()));
        }
        if numbers.rows.is_empty() {
            let found = numbers.values.len();
            if found != m {
                return Err(Input(format!("has {found} numbers: want one for each of {m} entries")));
            }
            column.extend_from_slice(&numbers.values);
        } else {
            if self.pairs.is_empty() && m > 0 {
                return Err(Input(format!(
                    "is a list of lists: want a flat list with one number for each of {m} entries"
                )));
            }
            if let Some((row, length)) = numbers.rows.iter().enumerate().find(|(_, length)| **length != n) {
                return Err(Input(format!(
                    "has {length} numbers in row {row}: want a matrix of {n} × {n}, or a flat list"
                )));
            }
            if numbers.rows.len() != n {
                let found = numbers.rows.len();
                return Err(Input(format!("has {found} rows: want a matrix of {n} × {n}, or a flat list")));
            }
            column.resize(start + m, f64::NAN);
            for (cell, &value) in numbers.values.iter().enumerate() {
                let (u, v) = (cell / n, cell % n);
                match self.entry(u, v) {
                    // Below the diagonal of a symmetric matrix the same again, or nothing.
                    Some(entry) if (u, v) == self.pairs[entry as usize] => {
                        column[start + entry as usize] = value
                    }
                    Some(_) => {
                        let above = numbers.values[v * n + u];
                        if value != above && !nothing(value) {
                            return Err(Input(format!(
                                "[{u}][{v}] is {value}, but [{v}][{u}] is {above}: want the same, 0 or null"
                            )));
                        }
                    }
                    // What a weight is where nothing can be chosen is nobody's business; a derivative there is 0.
                    None if per == Per::Weight || nothing(value) => {}
                    None => {
                        return Err(Input(format!(
                            "[{u}][{v}] is {value}, where there is no entry: want 0 or null"
                        )));
                    }
                }
            }
        }
        for (entry, value) in column[start..].iter_mut().enumerate() {
            if value.is_nan() {
                if self.present[entry] {
                    let label = self.model.entries()[entry].label(self.kind);
                    return Err(Input(format!("is null at entry {entry} ({label}): want a number")));
                }
                *value = if per == Per::Weight { f64::INFINITY } else { 0.0 };
            }
        }
        Ok(())
    }
}

fn nothing(value: f64) -> bool {
    value.is_nan() || value == 0.0
}
