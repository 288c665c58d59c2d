//! The trusted base.
