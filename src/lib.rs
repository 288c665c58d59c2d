//! Placeholder.

pub mod explain;
