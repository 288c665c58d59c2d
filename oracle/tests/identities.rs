//! The exact identities on every example model, on closed forms, and on recursions that are wrong on purpose.

use gumbel_oracle::identities::{Identity, closed_forms, of_model, of_recursion, of_traces};
use gumbel_oracle::model::Model;
use gumbel_oracle::number::ratio;
use gumbel_oracle::recursion::Recursion;

fn example_models() -> Vec<(String, Model)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/models");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let model = Model::parse(&std::fs::read_to_string(&path).unwrap());
        (name.clone(), model.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    files.into_iter().map(read).collect()
}

#[test]
fn every_identity_holds_for_every_example_model() {
    let models = example_models();
    assert!(models.len() >= 12);
    for (name, model) in models {
        for Identity { name: identity, outcome } in of_model(&model) {
            assert!(outcome.is_ok(), "{name}: {identity}: {}", outcome.unwrap_err());
        }
    }
}

#[test]
fn closed_forms_hold() {
    for (kind, Identity { name, outcome }) in closed_forms() {
        assert!(outcome.is_ok_and(|compared| compared > 0), "{}: {name}", kind.name());
    }
}

/// Two winners of three, with a choice of mistakes.
struct Podium(Mistake);

#[derive(PartialEq)]
enum Mistake {
    None,
    /// The second race is not held: the last winner is the lower of the two that are left.
    LastRaceNotRecorded,
    /// Only neighbours of the first winner race for the second place, the others are forgotten.
    EntrantsForgotten,
    /// The first winner may win again.
    WinnersStay,
    /// The structure does not depend on the second winner.
    WrongStructure,
}

impl Recursion for Podium {
    type State = Vec<usize>;
    type Structure = Vec<usize>;
    fn entry_count(&self) -> usize {
        3
    }
    fn start(&self) -> Vec<usize> {
        vec![]
    }
    fn stop(&self, won: &Vec<usize>) -> Option<Vec<usize>> {
        match (won.len(), self.0 == Mistake::LastRaceNotRecorded) {
            (1, true) => Some(vec![(0..3).find(|k| !won.contains(k))?]),
            (2, _) => Some(vec![]),
            _ => None,
        }
    }
    fn split(&self, won: &Vec<usize>) -> Vec<Vec<usize>> {
        let races = |k: &usize| match (&self.0, won.first()) {
            (Mistake::EntrantsForgotten, Some(first)) => k.abs_diff(*first) == 1,
            (Mistake::WinnersStay, _) => true,
            _ => !won.contains(k),
        };
        vec![(0..3).filter(races).collect()]
    }
    fn map(&self, won: &Vec<usize>, winners: &[usize]) -> Vec<usize> {
        [won, winners].concat()
    }
    fn combine(&self, won: &Vec<usize>, winners: &[usize], rest: Vec<usize>) -> Vec<usize> {
        if self.0 == Mistake::WrongStructure && won.len() == 1 { rest } else { [winners, &rest].concat() }
    }
}

fn broken(mistake: Mistake) -> Vec<&'static str> {
    let rates = [ratio(1, 1), ratio(2, 1), ratio(7, 2)];
    let identities = of_recursion(&Podium(mistake), &rates).into_iter();
    identities.filter(|identity| identity.outcome.is_err()).map(|identity| identity.name).collect()
}

#[test]
fn a_right_recursion_breaks_nothing() {
    assert_eq!(broken(Mistake::None), [""; 0]);
}

/// Forgetting who races is a different algorithm whose traces still have consistent laws: its own decomposition holds. It is
/// the comparison with the right structure's law, not an identity, that refutes it. The same is true of the other two.
#[test]
fn a_consistent_but_different_algorithm_is_left_to_the_comparison_of_laws() {
    assert_eq!(broken(Mistake::EntrantsForgotten), [""; 0]);
    assert_eq!(broken(Mistake::LastRaceNotRecorded), [""; 0]);
    assert_eq!(broken(Mistake::WrongStructure), [""; 0]);
}

#[test]
fn an_entry_that_races_on_after_winning_is_caught() {
    // Its traces are not even listed: the enumeration of a recursion that breaks its promises may never end.
    assert_eq!(broken(Mistake::WinnersStay), ["promises kept"]);
    let rates = [ratio(1, 1), ratio(2, 1), ratio(7, 2)];
    let of_traces = of_traces(&Podium(Mistake::WinnersStay), &rates).into_iter();
    let broken: Vec<&str> = of_traces.filter(|i| i.outcome.is_err()).map(|i| i.name).collect();
    assert!(broken.contains(&"decomposition") && broken.contains(&"round trip"), "{broken:?}");
}

/// Entrant sets by state, the number of races held; it stops after two.
struct Sets(fn(usize) -> Vec<Vec<usize>>);

impl Recursion for Sets {
    type State = usize;
    type Structure = Vec<usize>;
    fn entry_count(&self) -> usize {
        4
    }
    fn start(&self) -> usize {
        0
    }
    fn stop(&self, races: &usize) -> Option<Vec<usize>> {
        (*races == 2).then(Vec::new)
    }
    fn split(&self, races: &usize) -> Vec<Vec<usize>> {
        self.0(*races)
    }
    fn map(&self, races: &usize, winners: &[usize]) -> usize {
        races + usize::from(!winners.is_empty())
    }
    fn combine(&self, _: &usize, winners: &[usize], rest: Vec<usize>) -> Vec<usize> {
        [winners, &rest].concat()
    }
}

#[test]
fn each_broken_promise_is_told_with_the_state_and_the_entry() {
    type Split = fn(usize) -> Vec<Vec<usize>>;
    let cases: [(Split, &str); 7] = [
        (
            |races| if races == 0 { vec![vec![0, 1]] } else { vec![] },
            "nothing races, but the algorithm does not stop",
        ),
        (|_| vec![vec![0, 1], vec![]], "a race has no entrants"),
        (|_| vec![vec![1, 0]], "entrants are not in increasing order"),
        (|_| vec![vec![0, 0]], "entrants are not in increasing order"),
        (|_| vec![vec![0, 9]], "entry 9 races, but there are 4 entries"),
        (|_| vec![vec![0, 3]], "entry 3 races, which is absent"),
        (|_| vec![vec![0, 1], vec![1, 2]], "entry 1 is in two races at once"),
    ];
    let rates = [ratio(1, 1), ratio(2, 1), ratio(3, 1), ratio(0, 1)];
    for (split, what) in cases {
        let identities = of_recursion(&Sets(split), &rates);
        assert_eq!(identities.len(), 1, "{what}");
        let told = identities[0].outcome.clone().unwrap_err();
        assert!(told.starts_with("in state ") && told.contains(what), "{told}");
    }
    let kept =
        of_recursion(&Sets(|races| if races == 0 { vec![vec![0], vec![1]] } else { vec![vec![2]] }), &rates);
    assert!(kept.iter().all(|identity| identity.outcome.is_ok()), "{kept:?}");
    assert_eq!(kept[0].outcome, Ok(3)); // entrant sets looked at
}
