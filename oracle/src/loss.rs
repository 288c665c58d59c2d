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

use crate::builtin::Builtin;
use crate::model::{Kind, Model, with_algorithm};
use crate::structure::{Structure, Variant};

/// A named loss of one kind of structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    name: &'static str,
    words: &'static str,
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
    pub known: Vec<&'static str>,
}

impl Loss {
    /// The names of the losses of a structure, the default first.
    #[must_use]
    pub fn names(kind: Kind) -> Vec<&'static str> {
        kind.losses().iter().map(|&(name, _)| name).collect()
    }

    /// The loss of that name for the structure of the model.
    ///
    /// # Errors
    /// [`UnknownLoss`], with the names there are.
    pub fn named(model: &Model, name: &str) -> Result<Self, UnknownLoss> {
        let kind = model.kind();
        match kind.losses().iter().find(|(known, _)| *known == name) {
            Some(&(name, words)) => Ok(Self { name, words }),
            None => {
                let (structure, known) = (kind.name(), Self::names(kind));
                Err(UnknownLoss { structure, name: name.to_owned(), known })
            }
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is, in words.
    #[must_use]
    pub fn words(&self) -> &'static str {
        self.words
    }

    /// The loss of a structure of this model; 0 of one that is of another type.
    #[must_use]
    pub fn of(&self, model: &Model, structure: &Structure) -> i64 {
        with_algorithm!(model, a => Variant::of(structure).map_or(0, |x| a.loss(self.name, x)))
    }

    /// If the loss is a sum over the entries of the structure: its value for each entry. Such losses need no
    /// enumeration of structures, only of the states of the recursion.
    #[must_use]
    pub fn additive(&self, model: &Model) -> Option<Vec<i64>> {
        with_algorithm!(model, a => a.additive(self.name))
    }
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
