//! Work for all processors at once.
//!
//! Behind a pointer to a function, so that it is compiled once for a type of result and not once for each use by each structure: that was
//! a third of this crate.

use rayon::prelude::*;

/// `of(0), of(1), …`, so many, in this order.
pub(crate) fn each<T: Send>(count: usize, of: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
    (0..count).into_par_iter().map(of).collect()
}
