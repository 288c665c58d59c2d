//! What the algorithms return.

use std::ops::{Deref, DerefMut};

/// A structure that is a set of entries: the edges of a tree, the arcs of an arborescence, the cells of a matching,
/// the positions of a top-k set, the position of a categorical draw.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntrySet(Vec<usize>);

impl EntrySet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The entries in increasing order.
    #[must_use]
    pub fn entries(&self) -> &[usize] {
        &self.0
    }

    /// Whether the entry is in the set.
    #[must_use]
    pub fn contains(&self, entry: &usize) -> bool {
        self.0.binary_search(entry).is_ok()
    }

    /// The number of entries in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This set and these entries.
    #[must_use]
    pub fn with(mut self, entries: &[usize]) -> Self {
        self.extend(entries);
        self
    }

    /// The entries in increasing order.
    pub fn iter(&self) -> std::slice::Iter<'_, usize> {
        self.0.iter()
    }
}

impl FromIterator<usize> for EntrySet {
    fn from_iter<I: IntoIterator<Item = usize>>(entries: I) -> Self {
        let mut entries: Vec<usize> = entries.into_iter().collect();
        entries.sort_unstable();
        entries.dedup();
        Self(entries)
    }
}

impl<const N: usize> From<[usize; N]> for EntrySet {
    fn from(entries: [usize; N]) -> Self {
        entries.into_iter().collect()
    }
}

impl Extend<usize> for EntrySet {
    fn extend<I: IntoIterator<Item = usize>>(&mut self, entries: I) {
        for entry in entries {
            if let Err(place) = self.0.binary_search(&entry) {
                self.0.insert(place, entry);
            }
        }
    }
}

impl<'a> Extend<&'a usize> for EntrySet {
    fn extend<I: IntoIterator<Item = &'a usize>>(&mut self, entries: I) {
        self.extend(entries.into_iter().copied());
    }
}

/// A binary tree: the parent of each position, `None` at the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parents(pub Vec<Option<usize>>);

impl Parents {
    /// The number of nodes on the longest path from the root down; a single node has height 1.
    #[must_use]
    pub fn height(&self) -> usize {
        // No path is longer, but in what is no tree one might go round a cycle.
        let above = |&node: &usize| self.0.get(node).copied().flatten();
        let depth = |node| std::iter::successors(Some(node), above).take(self.0.len()).count();
        (0..self.0.len()).map(depth).max().unwrap_or(0)
    }
}

/// A permutation: the positions in the order in which they won.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order(pub Vec<usize>);

impl Deref for Order {
    type Target = Vec<usize>;
    fn deref(&self) -> &Vec<usize> {
        &self.0
    }
}

impl DerefMut for Order {
    fn deref_mut(&mut self) -> &mut Vec<usize> {
        &mut self.0
    }
}

/// Any structure of the seven.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Structure {
    /// spanning_tree, arborescence, matching, top_k, categorical.
    Entries(EntrySet),
    /// binary_tree.
    Parents(Parents),
    /// permutation.
    Order(Order),
}

/// A type of structure that is one of the variants of [`Structure`].
pub trait Variant: Clone + Ord + std::fmt::Debug + Send + Sync + Into<Structure> {
    /// The structure as this type; `None` if it is of another.
    fn of(structure: &Structure) -> Option<&Self>;

    /// The structure with every entry `k` renamed `number[k]`.
    #[must_use]
    fn renamed(&self, number: &[usize]) -> Self;
}

/// Both directions between a type and its variant.
macro_rules! variant {
    ($kind:ident, $variant:ident, |$structure:ident, $number:ident| $renamed:expr) => {
        impl From<$kind> for Structure {
            fn from(structure: $kind) -> Self {
                Self::$variant(structure)
            }
        }

        impl Variant for $kind {
            fn of(structure: &Structure) -> Option<&Self> {
                if let Structure::$variant(structure) = structure { Some(structure) } else { None }
            }

            fn renamed(&self, $number: &[usize]) -> Self {
                let $structure = self;
                $renamed
            }
        }
    };
}

variant!(EntrySet, Entries, |set, number| set.iter().map(|&k| number[k]).collect());
variant!(Order, Order, |order, number| Order(order.iter().map(|&k| number[k]).collect()));
variant!(Parents, Parents, |parents, number| {
    let mut moved = vec![None; parents.0.len()];
    for (i, parent) in parents.0.iter().enumerate() {
        moved[number[i]] = parent.map(|parent| number[parent]);
    }
    Parents(moved)
});
