//! Many items at once, each with parameters of its own: batches of graphs or lists, padded to a common size, in single or double
//! precision.
//!
//! [`Items`] are an array of rates or of logits with one item after the other along its first axis: `[items, n, n]` for spanning trees,
//! arborescences and matchings, `[items, n]` for the others. It is any view: transposed, reversed, sliced, or broadcast, so that all items
//! share one set of parameters, which are then made ready once. Items may be [shorter](Items::with_lengths), have absent entries
//! ([`with_mask`](Items::with_mask), a rate of 0, an infinite logit), a root or a number of races of their own. Draws are written to
//! [`Outputs`], which are any views too: `[items, draws, …]`.
//!
//! # Entries
//! An entry is known by its cell: that of row `u` and column `v` is `u·n + v`, with the common `n`, whatever the length of its item; that
//! of a position is the position. Of a spanning tree the cells above the diagonal are read, of an arborescence `[u, v]` is the arc from `u`
//! to `v`, and neither the diagonal nor what enters the root is read. What is not read may be anything, NaN too: so may what is beyond
//! the length of an item, or masked. There, as at absent entries, a score is 0 and a weight infinite.
//!
//! # Law
//! That of [`fast`](crate::fast) at each item's rates.
//!
//! # Randomness
//! Draw `j` of item `i` depends on the seed, `i` and `j` only: not on the number of items or draws, what else is asked for, the size of
//! the padding or the threads. It is draw `j` of a [`Fast`](crate::fast::Fast) sampler whose seed is [that of the
//! item](crate::fast::stream::Seed::of_item), and whose draws are runs [on weights](crate::fast::SpanningTree::on_weights), since to make
//! ready what draws race by race takes longer than a few runs; or, [if it is asked for](Items::race_by_race), as it is.
//!
//! # Numbers
//! Whatever the precision, what is drawn is drawn in f64. Numbers in single precision are taken exactly; logits become rates `e^{-θ}` in
//! f64, within an ulp, and the same on every machine. Results in single precision are rounded once, to the nearest; a weight that is too
//! small for it becomes the smallest positive number, so that it is positive. So a log-probability is within an ulp of that of the rates as
//! they are given. Weights that differ in f64 may be equal in single precision: an algorithm that is run on them again may break such a tie
//! the other way.
//!
//! # Cost
//! As [`fast`](crate::fast), and O(n²) for each matrix, O(n) for each list that is made ready, once for all draws of an item.
//!
//! # Example
//! ```
//! use gumbel_oracle::kind::Kind;
//! use ndarray::array;
//! use recursive_gumbel::batch::{Drawn, Items};
//! use recursive_gumbel::sample::Field;
//! // Two lists of logits, the second of two positions only.
//! let logits = array![[0.0_f32, 1.0, -1.0], [2.0, 0.5, f32::NAN]];
//! let items = Items::logits(Kind::TopK, logits.view())?.with_lengths(&[3, 2])?.with_races(&[2])?;
//! let drawn: Drawn<f32> = items.draw(42, 5, &[Field::Structure, Field::LogProb])?;
//! let structure = drawn.structure.unwrap();
//! assert_eq!(structure.dim(), (2, 5, 2));
//! assert!(drawn.log_prob.unwrap().iter().all(|log_prob| *log_prob <= 0.0));
//! # Ok::<(), recursive_gumbel::batch::BatchError>(())
//! ```

mod error;
mod exp;
pub mod file;
mod float;
mod items;
mod outputs;
pub mod samples;
mod single;
mod together;
mod write;

pub use error::BatchError;
pub use float::Float;
pub use items::Items;
pub use outputs::{Drawn, Outputs};
pub use single::Single;
