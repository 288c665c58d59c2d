//! The seven structures by name, and what their entries stand for: what errors and models both speak of.

/// The seven structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Kruskal.
    SpanningTree,
    /// Chu-Liu-Edmonds.
    Arborescence,
    /// Greedy crossing.
    Matching,
    /// Divide and conquer.
    BinaryTree,
    /// The k smallest.
    TopK,
    /// Plackett-Luce.
    Permutation,
    /// One race.
    Categorical,
}

impl Kind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::SpanningTree,
        Self::Arborescence,
        Self::Matching,
        Self::BinaryTree,
        Self::TopK,
        Self::Permutation,
        Self::Categorical,
    ];

    /// The name in model files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SpanningTree => "spanning_tree",
            Self::Arborescence => "arborescence",
            Self::Matching => "matching",
            Self::BinaryTree => "binary_tree",
            Self::TopK => "top_k",
            Self::Permutation => "permutation",
            Self::Categorical => "categorical",
        }
    }

    /// All names, for messages.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// The structure of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What an entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entry {
    /// An edge `{u, v}` with `u < v`, an arc `u → v`, a cell (row `u`, column `v`).
    Pair(usize, usize),
    /// A position.
    Position(usize),
}

impl Entry {
    /// The entry as a person writes it: `0–1`, `0→1`, `(0,1)`, `3`.
    #[must_use]
    pub fn label(&self, kind: Kind) -> String {
        match (self, kind) {
            (Self::Pair(u, v), Kind::Arborescence) => format!("{u}→{v}"),
            (Self::Pair(u, v), Kind::Matching) => format!("({u},{v})"),
            (Self::Pair(u, v), _) => format!("{u}–{v}"),
            (Self::Position(i), _) => i.to_string(),
        }
    }
}

/// `[u,v]`, or the position: as in canonical JSON.
impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pair(u, v) => write!(f, "[{u},{v}]"),
            Self::Position(i) => write!(f, "{i}"),
        }
    }
}
