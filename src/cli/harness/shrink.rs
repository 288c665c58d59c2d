//! The smallest model that is found on which the same is refuted: going down from one on which it was.

use gumbel_oracle::model::{Algorithm, Kind, Model};
use num_rational::BigRational;
use num_traits::{One as _, Signed as _, Zero as _};
use serde_json::{Value, json};

use super::super::report::quoted;

/// A model in parts that can be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    kind: Kind,
    size: usize,
    root: usize,
    k: usize,
    /// Of graphs the ends of each entry.
    pairs: Vec<(usize, usize)>,
    rates: Vec<BigRational>,
}

impl Parts {
    fn of(model: &Model) -> Self {
        let (root, k) = match model.algorithm() {
            Algorithm::Arborescence(algorithm) => (algorithm.root(), 0),
            Algorithm::TopK(algorithm) => (0, algorithm.k()),
            _ => (0, 0),
        };
        let graph = matches!(model.kind(), Kind::SpanningTree | Kind::Arborescence);
        let pairs = if graph { model.pairs() } else { Vec::new() };
        Self { kind: model.kind(), size: model.size(), root, k, pairs, rates: model.rates().to_vec() }
    }

    /// The file of the model.
    fn file(&self) -> String {
        let rate = |rate: &BigRational| match (rate.is_integer(), i64::try_from(rate.numer())) {
            (true, Ok(whole)) => json!(whole),
            _ => json!(rate.to_string()),
        };
        let rates: Vec<Value> = self.rates.iter().map(rate).collect();
        let (n, root, k) = (self.size, self.root, self.k);
        let edges = |rates: Vec<Value>| {
            json!(self.pairs.iter().zip(rates).map(|((u, v), r)| (u, v, r)).collect::<Vec<_>>())
        };
        let rest = match self.kind {
            Kind::SpanningTree => format!(r#""vertices":{n},"edges":{}"#, edges(rates)),
            Kind::Arborescence => format!(r#""vertices":{n},"root":{root},"edges":{}"#, edges(rates)),
            Kind::Matching => format!(r#""rates":{}"#, json!(rates.chunks(n.max(1)).collect::<Vec<_>>())),
            Kind::TopK => format!(r#""k":{k},"rates":{}"#, json!(rates)),
            Kind::BinaryTree | Kind::Permutation | Kind::Categorical => {
                format!(r#""rates":{}"#, json!(rates))
            }
        };
        format!(r#"{{"structure":"{}",{rest}}}"#, self.kind.name())
    }

    /// The same without the entries that are not kept.
    fn keep(&self, kept: impl Fn(usize) -> bool) -> Self {
        let entries: Vec<usize> = (0..self.rates.len()).filter(|&entry| kept(entry)).collect();
        Self {
            pairs: if self.pairs.is_empty() {
                Vec::new()
            } else {
                entries.iter().map(|&entry| self.pairs[entry]).collect()
            },
            rates: entries.iter().map(|&entry| self.rates[entry].clone()).collect(),
            ..*self
        }
    }

    /// The same without a vertex, a row and the column of this number, or a position.
    fn without(&self, gone: usize) -> Self {
        let n = self.size;
        let graph = !self.pairs.is_empty();
        let kept = |entry: usize| match self.kind {
            Kind::SpanningTree | Kind::Arborescence => {
                self.pairs[entry].0 != gone && self.pairs[entry].1 != gone
            }
            Kind::Matching => entry / n != gone && entry % n != gone,
            _ => entry != gone,
        };
        let down = |vertex: usize| if vertex > gone { vertex - 1 } else { vertex };
        let mut rest = self.keep(kept);
        if graph {
            rest.pairs.iter_mut().for_each(|(u, v)| (*u, *v) = (down(*u), down(*v)));
        }
        (rest.size, rest.root, rest.k) = (n - 1, down(self.root), self.k.min(n - 1));
        rest
    }

    /// What is simpler, the simplest first; not all of it is a model.
    fn simpler(&self) -> Vec<Self> {
        let mut simpler: Vec<Self> = Vec::new();
        if self.size > 1 {
            let may_go = |gone: &usize| self.kind != Kind::Arborescence || *gone != self.root;
            simpler.extend((0..self.size).rev().filter(may_go).map(|gone| self.without(gone)));
        }
        if self.k > 1 {
            simpler.push(Self { k: self.k - 1, ..self.clone() });
        }
        if !self.pairs.is_empty() {
            simpler.extend((0..self.rates.len()).rev().map(|gone| self.keep(|entry| entry != gone)));
        }
        let with = |change: &dyn Fn(usize, &BigRational) -> BigRational| {
            let rates = self.rates.iter().enumerate().map(|(entry, rate)| change(entry, rate)).collect();
            Self { rates, ..self.clone() }
        };
        // An absent entry stays one.
        let one = |rate: &BigRational| if rate.is_zero() { rate.clone() } else { BigRational::one() };
        simpler.push(with(&|_, rate| one(rate)));
        let each = |to: &dyn Fn(&BigRational) -> BigRational| -> Vec<Self> {
            let only =
                |changed: usize| with(&|entry, rate| if entry == changed { to(rate) } else { rate.clone() });
            (0..self.rates.len()).map(only).collect()
        };
        simpler.extend(each(&one));
        let two = BigRational::one() + BigRational::one();
        simpler.extend(each(&|rate| if *rate > two { two.clone() } else { rate.clone() }));
        simpler.extend(each(&|rate| if rate.is_positive() { rate.ceil() } else { rate.clone() }));
        simpler.retain(|parts| parts != self);
        simpler
    }
}

/// The most models that are tried.
const MOST: usize = 200;

/// How far one came.
pub(super) struct Shrunk<F, E> {
    /// How many models were tried.
    pub(super) tried: usize,
    /// The file of the smallest on which the same is refuted, and what is said of it; none if no smaller one is.
    pub(super) smallest: Option<(String, F)>,
    /// Why it was not gone on.
    pub(super) ended: Option<E>,
}

/// Going down: `refuted` says whether the same is refuted on a model, and what is said of it.
pub(super) fn shrink<F, E>(
    model: &Model,
    mut refuted: impl FnMut(Model, &str) -> Result<Option<F>, E>,
) -> Shrunk<F, E> {
    let (mut parts, mut shrunk) = (Parts::of(model), Shrunk { tried: 0, smallest: None, ended: None });
    'down: loop {
        for simpler in parts.simpler() {
            let file = simpler.file();
            let Ok(model) = Model::parse(&file) else { continue };
            if shrunk.tried == MOST {
                break 'down;
            }
            shrunk.tried += 1;
            match refuted(model, &file) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    (parts, shrunk.smallest) = (simpler, Some((file, found)));
                    continue 'down;
                }
                Err(why) => {
                    shrunk.ended = Some(why);
                    break 'down;
                }
            }
        }
        break;
    }
    shrunk
}

/// A smaller model on which the same is refuted.
pub(super) struct Smaller {
    /// How many models were tried.
    pub(super) tried: usize,
    /// Its file, and what is said of it; none if there is none.
    pub(super) found: Option<(String, String)>,
    /// What the implementation did instead of going on.
    pub(super) ended: Option<String>,
}

impl Smaller {
    /// The command that judges it again.
    fn again(file: &str, options: &str) -> String {
        format!("echo {} | recursive-gumbel harness -{options}", quoted(file))
    }

    /// For people.
    pub(super) fn told(&self, options: &str) -> String {
        let mut told = match &self.found {
            None => {
                format!("\nNo smaller model was found on which it is refuted, of {} tried.\n", self.tried)
            }
            Some((file, finding)) => format!(
                "\nThe smallest model on which it was found, of {} tried:\n  {file}\n  {finding}\n  {}\n",
                self.tried,
                Self::again(file, options)
            ),
        };
        if let Some(why) = &self.ended {
            told.push_str(&format!("No smaller one was tried: {why}\n"));
        }
        told
    }

    /// For programs.
    pub(super) fn fact(&self, options: &str) -> Value {
        let (file, finding) =
            self.found.as_ref().map_or((None, None), |(file, finding)| (Some(file), Some(finding)));
        let model: Option<Value> = file.and_then(|file| serde_json::from_str(file).ok());
        let again = file.map(|file| Self::again(file, options));
        json!({"tried": self.tried, "model": model, "finding": finding, "again": again, "ended": self.ended})
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// The smallest model for which something holds.
    fn smallest(file: &str, holds: impl Fn(&Model) -> bool) -> Option<String> {
        let model = Model::parse(file).unwrap();
        let refuted = |model: Model, _: &str| Ok::<_, Infallible>(holds(&model).then_some(()));
        let shrunk = shrink(&model, refuted);
        assert!(shrunk.tried <= MOST && shrunk.ended.is_none());
        shrunk.smallest.map(|(file, ())| file)
    }

    #[test]
    fn it_goes_down_as_far_as_it_may() {
        let k4 = r#"{"structure":"spanning_tree","vertices":4,"edges":[[0,1,3],[0,2,1],[0,3,"1/2"],[1,2,"5/2"],[1,3,2],[2,3,7]]}"#;
        let vertex = r#"{"structure":"spanning_tree","vertices":1,"edges":[]}"#;
        assert_eq!(smallest(k4, |_| true).as_deref(), Some(vertex));
        assert_eq!(smallest(k4, |_| false), None);
        let three = r#"{"structure":"spanning_tree","vertices":3,"edges":[[0,1,1],[0,2,1]]}"#;
        assert_eq!(smallest(k4, |model| model.size() >= 3).as_deref(), Some(three));
        let arcs = r#"{"structure":"arborescence","vertices":4,"root":2,"edges":[[0,1,4],[1,0,5],[2,0,3],[2,3,2],[3,1,"7/2"]]}"#;
        let one = r#"{"structure":"arborescence","vertices":2,"root":1,"edges":[[1,0,1]]}"#;
        assert_eq!(smallest(arcs, |model| model.size() > 1).as_deref(), Some(one));
        let fast = |model: &Model| model.rates().iter().any(|rate| *rate > BigRational::one());
        let list = r#"{"structure":"top_k","k":2,"rates":[1,"1/3",0,5]}"#;
        assert_eq!(smallest(list, fast).as_deref(), Some(r#"{"structure":"top_k","k":1,"rates":[2]}"#));
        let matching = r#"{"structure":"matching","rates":[[1,2,"1/3"],[4,1,4],[2,3,1]]}"#;
        let two = |model: &Model| model.size() == 2 && model.rates()[1] > model.rates()[0];
        assert_eq!(
            smallest(matching, |model| two(model) || model.size() > 2).as_deref(),
            Some(r#"{"structure":"matching","rates":[[1,2],[1,1]]}"#)
        );
        let order = r#"{"structure":"permutation","rates":[2,"3/2",1]}"#;
        let whole =
            |model: &Model| model.rates().iter().filter(|rate| **rate > BigRational::one()).count() == 1;
        assert_eq!(smallest(order, whole).as_deref(), Some(r#"{"structure":"permutation","rates":[2]}"#));
    }
}
