//! Random combinatorial structures by the recursive Gumbel-Max trick, judged by an exact oracle.
//!
//! The mathematics, the exact laws and the model files are in [`gumbel_oracle`]. This crate draws and writes
//! samples ([`sample`], [`fast`]), estimates gradients ([`estimate`]) and goes down them ([`experiment`]), checks the exact laws
//! themselves ([`verify`]), judges draws against them ([`check`], [`statistics`], [`report`]) and is judged itself by wrong ones
//! ([`mutants`]), tells a run step by step ([`explain`], [`picture`]), and writes the answers into files for other languages ([`vectors`]).
//!
//! # Example
//! ```
//! use gumbel_oracle::model::Model;
//! use recursive_gumbel::sample::Reference;
//! let model = Model::parse(r#"{"structure": "matching", "rates": [[1, 2], ["3/4", 1]]}"#)?;
//! let draw = Reference::new(&model, 42)?.draw(0);
//! assert!(["[0,1]", "[1,0]"].contains(&model.canonical(&draw.structure).as_str()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod batch;
pub mod calibrate;
pub mod check;
pub mod estimate;
pub mod experiment;
pub mod explain;
pub mod fast;
pub mod mutants;
pub mod picture;
pub mod protocol;
pub mod report;
pub mod sample;
pub mod statistics;
pub mod vectors;
pub mod verify;

/// The code of the README runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
