//! What can be wrong with a model or a trace, and where.

use std::fmt;

use crate::kind::Kind;
use crate::rate::RateError;

/// Why a model cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{place}{problem}")]
pub struct ModelError {
    /// Where in the file.
    pub place: Place,
    /// What is wrong, and what would be right.
    pub problem: Problem,
}

/// A place in a model file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1; 0 if the place is the file as a whole.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The field or item, such as `edges[2]` or `rates[0][1]`; empty for the file as a whole.
    pub item: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        if !self.item.is_empty() {
            write!(f, "{}: ", self.item)?;
        }
        Ok(())
    }
}

/// What can be wrong with a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// JSON, but of another form.
    #[error("found {found}, want {want}")]
    Form {
        /// What stands there, shortened.
        found: String,
        /// What should.
        want: &'static str,
    },
    /// A field that no model of this structure has.
    #[error("unknown field {field:?}: models of {structure} have {known}")]
    UnknownField {
        /// The field.
        field: String,
        /// The structure.
        structure: &'static str,
        /// The fields it has.
        known: String,
    },
    /// The same field twice.
    #[error("field {0:?} is given twice")]
    DuplicateField(String),
    /// A field left out.
    #[error("models of {structure} need the field {field}")]
    MissingField {
        /// The structure.
        structure: &'static str,
        /// The field, or the fields of which one is needed.
        field: &'static str,
    },
    /// No field `structure`.
    #[error("the field \"structure\" is missing: want one of {}", Kind::names())]
    MissingStructure,
    /// A structure that there is not.
    #[error("unknown structure {0:?}: want one of {known}", known = Kind::names())]
    UnknownStructure(String),
    /// Both rates and logits.
    #[error("both rates and logits are given: want one of them")]
    BothRatesAndLogits,
    /// Both edges and a matrix.
    #[error("both \"edges\" and a matrix {0:?} are given: want one of them")]
    BothEdgesAndMatrix(&'static str),
    /// Not a rate or logit.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// A rate 0 where every entry is needed.
    #[error("rate 0: every position of a {} takes its turn, so every rate must be positive", kind.name())]
    ZeroRate {
        /// The structure.
        kind: Kind,
    },
    /// All rates 0.
    #[error("every rate is 0: a race needs at least one positive rate")]
    AllAbsent,
    /// No entries.
    #[error("empty: want at least one vertex, row or position")]
    Empty,
    /// A matrix that is not square.
    #[error("row {row} has {columns} items, but there are {rows} rows: want an n×n matrix")]
    NotSquare {
        /// How many rows.
        rows: usize,
        /// The first row of another length.
        row: usize,
        /// Its length.
        columns: usize,
    },
    /// As many logits as edges.
    #[error("{logits} logits for {edges} edges: want one per edge, in the same order")]
    LogitCount {
        /// How many logits.
        logits: usize,
        /// How many edges.
        edges: usize,
    },
    /// `vertices` and the matrix disagree.
    #[error("\"vertices\" is {vertices}, but the matrix is {rows}×{rows}")]
    VertexCount {
        /// As given.
        vertices: usize,
        /// The rows of the matrix.
        rows: usize,
    },
    /// A vertex that there is not.
    #[error("vertex {vertex} is out of range: there are {vertices} vertices, 0 to {}", vertices.saturating_sub(1))]
    Vertex {
        /// The vertex.
        vertex: usize,
        /// How many there are.
        vertices: usize,
    },
    /// A loop.
    #[error("a loop at vertex {vertex}: the two ends must differ")]
    Loop {
        /// The vertex.
        vertex: usize,
    },
    /// An edge given twice.
    #[error("edge ({u}, {v}) is given already as edge number {first}: add the rates up, or leave one out")]
    Duplicate {
        /// One end.
        u: usize,
        /// The other.
        v: usize,
        /// Its first place in the list, from 0.
        first: usize,
    },
    /// A cell of the matrix that is no entry.
    #[error("cell ({row}, {column}) is {why}: want null or 0 there, found {found}")]
    NoEntry {
        /// Row.
        row: usize,
        /// Column.
        column: usize,
        /// Why it is no entry.
        why: &'static str,
        /// What stands there.
        found: String,
    },
    /// The graph is not connected.
    #[error(
        "the graph is not connected: no path of edges with a positive rate joins vertex 0 and vertex {vertex}"
    )]
    Disconnected {
        /// The first vertex that cannot be reached.
        vertex: usize,
    },
    /// The root does not reach all.
    #[error("the root {root} cannot reach vertex {vertex} along arcs with a positive rate")]
    Unreachable {
        /// The root.
        root: usize,
        /// The first vertex that cannot be reached.
        vertex: usize,
    },
    /// No such root.
    #[error("root {root} is out of range: there are {vertices} vertices, 0 to {}", vertices.saturating_sub(1))]
    Root {
        /// The root.
        root: usize,
        /// How many vertices.
        vertices: usize,
    },
    /// `k` out of range.
    #[error("k = {k} is out of range: want 1 to {positive}, the number of positive rates among {n}")]
    K {
        /// As given.
        k: String,
        /// The number of positions.
        n: usize,
        /// The number of positive rates.
        positive: usize,
    },
    /// A matching whose greedy choice could get stuck.
    #[error(
        "cell ({other}, {missing}) has rate 0, but ({row}, {missing}), ({row}, {shared}) and ({other}, {shared}) have \
         not: greedy choices could leave a row and a column whose cell is absent. Zeros are possible only outside \
         square blocks of rows and columns"
    )]
    Stuck {
        /// A row.
        row: usize,
        /// A row that shares a column with it.
        other: usize,
        /// That column.
        shared: usize,
        /// A column that only the first row has.
        missing: usize,
    },
    /// A row with no cell.
    #[error("row {row} has no positive rate, so it can never be matched")]
    EmptyRow {
        /// The row.
        row: usize,
    },
    /// Rows that compete for too few or too many columns.
    #[error(
        "{rows} rows like row {row} share {columns} columns: a perfect matching needs as many rows as columns"
    )]
    Unbalanced {
        /// One of the rows.
        row: usize,
        /// How many rows have the same columns.
        rows: usize,
        /// How many columns they have.
        columns: usize,
    },
}

/// What is wrong with a set of rates, and at which entry: the reader of files adds where that is.
pub(crate) type EntryProblem = (Option<usize>, Problem);

/// Why a trace cannot be used with a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceProblem {
    /// Not JSON of the right form.
    #[error("the trace is not of the form of a {structure}: want {want} ({detail})")]
    Form {
        /// The structure.
        structure: &'static str,
        /// An example of the form.
        want: &'static str,
        /// What the reader says.
        detail: String,
    },
    /// An entry that there is not.
    #[error("race {}: the model has no entry {entry}", race + 1)]
    NoSuchEntry {
        /// The race, from 0; the message counts from 1.
        race: usize,
        /// The entry as written.
        entry: String,
    },
    /// The winner does not race here.
    #[error("race {} cannot be won by {winner}: it is between {entrants}", race + 1)]
    NotAnEntrant {
        /// The race, from 0; the message counts from 1.
        race: usize,
        /// The winner as written.
        winner: String,
        /// Who can win.
        entrants: String,
    },
    /// The trace ends too early.
    #[error("the trace ends after {races} races, but {entrants} have still to race")]
    TooShort {
        /// How many races it has.
        races: usize,
        /// Who is left.
        entrants: String,
    },
    /// The trace goes on too long.
    #[error("the trace has {given} races, but the algorithm stops after {held}")]
    TooLong {
        /// How many races it has.
        given: usize,
        /// How many the algorithm holds.
        held: usize,
    },
    /// A component that is never formed.
    #[error("the component {component} is never formed by the other races")]
    NeverFormed {
        /// The component as written.
        component: String,
    },
    /// A component that is formed but has no race in the trace.
    #[error(
        "the component {component} is formed, but the trace has no race for it: one of {entrants} wins it"
    )]
    NoRace {
        /// The component.
        component: String,
        /// Who can win.
        entrants: String,
    },
    /// Parents that are no binary tree on intervals.
    #[error("no binary tree on the interval from {low} to {}: want exactly one position in it whose parent is {parent}", high - 1)]
    NotATree {
        /// First position of the interval.
        low: usize,
        /// The position after its last.
        high: usize,
        /// What the parent of its root must be.
        parent: String,
    },
}
