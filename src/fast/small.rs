//! What is small: up to these sizes eight models at a time are drawn faster than one by one ([`lockstep`](super::lockstep)), as measured, and one
//! by one the sums are taken in the same order.

/// Vertices, or rows, of a matrix.
pub(super) const VERTICES: usize = 16;

/// Positions of a list that is put in order.
pub(super) const POSITIONS: usize = 64;

/// Positions of a list of which the first is looked for.
pub(super) const POSITIONS_FOR_ONE: usize = 128;

/// Positions of a binary tree.
pub(super) const POSITIONS_OF_TREE: usize = 48;
