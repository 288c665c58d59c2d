//! Placeholder.

pub mod statistics;
