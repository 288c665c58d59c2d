//! Protocol version 1: how an implementation under test is asked, in any language.
//!
//! The implementation is a child process: one JSON request per line on its standard input, one JSON answer per line on its standard
//! output, in order; standard error is for people. Every request has `id` and `op`; the answer repeats `id` and has exactly one of `ok` (an
//! object), `skipped` (a reason) or `error` (a text).
//!
//! | `op` | beside it | `ok` |
//! |---|---|---|
//! | `hello` | `protocol`: 1 | `name`, `version`, `report_to`, `structures`, `ops`, `dtype` (`f64` or `f32`), `fields`, `loss_names` |
//! | `model` | `model` (a model file), `rates`, `logits` | nothing; holds for all requests until the next |
//! | `run` | `exponentials`, one row per run | `structure`, `trace`, one item per row |
//! | `sample` | `count`, `seed`, `fields` | one list of `count` items per field |
//! | `log_prob` | `traces` | `log_prob`, one number per trace |
//! | `score` | `traces` | `score`, one row per trace |
//! | `conditional` | `traces`, and `uniforms` (one row per trace) or `seed` | `conditional`, one row per trace |
//! | `gradient` | `loss`, `estimator`, `draws`, `count`, `seed` | `gradient`, one row per estimate |
//! | `stop` | | nothing, then the child ends |
//!
//! Lists per entry are flat in the model's entry order, `null` where an entry is absent. Structures and traces are in canonical form
//! ([`gumbel_oracle::model::Model::canonical`], [`gumbel_oracle::model::Model::canonical_trace`]). Successive seeds are independent. A child
//! leaves out of `ops` what it does not have. `rates` and `logits` are for children that do not read fractions: the numbers of the model
//! file, rounded.
//!
//! ```
//! use recursive_gumbel::protocol::{Op, Request};
//! let request = Request::parse(r#"{"id": 7, "op": "run", "exponentials": [[1.5, null, 0.25]]}"#)?;
//! assert_eq!(request.id.get(), "7");
//! assert!(matches!(request.op, Op::Run { exponentials } if exponentials == [vec![Some(1.5), None, Some(0.25)]]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use serde::Deserialize;
use serde_json::value::RawValue;

/// The version that this crate speaks.
pub const VERSION: u64 = 1;

/// The operations, in the order of the table.
pub const OPS: [&str; 9] =
    ["hello", "model", "run", "sample", "log_prob", "score", "conditional", "gradient", "stop"];

/// One number per entry, none where it is absent.
pub type Row = Vec<Option<f64>>;

/// A line that is no request.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct NoRequest {
    /// The `id`, if it has one that can be read.
    pub id: Option<Box<RawValue>>,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Any JSON: the answer repeats it.
    pub id: Box<RawValue>,
    /// What is asked.
    pub op: Op,
}

/// What is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", tag = "op")]
#[non_exhaustive]
pub enum Op {
    /// Who are you?
    Hello {
        /// The version that the other side speaks.
        protocol: u64,
    },
    /// The model of all requests until the next; [`Request::parse`] leaves it to the reader of models, which says where it is wrong.
    #[serde(skip)]
    Model {
        /// A model file.
        model: Box<RawValue>,
    },
    /// Run the algorithm.
    Run {
        /// One row per run.
        exponentials: Vec<Row>,
    },
    /// Draw.
    Sample {
        /// How many.
        count: u64,
        /// Of what depends on nothing else.
        seed: u64,
        /// With which fields.
        fields: Vec<String>,
    },
    /// The log-probability of traces.
    #[serde(skip)]
    LogProb {
        /// In canonical form.
        traces: Vec<Box<RawValue>>,
    },
    /// The score of traces.
    #[serde(skip)]
    Score {
        /// In canonical form.
        traces: Vec<Box<RawValue>>,
    },
    /// Draw the exponentials given traces.
    #[serde(skip)]
    Conditional {
        /// In canonical form.
        traces: Vec<Box<RawValue>>,
        /// From what.
        from: From,
    },
    /// Estimate the gradient of an expected loss.
    Gradient {
        /// The name of the loss.
        loss: String,
        /// The name of the estimator, as `variance` has it.
        estimator: String,
        /// Of one estimate.
        draws: u32,
        /// How many estimates.
        count: u64,
        /// Of what depends on nothing else.
        seed: u64,
    },
    /// Goodbye.
    Stop,
}

/// What a conditional draw is made from.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// One row of uniforms per trace, by the inverse map.
    Uniforms(Vec<Row>),
    /// A seed.
    Seed(u64),
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    /// [`NoRequest`].
    pub fn parse(line: &str) -> Result<Self, NoRequest> {
        #[derive(Deserialize)]
        struct Head {
            id: Option<Box<RawValue>>,
            op: Option<String>,
        }
        #[derive(Deserialize)]
        struct OfModel {
            model: Box<RawValue>,
        }
        #[derive(Deserialize)]
        struct OfTraces {
            traces: Vec<Box<RawValue>>,
            uniforms: Option<Vec<Row>>,
            seed: Option<u64>,
        }
        let wrong = |problem: String| NoRequest { id: None, problem };
        let head: Head = serde_json::from_str(line).map_err(|error| wrong(format!("no request: {error}")))?;
        let id = head.id.ok_or_else(|| wrong("a request without `id`".to_owned()))?;
        let wrong = |problem: String| NoRequest { id: Some(id.clone()), problem };
        let op = head.op.ok_or_else(|| wrong("a request without `op`".to_owned()))?;
        let unread = |error: serde_json::Error| wrong(format!("{op}: {error}"));
        let traces = || serde_json::from_str::<OfTraces>(line).map_err(unread);
        let op = match op.as_str() {
            "model" => Op::Model { model: serde_json::from_str::<OfModel>(line).map_err(unread)?.model },
            "log_prob" => Op::LogProb { traces: traces()?.traces },
            "score" => Op::Score { traces: traces()?.traces },
            "conditional" => {
                let OfTraces { traces, uniforms, seed } = traces()?;
                let from = match (uniforms, seed) {
                    (Some(uniforms), None) => From::Uniforms(uniforms),
                    (None, Some(seed)) => From::Seed(seed),
                    _ => return Err(wrong("conditional: want one of `uniforms` and `seed`".to_owned())),
                };
                Op::Conditional { traces, from }
            }
            known if OPS.contains(&known) => serde_json::from_str(line).map_err(unread)?,
            other => return Err(wrong(format!("unknown op {other:?}: want one of {}", OPS.join(", ")))),
        };
        Ok(Self { id, op })
    }
}
