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
        let depth = |node| std::iter::successors(Some(node), |&node: &usize| self.0[node]).count();
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

impl From<EntrySet> for Structure {
    fn from(entries: EntrySet) -> Self {
        Self::Entries(entries)
    }
}

impl From<Parents> for Structure {
    fn from(parents: Parents) -> Self {
        Self::Parents(parents)
    }
}

impl From<Order> for Structure {
    fn from(order: Order) -> Self {
        Self::Order(order)
    }
}
