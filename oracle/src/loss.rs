//! Named losses: integer-valued functions of a structure.
//!
//! | structure | `default` | others |
//! |---|---|---|
//! | spanning_tree | number of tree edges that do not touch vertex 0 | `max_degree`, `leaves` |
//! | arborescence | minus the largest out-degree over all vertices | `depth`, `leaves` |
//! | matching | minus the number of cells on the diagonal | `displacement`, `inversions` |
//! | binary_tree | minus the height (one node has height 1) | `leaves`, `root` |
//! | top_k | sum of the positions | `largest` |
//! | permutation | number of inversions | `displacement`, `fixed_points` |
//! | categorical | the position | |
//!
//! `displacement` is `Σ_i |i - x_i|`; `depth` counts the arcs of the longest path from the root; `leaves` counts vertices
//! with one edge, or without outgoing arc or child; `root` is the position of the root.
//!
//! # Example
//! ```
//! use gumbel_oracle::{loss::Loss, model::Model};
//! let model = Model::parse(r#"{"structure": "binary_tree", "rates": [1, 2, 3]}"#)?;
//! let loss = Loss::named(&model, "default")?;
//! let path = model.replay(&model.parse_trace("[null,0,1]")?)?;
//! assert_eq!(loss.of(&model, &path), -3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # References
//! The default losses of the first four are those of the toy experiments of Struminsky et al. (2021), appendix.

use crate::model::{Entry, Kind, Model};
use crate::structure::Structure;

/// A named loss of one kind of structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    kind: Kind,
    name: &'static str,
}

/// A loss that the structure does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{structure} has no loss {name:?}: want one of {}", known.join(", "))]
pub struct UnknownLoss {
    /// The structure.
    pub structure: &'static str,
    /// The name asked for.
    pub name: String,
    /// The names there are.
    pub known: &'static [&'static str],
}

impl Loss {
    /// The names of the losses of a structure, the default first.
    #[must_use]
    pub fn names(kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::SpanningTree => &["default", "max_degree", "leaves"],
            Kind::Arborescence => &["default", "depth", "leaves"],
            Kind::Matching => &["default", "displacement", "inversions"],
            Kind::BinaryTree => &["default", "leaves", "root"],
            Kind::TopK => &["default", "largest"],
            Kind::Permutation => &["default", "displacement", "fixed_points"],
            Kind::Categorical => &["default"],
        }
    }

    /// The loss of that name for the structure of the model.
    ///
    /// # Errors
    /// [`UnknownLoss`], with the names there are.
    pub fn named(model: &Model, name: &str) -> Result<Self, UnknownLoss> {
        let (kind, known) = (model.kind(), Self::names(model.kind()));
        match known.iter().find(|known| **known == name) {
            Some(name) => Ok(Self { kind, name }),
            None => Err(UnknownLoss { structure: kind.name(), name: name.to_owned(), known }),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The loss of a structure of this model.
    #[must_use]
    pub fn of(&self, model: &Model, structure: &Structure) -> i64 {
        match structure {
            Structure::Parents(parents) => match self.name {
                "leaves" => count((0..parents.0.len()).filter(|i| !parents.0.contains(&Some(*i)))),
                "root" => parents.0.iter().position(Option::is_none).map_or(0, |i| i as i64),
                _ => -(parents.height() as i64),
            },
            Structure::Order(order) => self.of_order(order),
            Structure::Entries(set) => {
                let entries: Vec<Entry> = set.iter().map(|&k| model.entries()[k]).collect();
                let pairs: Vec<(usize, usize)> = entries.iter().filter_map(pair).collect();
                match self.kind {
                    Kind::SpanningTree | Kind::Arborescence => self.of_graph(model.size(), &pairs),
                    Kind::Matching => {
                        let mut column = vec![0; model.size()];
                        pairs.iter().for_each(|&(i, j)| column[i] = j);
                        if self.name == "default" {
                            -count(pairs.iter().filter(|(i, j)| i == j))
                        } else {
                            self.of_order(&column)
                        }
                    }
                    _ => {
                        let positions =
                            entries.iter().map(|e| if let Entry::Position(i) = e { *i as i64 } else { 0 });
                        if self.name == "largest" { positions.max().unwrap_or(0) } else { positions.sum() }
                    }
                }
            }
        }
    }

    fn of_graph(&self, n: usize, pairs: &[(usize, usize)]) -> i64 {
        let directed = self.kind == Kind::Arborescence;
        let mut degree = vec![0_i64; n];
        for &(u, v) in pairs {
            degree[u] += 1;
            if !directed {
                degree[v] += 1;
            }
        }
        let largest = degree.iter().max().copied().unwrap_or(0);
        match self.name {
            "max_degree" => largest,
            "leaves" if n == 1 => 1,
            "leaves" => count(degree.iter().filter(|&&d| d == i64::from(!directed))),
            "depth" => {
                let parent = |v: &usize| pairs.iter().find(|&&(_, head)| head == *v).map(|&(tail, _)| tail);
                (0..n).map(|v| count(std::iter::successors(Some(v), parent)) - 1).max().unwrap_or(0)
            }
            _ if directed => -largest,
            _ => count(pairs.iter().filter(|&&(u, v)| u != 0 && v != 0)),
        }
    }

    fn of_order(&self, order: &[usize]) -> i64 {
        match self.name {
            "displacement" => order.iter().enumerate().map(|(i, &x)| i.abs_diff(x) as i64).sum(),
            "fixed_points" => count(order.iter().enumerate().filter(|&(i, &x)| i == x)),
            _ => {
                (0..order.len()).map(|i| count(order[..i].iter().filter(|&&before| before > order[i]))).sum()
            }
        }
    }

    /// If the loss is a sum over the entries of the structure: its value for each entry. Such losses need no
    /// enumeration of structures, only of the states of the recursion.
    #[must_use]
    pub fn additive(&self, model: &Model) -> Option<Vec<i64>> {
        let value = |entry: &Entry| match (self.kind, self.name, *entry) {
            (Kind::SpanningTree, "default", Entry::Pair(u, v)) => Some(i64::from(u != 0 && v != 0)),
            (Kind::Matching, "default", Entry::Pair(i, j)) => Some(-i64::from(i == j)),
            (Kind::Matching, "displacement", Entry::Pair(i, j)) => Some(i.abs_diff(j) as i64),
            (Kind::TopK | Kind::Categorical, "default", Entry::Position(i)) => Some(i as i64),
            _ => None,
        };
        // A model without entries (a single vertex) has the sum 0.
        if model.entries().is_empty() && self.name != "default" {
            return None;
        }
        model.entries().iter().map(value).collect()
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> i64 {
    items.count() as i64
}

fn pair(entry: &Entry) -> Option<(usize, usize)> {
    if let Entry::Pair(u, v) = *entry { Some((u, v)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(model: &str, trace: &str, name: &str) -> i64 {
        let model = Model::parse(model).unwrap();
        let structure = model.replay(&model.parse_trace(trace).unwrap()).unwrap();
        let loss = Loss::named(&model, name).unwrap();
        if let (Some(values), Structure::Entries(set)) = (loss.additive(&model), &structure) {
            assert_eq!(set.iter().map(|&k| values[k]).sum::<i64>(), loss.of(&model, &structure));
        }
        loss.of(&model, &structure)
    }

    #[test]
    fn tree_losses_count_every_edge() {
        let path = r#"{"structure":"spanning_tree","vertices":5,"edges":[[1,2,1],[2,3,1],[3,4,1],[0,4,1]]}"#;
        let trace = "[[1,2],[2,3],[3,4],[0,4]]";
        assert_eq!(loss(path, trace, "default"), 3);
        assert_eq!(loss(path, trace, "max_degree"), 2);
        assert_eq!(loss(path, trace, "leaves"), 2);
        let single = r#"{"structure":"spanning_tree","vertices":1,"edges":[]}"#;
        assert_eq!(["default", "max_degree", "leaves"].map(|name| loss(single, "[]", name)), [0, 0, 1]);
    }

    #[test]
    fn arborescence_losses_look_at_all_vertices() {
        let star = r#"{"structure":"arborescence","vertices":4,"root":3,"edges":[[3,1,1],[1,0,1],[1,2,1]]}"#;
        let trace =
            r#"[{"component":[0],"arc":[1,0]},{"component":[1],"arc":[3,1]},{"component":[2],"arc":[1,2]}]"#;
        assert_eq!(loss(star, trace, "default"), -2); // vertex 1, not the root
        assert_eq!(loss(star, trace, "depth"), 2);
        assert_eq!(loss(star, trace, "leaves"), 2);
    }

    #[test]
    fn matching_losses() {
        let cells = r#"{"structure":"matching","rates":[[1,1,1],[1,1,1],[1,1,1]]}"#;
        let trace = "[[2,0],[1,1],[0,2]]";
        assert_eq!(
            ["default", "displacement", "inversions"].map(|name| loss(cells, trace, name)),
            [-1, 4, 3]
        );
    }

    #[test]
    fn losses_of_positions() {
        let tree = r#"{"structure":"binary_tree","rates":[1,1,1]}"#;
        assert_eq!(["default", "leaves", "root"].map(|name| loss(tree, "[1,null,1]", name)), [-2, 2, 1]);
        let top = r#"{"structure":"top_k","k":2,"rates":[1,1,1]}"#;
        assert_eq!(["default", "largest"].map(|name| loss(top, "[2,1]", name)), [3, 2]);
        let order = r#"{"structure":"permutation","rates":[1,1,1]}"#;
        assert_eq!(
            ["default", "displacement", "fixed_points"].map(|name| loss(order, "[2,1,0]", name)),
            [3, 4, 1]
        );
        assert_eq!(loss(r#"{"structure":"categorical","rates":[1,1,1]}"#, "2", "default"), 2);
    }

    #[test]
    fn an_unknown_loss_names_those_there_are() {
        let model = Model::parse(r#"{"structure":"categorical","rates":[1]}"#).unwrap();
        let error = Loss::named(&model, "depth").unwrap_err();
        assert_eq!(error.to_string(), r#"categorical has no loss "depth": want one of default"#);
    }
}
