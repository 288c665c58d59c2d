//! What is wrong with a batch, and where.

use crate::fast::InputError;

/// Why there are no draws: what, where, and what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// An array of another shape.
    #[error("{what} has the shape {found:?}: want {want}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// What it should be.
        want: String,
    },
    /// Not one number for each item.
    #[error("{found} {what} for {items} items: want one for each{}", or_one(what))]
    Count {
        /// Lengths, roots or numbers of races.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many items there are.
        items: usize,
    },
    /// An item that is longer than the array, or empty.
    #[error("item {item} has length {length}: want 1 to {size}, the size of the array")]
    Length {
        /// The item.
        item: usize,
        /// Its length.
        length: usize,
        /// The size of the array.
        size: usize,
    },
    /// A rate or a logit that is none.
    #[error("item {item} has the {what} {value} at {cell:?}: want {want}")]
    Parameter {
        /// The item.
        item: usize,
        /// Rate or logit.
        what: &'static str,
        /// Its row and column, or its position.
        cell: Vec<usize>,
        /// What stands there.
        value: f64,
        /// What should.
        want: &'static str,
    },
    /// Something that the structure does not have.
    #[error("{structure} has no {what}")]
    Unknown {
        /// The structure.
        structure: &'static str,
        /// Root, or number of races.
        what: &'static str,
    },
    /// The number of races is not given.
    #[error("how many races top_k has is not given: want k, one for all items or one for each")]
    NoRaces,
    /// More draws than an array can hold.
    #[error("{draws} draws of each of {items} items: more than this machine can hold in an array")]
    TooMany {
        /// Of each item.
        draws: usize,
        /// How many items there are.
        items: usize,
    },
    /// A model of which no matrix is made.
    #[error("{vertices} vertices: want at most {most} in single precision, where a model is a matrix")]
    TooLarge {
        /// How many vertices, or rows, it has.
        vertices: usize,
        /// The most.
        most: usize,
    },
    /// A field that is not drawn.
    #[error("{field} is not drawn: want some of {known}")]
    Field {
        /// Its name.
        field: &'static str,
        /// The names of those that are.
        known: String,
    },
    /// An item from which nothing can be drawn.
    #[error("item {item}: {error}")]
    Item {
        /// The item.
        item: usize,
        /// Why.
        error: InputError,
    },
}

fn or_one(what: &str) -> &'static str {
    if what == "lengths" { "" } else { ", or one for all" }
}
