//! The trusted base of recursive-gumbel: exact laws of the recursive Gumbel-Max trick.
//!
//! Perturb the entries of a combinatorial problem with independent exponentials, run a recursive algorithm, keep the
//! execution trace. For small inputs this crate lists every trace and every structure with its exact rational
//! probability, and derives from them every law, moment and gradient that a sampler must reproduce. It is simple, free of
//! floating point wherever it says exact, and knows nothing of the crates that are checked against it.
//!
//! # Notation
//! | symbol | name here | meaning |
//! |---|---|---|
//! | `K`, `m` | entries | edges, arcs, cells or positions, numbered `0..m` |
//! | `λ_k` | rate | `λ_k ≥ 0`; 0 means absent |
//! | `θ_k` | logit | `-log λ_k`, the log of the mean (the sign of the paper's code) |
//! | `E_k` | weight, exponential | `E_k ~ Exp(λ_k)`, mean `1/λ_k`, independent |
//! | `S`, `w`, `Λ` | race: entrants, winner, total rate | `Λ = Σ_{k∈S} λ_k`; `w` wins with probability `λ_w/Λ` |
//! | `M` | winning time | `M ~ Exp(Λ)`, independent of `w` |
//! | `T`, `p(T)` | trace | the races held; `p(T) = Π λ_w/Λ` |
//! | `X`, `P(X)` | structure | what the algorithm returns; `P(X) = Σ p(T)` over the traces that lead to it |
//!
//! # Where to look
//! [`race`]: every formula of a trace. [`recursion`]: the trait that carries an algorithm, its run and its traces. One
//! module per structure: [`spanning_tree`], [`arborescence`], [`matching`], [`binary_tree`], [`top_k`], [`permutation`],
//! [`categorical`]. [`collapse`]: enumeration that merges equal states. [`law`]: what one can ask. [`model`]: the file
//! format. [`instance`]: an algorithm with its rates, one of these or of your own. [`identities`]: why to believe it. [`limit`]: what is too large.
//!
//! # Example
//! ```
//! use gumbel_oracle::{limit::Limit, loss::Loss, model::Model};
//! let model = Model::parse(r#"{"structure": "spanning_tree", "vertices": 3,
//!                              "edges": [[0, 1, 4], [0, 2, 2], [1, 2, 1]]}"#)?;
//! let law = model.law(Limit::default())?;
//! let told: Vec<String> = law.outcomes.iter().map(|(x, p)| format!("{} {p}", model.canonical(x))).collect();
//! assert_eq!(told, ["[[0,1],[0,2]] 64/105", "[[0,1],[1,2]] 2/7", "[[0,2],[1,2]] 11/105"]);
//! let gradient = model.gradient(&Loss::named(&model, "default")?, Limit::default())?;
//! assert_eq!(gradient.expectation.to_string(), "41/105"); // the tree edges that do not touch vertex 0
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # References
//! Struminsky, Gadetsky, Rakitin, Karpushkin, Vetrov (2021), *Leveraging Recursive Gumbel-Max Trick for Approximate
//! Inference in Combinatorial Spaces*, NeurIPS 34, arXiv:2110.15072.

pub mod arborescence;
pub mod binary_tree;
pub mod builtin;
pub mod categorical;
mod checked;
pub mod collapse;
pub mod count;
pub mod enclosure;
pub mod estimators;
pub mod hypoexponential;
pub mod identities;
pub mod instance;
pub mod kind;
pub mod law;
pub mod limit;
pub mod loss;
pub mod matching;
pub mod model;
pub mod number;
mod parallel;
pub mod permutation;
mod problem;
pub mod race;
pub mod rate;
pub mod reader;
pub mod recursion;
pub mod relax;
pub mod spanning_tree;
pub mod structure;
pub mod top_k;
mod trace_reader;
