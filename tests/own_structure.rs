//! The example of a structure of one's own, and what it says of one that is wrong.

use std::collections::BTreeSet;

use gumbel_oracle::instance::Instance;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::number::ratio;
use recursive_gumbel::check::{Asked, Options, judge, tests};
use recursive_gumbel::report::Verdict;
use recursive_gumbel::sample::{Field, FromDraws, Reference};
use recursive_gumbel::statistics::Budget;

#[path = "../examples/own_structure.rs"]
#[allow(dead_code, unreachable_pub)] // it is a program of its own
mod own_structure;

use own_structure::{judged, paw};

#[test]
fn its_law_and_gradient_are_those_by_hand() {
    let paw = paw().unwrap();
    // Rates 1, 2, 3, 4, in all 10. 0 first: nobody is left. 1 first: 2 and 3 race. 2 or 3 first: 1 is left.
    let law = [
        (BTreeSet::from([0]), ratio(1, 10)),
        (BTreeSet::from([1, 2]), ratio(3, 10) + ratio(2, 10) * ratio(3, 7)),
        (BTreeSet::from([1, 3]), ratio(4, 10) + ratio(2, 10) * ratio(4, 7)),
    ];
    assert_eq!(paw.law(Limit::default()).unwrap(), law);
    // With rates a, b, c, d and t = a+b+c+d: P(2 in X) = c/t + b/t · c/(c+d), differentiated with ∂λ/∂θ = -λ.
    let two = |set: &BTreeSet<usize>| ratio(i64::from(set.contains(&2)), 1);
    let found = paw.gradient_of(two, Limit::default()).unwrap();
    let (a, b, c, d, t) = (ratio(1, 1), ratio(2, 1), ratio(3, 1), ratio(4, 1), ratio(10, 1));
    let cd = &c + &d;
    let after = &b * &c / &t; // b/t · c, to be divided by c + d
    let p = &c / &t + &after / &cd;
    let want = [
        &a * &p / &t,
        &b * &p / &t - &after / &cd,
        &c * &p / &t - &c / &t - &after / &cd + &after * &c / (&cd * &cd),
        &d * &p / &t + &after * &d / (&cd * &cd),
    ];
    assert_eq!((found.expectation, found.gradient), (p, want.to_vec()));
}

#[test]
fn the_whole_judgement_holds() {
    // False alarm: 1e-6, over seeds. Power: all rows would be underpowered if they did not catch 0.05.
    let rows = judged(200_000).unwrap();
    assert!(rows.len() > 15 && rows.iter().all(|row| row.verdict == Verdict::Held), "{rows:?}");
    assert!(rows.iter().all(|row| row.structure == "independent_set"));
}

#[test]
fn a_wrong_sampler_of_it_is_caught() {
    let paw = paw().unwrap();
    let options = Options { samples: 2_000, ..Options::default() };
    let budget =
        Budget::new(options.alpha, tests(&paw, &Field::DRAWN, &Asked::only(options.departure))).unwrap();
    let right = Reference::new(&paw, 1).unwrap();
    // Members of the set stay in the draw, but the set given out lacks its largest.
    let sampler = FromDraws(|number| {
        let mut draw = right.draw(number);
        draw.structure.pop_last();
        draw
    });
    let rows = judge("paw", &paw, &sampler, &options, &budget, |_| ()).unwrap();
    let refuted = rows.iter().filter(|row| row.verdict == Verdict::Refuted);
    let mut subjects: Vec<&str> = refuted.map(|row| row.subject).collect();
    subjects.dedup();
    assert_eq!(subjects, ["structures", "rerun", "round trip"]);
    assert!(rows[1].note.ends_with("is no structure of this model"), "{}", rows[1].note);
    assert!(rows[2].note.starts_with("impossible ones over-drawn: 2000 observed"), "{}", rows[2].note);
}
