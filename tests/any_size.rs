//! `check` where nothing can be enumerated: right samplers are held, wrong ones refuted and named.
//!
//! Every run has its seed. A right sampler is refuted with probability at most 1e-6 per report over seeds, where no other is
//! stated.

use assert_cmd::Command;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::race::Trace;
use rand::distr::Open01;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use recursive_gumbel::check::{Asked, Method, Options, any_size};
use recursive_gumbel::report::{Row, Verdict};
use recursive_gumbel::sample::file::write_json_line;
use recursive_gumbel::sample::jsonl::{Input, JsonLines};
use recursive_gumbel::sample::{Batch, Draw, Field, FromDraws, Reference, Sampler, Source as _};
use recursive_gumbel::statistics::Budget;

/// A dense model of a size that cannot be enumerated, with rates over two orders of magnitude.
fn model(kind: Kind) -> Model {
    let rate = |k: usize| {
        format!("{}", 1.0 + (k * 7_919 % 100) as f64 / if k.is_multiple_of(3) { 1.0 } else { 10.0 })
    };
    let list = |n: usize| (0..n).map(rate).collect::<Vec<_>>().join(",");
    let matrix = |n: usize, kept: fn(usize, usize) -> bool| {
        let cell = |u: usize, v: usize| if kept(u, v) { rate(u * n + v) } else { "null".to_owned() };
        let row = |u: usize| format!("[{}]", (0..n).map(|v| cell(u, v)).collect::<Vec<_>>().join(","));
        (0..n).map(row).collect::<Vec<_>>().join(",")
    };
    let rates = match kind {
        Kind::SpanningTree => matrix(14, |u, v| u < v),
        Kind::Arborescence => matrix(11, |u, v| u != v),
        Kind::Matching => matrix(9, |_, _| true),
        Kind::BinaryTree => list(30),
        Kind::TopK | Kind::Permutation => list(40),
        Kind::Categorical => list(300),
    };
    let more = more(kind);
    Model::parse(&format!(r#"{{"structure": "{}", "rates": [{rates}]{more}}}"#, kind.name())).unwrap()
}

/// What else a model file has.
fn more(kind: Kind) -> &'static str {
    match kind {
        Kind::TopK => r#", "k": 12"#,
        Kind::Arborescence => r#", "root": 4"#,
        _ => "",
    }
}

fn judge_at(model: &Model, sampler: &dyn Sampler, samples: u64, alpha: f64) -> Vec<Row> {
    let options = Options { samples, alpha, ..Options::default() };
    let budget =
        Budget::new(options.alpha, any_size::tests(model, sampler.fields(), &Asked::only(options.departure)))
            .unwrap();
    any_size::judge("", model, sampler, &options, &budget, |_| ()).unwrap()
}

/// The subjects that are refuted, and what is said of them.
fn refuted(model: &Model, sampler: &dyn Sampler, samples: u64) -> Vec<(&'static str, String)> {
    let rows = judge_at(model, sampler, samples, 1e-6).into_iter();
    rows.filter(|row| row.verdict == Verdict::Refuted).map(|row| (row.subject, row.note)).collect()
}

fn uniforms(right: &Reference<'_>, number: u64) -> Vec<f64> {
    let other = right.weights(number + (1 << 40));
    other.iter().zip(right.rates()).map(|(e, rate)| libm::exp(-e * rate)).collect()
}

fn given(trace: &Trace, right: &Reference<'_>, uniforms: &[f64]) -> Vec<f64> {
    let weights = trace.exponentials(right.rates(), uniforms).into_iter();
    weights.map(|weight| weight.unwrap_or(f64::INFINITY)).collect()
}

#[test]
fn right_samplers_of_all_structures_are_held() {
    for kind in Kind::ALL {
        let model = model(kind);
        assert_eq!(Method::of(&model, &Field::DRAWN, &Asked::only(0.05), 1e-6), Method::AnySize, "{kind:?}");
        let rows = judge_at(&model, &Reference::new(&model, 1).unwrap(), 1_500, 1e-6);
        for row in &rows {
            assert_ne!(row.verdict, Verdict::Refuted, "{kind:?}: {row:?}");
            // Every check found something to judge, except losses whose law has no smaller way.
            let excused = row.subject == "losses";
            assert!(excused || row.verdict != Verdict::NotJudged, "{kind:?}: {row:?}");
        }
        let exact = rows.iter().filter(|row| row.test.is_none() && row.subject != "losses").count();
        assert_eq!(exact, 12, "{kind:?}");
    }
}

/// A draw by a sampler that has single precision only: every sum, product and logarithm is rounded to it.
fn single(model: &Model, right: &Reference<'_>, number: u64) -> Draw {
    let rates: Vec<f32> = right.rates().iter().map(|&rate| rate as f32).collect();
    let exponentials: Vec<f64> = right.weights(number).iter().map(|&e| f64::from(e as f32)).collect();
    let run = model.run(&exponentials).unwrap();
    let random = uniforms(right, number);
    let (mut log_prob, mut score) = (0.0_f32, vec![0.0_f32; rates.len()]);
    let mut conditional: Vec<f32> = rates.iter().map(|_| 0.0).collect();
    let mut won = vec![false; rates.len()];
    for race in run.trace.races() {
        let total: f32 = race.entrants.iter().map(|&k| rates[k]).sum();
        log_prob += libm::logf(rates[race.winner]) - libm::logf(total);
        let time = -libm::logf(random[race.winner] as f32) / total;
        for &k in &race.entrants {
            score[k] += rates[k] / total;
            conditional[k] += time;
        }
        score[race.winner] -= 1.0;
        won[race.winner] = true;
    }
    for k in (0..rates.len()).filter(|&k| !won[k]) {
        conditional[k] += -libm::logf(random[k] as f32) / rates[k];
    }
    let double = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
    Draw {
        structure: run.structure,
        trace: run.trace,
        log_prob: log_prob.into(),
        score: double(score),
        exponentials,
        conditional: double(conditional),
    }
}

#[test]
fn right_samplers_in_single_precision_are_held() {
    for kind in Kind::ALL {
        let model = model(kind);
        let right = Reference::new(&model, 2).unwrap();
        let rows = judge_at(&model, &FromDraws(|number| single(&model, &right, number)), 1_500, 1e-6);
        for row in &rows {
            assert_ne!(row.verdict, Verdict::Refuted, "{kind:?}: {row:?}");
        }
        assert!(rows.iter().any(|row| row.check == "against exact, in f32"));
    }
}

/// Reports at alpha = 0.2 of right samplers: of 60, more than 28 are refuted with probability below 1e-5 (binomial).
#[test]
fn right_samplers_are_refuted_no_more_often_than_is_said() {
    for text in [
        include_str!("../examples/models/nested_arborescence.json"),
        include_str!("../examples/models/k4.json"),
    ] {
        let model = Model::parse(text).unwrap();
        let wrong = |seed: u64| {
            let rows = judge_at(&model, &Reference::new(&model, seed).unwrap(), 400, 0.2);
            rows.iter().any(|row| row.verdict == Verdict::Refuted)
        };
        let refuted = (0..60).filter(|&seed| wrong(seed)).count();
        assert!(refuted <= 28, "{refuted} of 60");
    }
}

type Mistake = fn(&Model, &Reference<'_>, u64) -> Draw;

/// Mistakes that people make, with the subject that must say so and words of what it must say.
#[test]
fn wrong_samplers_are_refuted_and_named() {
    let mistakes: [(Kind, &str, &str, &str, Mistake); 15] = [
        (
            Kind::SpanningTree,
            "one rate doubled",
            "entries",
            "2–5 wins a race in",
            |model, right, number| {
                let mut weights = right.weights(number);
                let entry = model.pairs().iter().position(|&pair| pair == (2, 5)).unwrap();
                weights[entry] /= 3.0;
                Draw { trace: model.run(&weights).unwrap().trace, ..right.draw(number) }
            },
        ),
        (
            Kind::Matching,
            "rates taken for means",
            "winners",
            "given the races before",
            |model, right, number| {
                let weights = right.weights(number);
                let weights: Vec<f64> =
                    weights.iter().zip(right.rates()).map(|(e, rate)| e * rate * rate).collect();
                Draw { trace: model.run(&weights).unwrap().trace, ..right.draw(number) }
            },
        ),
        (Kind::Permutation, "the last race not counted", "log-probability", "is", |_, right, number| {
            let draw = right.draw(number);
            // The last race of a permutation has one entrant and counts nothing: the one before.
            let last = &draw.trace.races()[38];
            let share = right.rates()[last.winner] / last.total::<f64>(right.rates());
            Draw { log_prob: draw.log_prob - libm::log(share), ..draw }
        }),
        (
            Kind::Arborescence,
            "a score without the races of cycles",
            "score",
            "score of the trace at",
            |_, right, number| {
                let draw = right.draw(number);
                let mut score = vec![0.0; right.rates().len()];
                for race in &draw.trace.races()[..10] {
                    let total = race.total::<f64>(right.rates());
                    race.entrants.iter().for_each(|&k| score[k] += right.rates()[k] / total);
                    score[race.winner] -= 1.0;
                }
                Draw { score, ..draw }
            },
        ),
        (
            Kind::SpanningTree,
            "redrawn without the trace",
            "round trip",
            "hold other races",
            |_, right, number| Draw { conditional: right.weights(number + (1 << 41)), ..right.draw(number) },
        ),
        (
            Kind::TopK,
            "residuals with the rate of the winner",
            "conditional given the trace",
            "what the conditional draws leave",
            |_, right, number| {
                let draw = right.draw(number);
                let winner = right.rates()[draw.trace.races()[0].winner];
                let won = draw.trace.won();
                let mut conditional = draw.conditional.clone();
                let sum: f64 = draw
                    .trace
                    .races()
                    .iter()
                    .map(|race| {
                        -libm::log(uniforms(right, number)[race.winner]) / race.total::<f64>(right.rates())
                    })
                    .sum();
                let redrawn = given(&draw.trace, right, &uniforms(right, number));
                for k in 0..conditional.len() {
                    conditional[k] = if won[k].is_some() {
                        redrawn[k]
                    } else {
                        sum + (redrawn[k] - sum) * right.rates()[k] / winner
                    };
                }
                Draw { conditional, ..draw }
            },
        ),
        (Kind::Matching, "times not added up", "round trip", "hold other races", |_, right, number| {
            let draw = right.draw(number);
            let random = uniforms(right, number);
            let mut conditional = given(&draw.trace, right, &random);
            for race in draw.trace.races() {
                conditional[race.winner] = -libm::log(random[race.winner]) / race.total::<f64>(right.rates());
            }
            Draw { conditional, ..draw }
        }),
        (
            Kind::SpanningTree,
            "one uniform for a time and a residual",
            "conditional in pairs",
            "the same uniform",
            |_, right, number| {
                let draw = right.draw(number);
                let mut random = uniforms(right, number);
                let won = draw.trace.won();
                for (i, race) in draw.trace.races().iter().enumerate() {
                    if won[i].is_none() {
                        random[i] = random[race.winner];
                    }
                }
                Draw { conditional: given(&draw.trace, right, &random), ..draw }
            },
        ),
        (
            Kind::BinaryTree,
            "the draw itself for a conditional one",
            "conditional against exponentials",
            "want a draw of their own",
            |_, right, number| {
                let draw = right.draw(number);
                Draw { conditional: draw.exponentials.clone(), ..draw }
            },
        ),
        (
            Kind::Arborescence,
            "the uniforms of the draw for the conditional one",
            "conditional given the trace",
            "given the trace",
            |_, right, number| {
                let draw = right.draw(number);
                let weights = draw.exponentials.iter().zip(right.rates());
                let random: Vec<f64> = weights.map(|(e, rate)| libm::exp(-e * rate)).collect();
                Draw { conditional: given(&draw.trace, right, &random), ..draw }
            },
        ),
        (
            Kind::Matching,
            "every trace twice, redrawn",
            "winners: draw after draw",
            "depend on those of the draw before",
            |_, right, number| {
                let draw = right.draw(number / 2);
                let random = uniforms(right, number);
                Draw {
                    exponentials: given(&draw.trace, right, &random),
                    conditional: given(&draw.trace, right, &uniforms(right, number + (1 << 42))),
                    ..draw
                }
            },
        ),
        (
            Kind::SpanningTree,
            "the structure of the draw before",
            "structure of the trace",
            "the trace leads to a structure with",
            |_, right, number| Draw { structure: right.draw(number + 1).structure, ..right.draw(number) },
        ),
        (
            Kind::Permutation,
            "the reversed order",
            "structure of the trace",
            "at position 0, but the structure has",
            |_, right, number| {
                let mut draw = right.draw(number);
                if let gumbel_oracle::structure::Structure::Order(order) = &mut draw.structure {
                    order.reverse();
                }
                draw
            },
        ),
        (
            Kind::Arborescence,
            "weights not those of the draw",
            "rerun",
            "hold other races",
            |_, right, number| Draw { exponentials: right.weights(number + 1), ..right.draw(number) },
        ),
        (
            Kind::Categorical,
            "the largest for the smallest",
            "winners",
            "given the races before",
            |model, right, number| {
                let weights: Vec<f64> = right.weights(number).iter().map(|e| 1e6 - e).collect();
                Draw { trace: model.run(&weights).unwrap().trace, ..right.draw(number) }
            },
        ),
    ];
    for (kind, what, subject, words, mistake) in mistakes {
        let model = model(kind);
        let right = Reference::new(&model, 3).unwrap();
        let found = refuted(&model, &FromDraws(|number| mistake(&model, &right, number)), 3_000);
        let said = found.iter().any(|(of, note)| *of == subject && note.contains(words));
        assert!(said, "{kind:?}, {what}: {found:?}");
    }
}

/// Fields of draws as a samples file, judged on the command line.
fn check(
    kind: Kind,
    fields: &[Field],
    count: u64,
    change: impl Fn(u64, &mut Draw),
    options: &[&str],
) -> (i32, String) {
    let model = model(kind);
    let right = Reference::new(&model, 5).unwrap();
    let (mut lines, mut batch) = (Vec::new(), Batch::new(model.entries().len(), fields));
    for number in 0..count {
        let mut draw = right.draw(number);
        change(number, &mut draw);
        batch.clear();
        batch.push(&draw);
        write_json_line(&mut lines, &model, &batch, 0).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    let rates: Vec<String> = model.rates().iter().map(|rate| format!("\"{rate}\"")).collect();
    let text = match kind {
        Kind::SpanningTree => {
            let edges =
                model.pairs().into_iter().zip(rates).map(|((u, v), rate)| format!("[{u},{v},{rate}]"));
            format!(
                r#"{{"structure": "spanning_tree", "vertices": {}, "edges": [{}]}}"#,
                model.size(),
                edges.collect::<Vec<_>>().join(",")
            )
        }
        _ => format!(r#"{{"structure": "{}", "rates": [{}]{}}}"#, kind.name(), rates.join(","), more(kind)),
    };
    std::fs::write(&path, text).unwrap();
    let mut command = Command::cargo_bin("recursive-gumbel").unwrap();
    let output = command.arg("check").arg(&path).arg("-").args(options).write_stdin(lines).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(!out.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), out)
}

#[test]
fn the_command_line_says_what_it_can_and_what_it_cannot() {
    let tree =
        |fields: &[Field], options: &[&str]| check(Kind::SpanningTree, fields, 300, |_, _| (), options);
    let (status, out) = tree(&Field::DRAWN, &[]);
    assert_eq!(status, 3, "{out}");
    assert!(out.contains("draws would do. These draws are enough for --departure 0."), "{out}");
    let enough = out.split("--departure ").nth(1).unwrap().split_once(".\n").unwrap().0.to_owned();
    let (status, out) = tree(&Field::DRAWN, &["--departure", &enough]);
    assert_eq!(status, 0, "{out}");
    let (status, out) = tree(&Field::DRAWN, &["--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, report["method"].as_str()), (3, Some("any size")));
    // Structures alone are looked at one by one, and never called right.
    let (status, out) = tree(&[Field::Structure], &["--departure", "0.9"]);
    assert_eq!(status, 3, "{out}");
    assert!(out.contains("give the traces as well, or the exponentials"), "{out}");
    // With the exponentials there is all one needs, even without a trace.
    let (status, out) = tree(&[Field::Structure, Field::Exponentials], &["--departure", "0.6"]);
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("rerun: every draw"), "{out}");
}

#[test]
fn a_draw_that_is_wrong_by_itself_is_named_by_its_line() {
    let wrong = |kind: Kind, fields: &[Field], change: &dyn Fn(&mut Draw)| {
        let (status, out) = check(
            kind,
            fields,
            20,
            |number, draw| {
                if number == 16 {
                    change(draw)
                }
            },
            &["--departure", "0.99"],
        );
        assert_eq!(status, 1, "{out}");
        assert!(
            out.contains("the first is line 17 of standard input: ")
                || out.contains(": line 17 of standard input: "),
            "{out}"
        );
        out
    };
    let out =
        wrong(Kind::TopK, &[Field::Structure, Field::Exponentials], &|draw| draw.exponentials.reverse());
    assert!(out.contains("rerun: 1 of 20 draws"), "{out}");
    let out = wrong(Kind::SpanningTree, &[Field::Trace, Field::LogProb], &|draw| draw.log_prob += 0.1);
    assert!(out.contains("log p of the trace is"), "{out}");
    let out = wrong(Kind::BinaryTree, &[Field::Structure, Field::Trace], &|draw| {
        if let gumbel_oracle::structure::Structure::Parents(parents) = &mut draw.structure {
            let root = parents.0.iter().position(Option::is_none).unwrap();
            parents.0[root] = Some(root);
        }
    });
    assert!(out.contains("no structure of this model"), "{out}");
}

/// Kruskal as a few lines, O(n²) a draw, in the precision of `round`: lines of a samples file. If `wrong`, the times of the conditional
/// draw are not added up.
fn kruskal(n: usize, rates: &[f64], draws: u64, round: fn(f64) -> f64, wrong: bool) -> String {
    let pairs: Vec<(usize, usize)> = (0..n).flat_map(|u| (u + 1..n).map(move |v| (u, v))).collect();
    let entry = |u: usize, v: usize| {
        let (u, v) = (u.min(v), u.max(v));
        u * (2 * n - u - 1) / 2 + v - u - 1
    };
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let mut lines = String::new();
    for _ in 0..draws {
        let mut exponential = |rate: f64| round(-libm::log(rng.sample::<f64, _>(Open01)) / rate);
        let weights: Vec<f64> = rates.iter().map(|&rate| exponential(rate)).collect();
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        let mut members: Vec<Vec<usize>> = (0..n).map(|v| vec![v]).collect();
        let mut component: Vec<usize> = (0..n).collect();
        let mut total: f64 = rates.iter().sum();
        let (mut trace, mut log_prob, mut time) = (Vec::new(), 0.0, 0.0);
        let mut conditional = vec![0.0; pairs.len()];
        for k in order {
            let (a, b) = (component[pairs[k].0], component[pairs[k].1]);
            if a == b {
                continue;
            }
            log_prob = round(log_prob + round(libm::log(rates[k])) - round(libm::log(total)));
            time = round(if wrong { 0.0 } else { time } + exponential(total));
            // The edges between the two have raced for the last time.
            let (one, other) = (std::mem::take(&mut members[a]), std::mem::take(&mut members[b]));
            for (&u, &v) in one.iter().flat_map(|u| other.iter().map(move |v| (u, v))) {
                let edge = entry(u, v);
                let left = if edge == k { 0.0 } else { exponential(rates[edge]) };
                conditional[edge] = round(time + left);
                total -= rates[edge];
            }
            other.iter().for_each(|&v| component[v] = a);
            members[a] = [one, other].concat();
            trace.push([pairs[k].0, pairs[k].1]);
        }
        let line = serde_json::json!({
            "structure": trace, "trace": trace, "log_prob": log_prob, "exponentials": weights, "conditional": conditional
        });
        lines.push_str(&format!("{line}\n"));
    }
    lines
}

/// What a recording comes to.
fn judged(model: &Model, lines: String) -> Vec<Row> {
    let read = Box::new(std::io::Cursor::new(lines.into_bytes()));
    let input = Input { name: "recording".to_owned(), read };
    let mut source = JsonLines::new(model, vec![input]).unwrap();
    let method = Method::of(model, source.fields(), &Asked::only(0.05), 1e-6);
    let budget = Budget::new(1e-6, method.tests(model, source.fields(), &Asked::only(0.05))).unwrap();
    method.judge("", model, &mut source, &Asked::only(0.99), &budget, |_| ()).unwrap()
}

/// Recordings of right samplers in double and single precision, by code that shares nothing with ours, small and large.
#[test]
fn recordings_of_other_code_are_held_at_4_30_and_300_vertices() {
    for (n, draws) in [(4, 20_000), (30, 500), (300, 12)] {
        let rates: Vec<f64> = (0..n * (n - 1) / 2).map(|k| [1.0, 0.5, 2.0, 3.0, 0.25][k % 5]).collect();
        let mut cell = rates.iter();
        let rows: Vec<Vec<Option<f64>>> = (0..n)
            .map(|u| (0..n).map(|v| if v > u { cell.next().copied() } else { None }).collect())
            .collect();
        let model = serde_json::json!({"structure": "spanning_tree", "rates": rows}).to_string();
        let model = Model::parse(&model).unwrap();
        for (precision, round) in [("double", (|x| x) as fn(f64) -> f64), ("single", |x| f64::from(x as f32))]
        {
            let rows = judged(&model, kruskal(n, &rates, draws, round, false));
            for row in &rows {
                assert_ne!(row.verdict, Verdict::Refuted, "{n} {precision}: {row:?}");
            }
            let exact = rows.iter().filter(|row| row.verdict == Verdict::Held && row.test.is_none()).count();
            assert_eq!(exact, 11, "{n} {precision}: {rows:#?}");
            let single = rows.iter().any(|row| row.check == "against exact, in f32");
            assert_eq!(single, precision == "single");
            let rows = judged(&model, kruskal(n, &rates, draws, round, true));
            let wrong = |row: &Row| row.subject == "round trip" && row.verdict == Verdict::Refuted;
            assert!(rows.iter().any(wrong), "{n} {precision}: {rows:#?}");
        }
    }
}
