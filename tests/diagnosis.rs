//! What wrong draws look like: each of the usual confusions is named, and what is none of them is not.
//!
//! Every run has its seed. A wrong law is told from the right one by far more than noise; a confusion that is drawn from fails to
//! fit with probability 1e-4, and an interval misses the rate with probability 0.01.

use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::{Algorithm, Model};
use gumbel_oracle::number::to_f64;
use gumbel_oracle::recursion::Recursion;
use gumbel_oracle::structure::Structure;
use recursive_gumbel::check::{Asked, Method, tests};
use recursive_gumbel::mutants::{Mutant, Mutated};
use recursive_gumbel::report::{Row, Verdict};
use recursive_gumbel::sample::{Batch, Draw, Draws, Field, Reference, Sampler};
use recursive_gumbel::statistics::Budget;

const K4: &str = include_str!("../examples/models/k4.json");
const MATCHING: &str = r#"{"structure": "matching", "rates": [[4,1,2],["1/2",1,1],[3,"1/3",1]]}"#;
const ARCS: &str = r#"{"structure": "arborescence", "vertices": 4, "root": 0, "edges":
    [[0,1,1],[0,2,1],[0,3,1],[1,2,6],[2,1,5],[2,3,4],[3,1,3],[1,3,2],[3,2,7]]}"#;
const TOP_K: &str = r#"{"structure": "top_k", "k": 2, "rates": [1, 2, "1/2", 3]}"#;
const ORDER: &str = r#"{"structure": "permutation", "rates": [1, 2, "1/2", 3]}"#;
const TREE: &str = r#"{"structure": "binary_tree", "rates": [1, 2, "1/2", 3, 5]}"#;
const ONE: &str = r#"{"structure": "categorical", "rates": [1, 2, "1/2", 3]}"#;

const DRAWS: u64 = 20_000;

/// A sampler of structures, given the model, its right sampler and the number of a draw.
struct Wrong<'m, F> {
    right: Reference<'m>,
    structure: F,
    /// The structure only, or the trace only.
    field: [Field; 1],
}

impl<F: Fn(&Reference<'_>, u64) -> Draw + Sync> Sampler for Wrong<'_, F> {
    fn fields(&self) -> &[Field] {
        &self.field
    }

    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        (first..first + count as u64).for_each(|number| batch.push(&(self.structure)(&self.right, number)));
    }
}

fn judge(
    text: &str,
    field: Field,
    structure: impl Fn(&Model, &Reference<'_>, u64) -> Draw + Sync,
) -> Vec<Row> {
    let model = Model::parse(text).unwrap();
    let right = Reference::new(&model, 6).unwrap();
    let structure = |right: &Reference<'_>, number: u64| structure(&model, right, number);
    let wrong = Wrong { right, structure, field: [field] };
    let budget = Budget::new(1e-6, tests(&model, &wrong.field, &Asked::only(0.05))).unwrap();
    let method = Method::of(&model, &wrong.field, &Asked::only(0.05), 1e-6);
    assert_eq!(method, Method::Enumeration);
    method.judge("", &model, &mut Draws::new(&wrong, DRAWS), &Asked::only(0.05), &budget, |_| ()).unwrap()
}

/// What the draws look like.
fn looks_like(
    text: &str,
    field: Field,
    structure: impl Fn(&Model, &Reference<'_>, u64) -> Draw + Sync,
) -> Option<String> {
    let rows = judge(text, field, structure);
    let row = rows.iter().find(|row| row.verdict == Verdict::Refuted).expect("wrong draws are refuted");
    let (_, rest) = row.note.split_once("It looks like ")?;
    Some(rest.split_once(" (χ²").unwrap().0.to_owned())
}

/// The run on other weights than those of the right sampler.
fn on(model: &Model, right: &Reference<'_>, number: u64, weight: impl Fn(usize, f64, f64) -> f64) -> Draw {
    let weights = right.weights(number);
    let weights: Vec<f64> =
        weights.iter().zip(right.rates()).enumerate().map(|(k, (&e, &rate))| weight(k, e, rate)).collect();
    let run = model.run(&weights).unwrap();
    Draw { structure: run.structure, trace: run.trace, ..right.draw(number) }
}

/// What draws look like that have probability proportional to a weight of their structure, by a uniform that belongs to the number.
fn chosen(text: &str, weight: impl Fn(&Model, &Structure) -> f64) -> Option<String> {
    let model = Model::parse(text).unwrap();
    let mut sum = 0.0;
    let mut sums = Vec::new();
    for (structure, _) in model.law(Limit::default()).unwrap().outcomes {
        sum += weight(&model, &structure);
        sums.push((sum, structure));
    }
    looks_like(text, Field::Structure, |_, right, number| {
        let place = sum * libm::exp(-right.weights(number + (1 << 40))[0] * right.rates()[0]);
        let found = sums.iter().find(|(sum, _)| place <= *sum).unwrap();
        Draw { structure: found.1.clone(), ..right.draw(number) }
    })
}

#[test]
fn rates_for_means_are_named_for_every_structure_and_by_traces_alone() {
    let means = |model: &Model, right: &Reference<'_>, number: u64| {
        on(model, right, number, |_, e, rate| e * rate * rate)
    };
    for text in [K4, MATCHING, ARCS, TOP_K, ORDER, TREE, ONE] {
        for field in [Field::Structure, Field::Trace] {
            let found = looks_like(text, field, means);
            assert_eq!(
                found.as_deref(),
                Some("rates taken for means, or logits with the other sign"),
                "{text}"
            );
        }
    }
}

#[test]
fn the_usual_confusions_are_named() {
    for text in [K4, TOP_K, ORDER, ONE] {
        let found = looks_like(text, Field::Structure, |model, right, number| {
            on(model, right, number, |_, e, rate| e * rate)
        });
        // Of one position of all, that is the uniform law.
        let said = found.unwrap();
        let uniform = "a choice among all structures with equal probability";
        assert!(said == "rates that are not used: all equal" || text != K4 && said == uniform, "{said}");
    }
    let uniform = chosen(K4, |_, _| 1.0);
    assert_eq!(uniform.as_deref(), Some("a choice among all structures with equal probability"));
    for text in [K4, TOP_K] {
        let gibbs = chosen(text, |model, structure| match structure {
            Structure::Entries(set) => set.iter().map(|&entry| to_f64(&model.rates()[entry])).product(),
            _ => unreachable!("a set"),
        });
        assert!(gibbs.is_some_and(|said| said.starts_with("the Gibbs law")), "{text}");
    }
    for text in [K4, MATCHING, TOP_K, TREE] {
        let largest =
            looks_like(text, Field::Structure, |model, right, number| on(model, right, number, |_, e, _| -e));
        assert_eq!(largest.as_deref(), Some("the largest weight taken for the smallest"), "{text}");
        let uniforms = looks_like(text, Field::Structure, |model, right, number| {
            on(model, right, number, |_, e, rate| libm::exp(-e * rate) / rate)
        });
        assert_eq!(uniforms.as_deref(), Some("uniforms taken for exponentials"), "{text}");
    }
    let transposed = looks_like(MATCHING, Field::Structure, |model, right, number| {
        let rates = right.rates();
        on(model, right, number, |k, e, rate| e * rate / rates[k % 3 * 3 + k / 3])
    });
    assert_eq!(transposed.as_deref(), Some("the matrix transposed"));
    let unreduced = looks_like(ARCS, Field::Structure, |model, right, number| {
        let Algorithm::Arborescence(algorithm) = model.algorithm() else { unreachable!("an arborescence") };
        let weights = right.weights(number);
        let (mut state, mut before) = (algorithm.start(), Vec::new());
        while algorithm.stop(&state).is_none() {
            let lightest = |arcs: &Vec<usize>| {
                arcs.iter().copied().reduce(|a, b| if weights[b] < weights[a] { b } else { a }).unwrap()
            };
            let winners: Vec<usize> = algorithm.split(&state).iter().map(lightest).collect();
            let next = algorithm.map(&state, &winners);
            before.push((std::mem::replace(&mut state, next), winners));
        }
        let structure = algorithm.stop(&state).unwrap();
        let back = before.into_iter().rev();
        let structure =
            back.fold(structure, |rest, (state, winners)| algorithm.combine(&state, &winners, rest));
        Draw { structure: structure.into(), ..right.draw(number) }
    });
    assert_eq!(unreduced.as_deref(), Some("weights that are not reduced when a cycle is contracted"));
}

/// What a report may say, in its own words, and the mutant that it is said of.
const CAUSES: [(&str, &str); 10] = [
    ("rates taken for means, or logits with the other sign", "rates_for_means"),
    ("rates that are not used: all equal", "rates_ignored"),
    ("logits that are doubled, a temperature of 1/2", "rates_squared"),
    ("each entry with the rate of the next one", "rates_shifted"),
    ("the matrix transposed", "rates_transposed"),
    ("one wrong rate: that of ", "one_rate_a_fifth_off"),
    (" never drawn", "never_drawn"),
    ("uniforms taken for exponentials", "uniforms_divided"),
    ("the largest weight taken for the smallest", "largest"),
    ("weights that are not reduced when a cycle is contracted", "not_reduced"),
];

/// Mutants that change the law of the structures, and have no name in a report: two of these are the law of a named one.
const NAMELESS: [&str; 12] = [
    "rates_strided",
    "uniform_weights",
    "square_roots",
    "shared_uniform",
    "antithetic",
    "second_smallest",
    "by_index",
    "row_by_row",
    "one_member_of_cycle",
    "interval_cut",
    "largest_below",
    "mirrored",
];

/// Mutants × diagnoses: of how many structures a report says what, from structures alone.
#[test]
fn mutants_are_named_by_their_cause() {
    use rayon::prelude::*;
    let models = [K4, ARCS, MATCHING, TREE, TOP_K, ORDER, ONE];
    let said = |mutant: &'static Mutant, text: &str| {
        let model = Model::parse(text).unwrap();
        let sampler = Mutated::new(&model, mutant, 1).unwrap();
        let rows = judge(text, Field::Structure, |_, _, number| sampler.draw(number));
        let refuted = rows.iter().find(|row| row.verdict == Verdict::Refuted)?;
        let diagnosis = refuted.note.split_once("It looks like ").map(|(_, rest)| rest.to_owned());
        let cause = |said: &String| CAUSES.iter().position(|(cause, _)| said.contains(cause));
        Some(diagnosis.map(|said| cause(&said).unwrap_or_else(|| panic!("{mutant:?}: {said}"))))
    };
    let names = CAUSES.iter().map(|(_, name)| *name).chain(NAMELESS);
    let names: Vec<&str> = names.collect();
    let of = |name: &&str| -> Vec<Option<usize>> {
        let mutant = Mutant::named(name).unwrap();
        let of_it = models.iter().filter(|text| mutant.is_of(Model::parse(text).unwrap().kind()));
        of_it.filter_map(|text| said(mutant, text)).collect()
    };
    let found: Vec<Vec<Option<usize>>> = names.par_iter().map(of).collect();
    let letters = || (b'a'..).take(CAUSES.len()).map(|letter| char::from(letter).to_string());
    let mut table =
        format!("{:<22}{:>8}  {}  none\n", "mutant", "refuted", letters().collect::<Vec<_>>().join("  "));
    let (mut on_diagonal, mut off_diagonal, mut all) = (0, 0, 0);
    for (row, (name, found)) in names.iter().zip(&found).enumerate() {
        let count = |cause: Option<usize>| found.iter().filter(|said| **said == cause).count();
        let cell = |count: usize| if count == 0 { ".".to_owned() } else { count.to_string() };
        let cells: Vec<String> = (0..CAUSES.len()).map(|cause| cell(count(Some(cause)))).collect();
        let line = format!("{name:<22}{:>8}  {}  {:>4}", found.len(), cells.join("  "), cell(count(None)));
        table += line.trim_end();
        table.push('\n');
        if row < CAUSES.len() {
            on_diagonal += count(Some(row));
            off_diagonal += found.len() - count(Some(row)) - count(None);
            all += found.len();
        }
    }
    for (letter, (cause, _)) in letters().zip(CAUSES) {
        table += &format!("{letter}  {}\n", cause.trim());
    }
    let chapter = include_str!("../docs/src/mutants.md");
    assert!(chapter.contains(&table), "{table}");
    assert!(10 * on_diagonal >= 8 * all, "{on_diagonal} of {all}, {off_diagonal} by another name");
}

#[test]
fn one_wrong_rate_is_named_with_an_interval_that_holds_it() {
    for (text, entry, label, factor) in
        [(K4, 2, "0–3", 2.5), (TOP_K, 3, "3", 0.6), (ORDER, 0, "0", 1.5), (ARCS, 3, "1→2", 0.25)]
    {
        let said = looks_like(text, Field::Structure, |model, right, number| {
            on(model, right, number, |k, e, _| if k == entry { e / factor } else { e })
        });
        let said = said.unwrap();
        let rest = said.strip_prefix(&format!("one wrong rate: that of {label} is about ")).expect(&said);
        let numbers: Vec<f64> = rest.split([' ', '(', ')']).filter_map(|word| word.parse().ok()).collect();
        let [found, low, high, stated] = numbers[..] else { panic!("{said}") };
        assert!(low < found && found < high && high - low < 0.3 * found, "{said}");
        assert!((low..high).contains(&(stated * factor)), "{said}");
    }
}

#[test]
fn what_is_none_of_them_is_not_named_and_right_draws_are_none() {
    // Half of the draws with the rates for means.
    let mixed = looks_like(K4, Field::Structure, |model, right, number| {
        on(model, right, number, |_, e, rate| if number % 2 == 0 { e } else { e * rate * rate })
    });
    assert_eq!(mixed, None);
    let rows = judge(K4, Field::Structure, |_, right, number| right.draw(number));
    assert!(
        rows.iter().all(|row| row.verdict != Verdict::Refuted && !row.note.contains("looks like")),
        "{rows:?}"
    );
}
