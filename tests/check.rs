//! `check`: recorded draws are read as written, judged as a sampler's are, and what cannot be read is named.

use std::io::Cursor;

use assert_cmd::Command;
use gumbel_oracle::model::Model;
use recursive_gumbel::check::{Asked, Method, Options, judge, judge_source, tests};
use recursive_gumbel::report::{Row, Verdict};
use recursive_gumbel::sample::file::write_json_line;
use recursive_gumbel::sample::jsonl::{Input, JsonLines};
use recursive_gumbel::sample::{Batch, Draw, Field, Reference, Sampler as _, Source as _};
use recursive_gumbel::statistics::Budget;
use recursive_gumbel::verify::MODELS;

const K4: &str = "examples/models/k4.json";
const NESTED: &str = "examples/models/nested_arborescence.json";

fn run(args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("recursive-gumbel").unwrap();
    let output =
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args).write_stdin(input).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// `check` of draws on standard input.
fn check(model: &str, lines: &str) -> (i32, String, String) {
    run(&["check", model, "-"], lines)
}

/// Draws of the reference sampler as a samples file.
fn written(model: &Model, count: u64, fields: &[Field]) -> Vec<u8> {
    let (mut lines, mut batch) = (Vec::new(), Batch::new(model.entries().len(), fields));
    Reference::new(model, 7).unwrap().fill(0, count as usize, &mut batch);
    (0..batch.len()).for_each(|draw| write_json_line(&mut lines, model, &batch, draw).unwrap());
    lines
}

fn input(name: &str, bytes: impl Into<Vec<u8>>) -> Input {
    Input { name: name.to_owned(), read: Box::new(Cursor::new(bytes.into())) }
}

/// All draws of a source, in one batch.
fn read(model: &Model, inputs: Vec<Input>) -> Result<Batch, String> {
    let mut source = JsonLines::new(model, inputs).map_err(|error| error.to_string())?;
    let mut batch = Batch::new(model.entries().len(), source.fields());
    loop {
        let pieces = source.next().map_err(|error| error.to_string())?;
        if pieces.is_empty() {
            return Ok(batch);
        }
        for piece in &pieces {
            assert_eq!(source.first(piece), batch.len() as u64);
            source.fill(piece, &mut batch).map_err(|error| error.to_string())?;
        }
    }
}

#[test]
fn what_is_written_is_read_back_bit_by_bit() {
    for (name, text) in MODELS {
        let model = Model::parse(text).unwrap();
        let sampler = Reference::new(&model, 7).unwrap();
        let mut want = Batch::new(model.entries().len(), &Field::DRAWN);
        sampler.fill(0, 500, &mut want);
        let found = read(&model, vec![input(name, written(&model, 500, &Field::DRAWN))]).unwrap();
        assert!(want == found, "{name}");
    }
}

#[test]
fn recorded_draws_are_judged_as_those_of_a_sampler() {
    const DRAWS: u64 = 3_000;
    for (name, text) in MODELS {
        let model = Model::parse(text).unwrap();
        for fields in [&Field::DRAWN[..], &[Field::Structure], &[Field::Trace, Field::Conditional]] {
            let options = Options { samples: DRAWS, ..Options::default() };
            let budget = Budget::new(options.alpha, tests(&model, fields, &Asked::only(0.05))).unwrap();
            let mut file = JsonLines::new(&model, vec![input(name, written(&model, DRAWS, fields))]).unwrap();
            let recorded =
                judge_source(name, &model, &mut file, &Asked::only(options.departure), &budget, |_| ())
                    .unwrap();
            assert_eq!(file.draws(), DRAWS);
            let sampler = Only { sampler: Reference::new(&model, 7).unwrap(), fields };
            let drawn = judge(name, &model, &sampler, &options, &budget, |_| ()).unwrap();
            assert!(recorded.iter().all(|row| row.verdict != Verdict::Refuted), "{name}");
            assert_eq!(recorded, drawn, "{name}");
        }
    }
}

/// Some fields of a sampler's draws.
struct Only<'a> {
    sampler: Reference<'a>,
    fields: &'a [Field],
}

impl recursive_gumbel::sample::Sampler for Only<'_> {
    fn fields(&self) -> &[Field] {
        self.fields
    }

    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        self.sampler.fill(first, count, batch);
    }
}

#[test]
fn what_people_write_in_another_way_is_read_as_well() {
    let tree = r#"{"structure": "spanning_tree", "rates": [[null,1,2],[null,null,3],[null,null,null]]}"#;
    let tree = Model::parse(tree).unwrap();
    let arcs = r#"{"structure": "arborescence", "root": 0, "rates": [[0,1,2],[9,0,3],[9,1,0]]}"#;
    let arcs = Model::parse(arcs).unwrap();
    let one = |model: &Model, line: &str| read(model, vec![input("a", line)]).unwrap();
    let flat = one(&tree, r#"{"structure":[[0,1],[1,2]],"trace":[[1,2],[0,1]],"exponentials":[3,4.5,1]}"#);
    for line in [
        // Edges in any order and direction, integers, keys in any order, spaces, ends of line.
        "{\"exponentials\":[3,4.5,1.0],\"trace\":[[2,1],[1,0]],\"structure\":[[2,1],[0,1]]}\r\n",
        "\u{feff}{ \"structure\" : [ [1,0], [1,2] ], \"trace\":[[1,2],[0,1]], \"exponentials\":[3e0,45e-1,1]}",
        // A matrix, symmetric or not.
        r#"{"structure":[[0,1],[1,2]],"trace":[[1,2],[0,1]],"exponentials":[[0,3,4.5],[3,0,1],[4.5,1,0]]}"#,
        r#"{"structure":[[0,1],[1,2]],"trace":[[1,2],[0,1]],"exponentials":[[null,3,4.5],[null,null,1],[null,0,null]]}"#,
    ] {
        assert!(flat == one(&tree, line), "{line}");
    }
    // Arcs into the root are no entries: a weight there is nobody's business.
    let races =
        r#"{"component":[1],"arc":[2,1]},{"component":[2],"arc":[1,2]},{"component":[1,2],"arc":[0,2]}"#;
    let turned =
        r#"{"arc":[0,2],"component":[2,1]},{"component":[2],"arc":[1,2]},{"component":[1],"arc":[2,1]}"#;
    let flat = one(&arcs, &format!(r#"{{"trace":[{races}],"exponentials":[5,4,1,2]}}"#));
    let matrix = format!(r#"{{"trace":[{turned}],"exponentials":[[0.3,5,4],[7,0,1],[8,2,0]]}}"#);
    assert!(flat == one(&arcs, &matrix));
    assert_eq!(flat.trace(0).unwrap().len(), 3);
    assert!(flat.malformed().is_empty());
}

#[test]
fn files_together_are_one_sample_and_lines_keep_their_names() {
    let model = Model::parse(&std::fs::read_to_string(K4).unwrap()).unwrap();
    let all = String::from_utf8(written(&model, 700, &[Field::Structure])).unwrap();
    let lines: Vec<&str> = all.lines().collect();
    let part = |lines: &[&str]| lines.join("\n");
    let whole = read(&model, vec![input("all", all.clone())]).unwrap();
    let parts = vec![
        input("a", part(&lines[..300])),
        input("b", part(&lines[300..301])),
        input("c", part(&lines[301..])),
    ];
    assert!(whole == read(&model, parts).unwrap());
    let mut source =
        JsonLines::new(&model, vec![input("a", part(&lines[..300])), input("b", part(&lines[300..]))])
            .unwrap();
    while !source.next().unwrap().is_empty() {}
    let places: Vec<String> =
        [0, 299, 300, 699].iter().map(|&draw| source.places().of(draw).to_string()).collect();
    assert_eq!(places, ["line 1 of a", "line 300 of a", "line 1 of b", "line 400 of b"]);
    let wrong = vec![input("a", part(&lines[..300])), input("b", "{\"structure\":[[0,1],[0,2],[0,9]]}")];
    let error = read(&model, wrong).unwrap_err();
    assert_eq!(error, "b, line 1, field `structure`: edge [0,9] is not in the model");
}

#[test]
fn what_cannot_be_read_is_bad_input_with_line_field_and_what_would_be_right() {
    const GOOD: &str = r#"{"structure":[[0,1],[0,2],[0,3]],"score":[0,0,0,0,0,0]}"#;
    let second = |line: &str| format!("{GOOD}\n{line}\n");
    let cases = [
        (String::new(), "standard input: is empty: want one draw per line"),
        ("\n".to_owned(), "line 1: is empty: want one draw per line"),
        (second(""), "line 2: is empty: want one draw per line"),
        (
            "[1]\n".to_owned(),
            "line 1, column 0: invalid type: sequence, expected an object with the fields of one draw",
        ),
        (
            r#"{"struct":[]}"#.to_owned(),
            "line 1, column 9: unknown field `struct`: want structure, trace, log_prob,",
        ),
        (r#"{"score":[0,0,0,0,0,0]}"#.to_owned(), "line 1: has none of `structure`, `trace` and `gradient`"),
        (
            format!("{GOOD}\n{}", &GOOD[..40]),
            "line 2, column 40, field `score`: the file ends within this line: is it truncated?",
        ),
        (
            second(&GOOD[..40]),
            "line 2, column 40, field `score`: the line ends within the draw: want one draw per line",
        ),
        (second(&format!("{GOOD}{GOOD}")), "line 2, column 56: trailing characters"),
        (
            second(&GOOD.replace(",0]", "]")),
            "line 2, field `score`: has 5 numbers: want one for each of 6 entries",
        ),
        (
            second(&GOOD.replace(",0]", ",null]")),
            "line 2, field `score`: is null at entry 5 (2–3): want a number",
        ),
        (
            second(&GOOD.replace(",0]", ",NaN]")),
            "line 2, column 53, field `score`: NaN is not JSON: want a number, or null",
        ),
        (
            second(&GOOD.replace(",0]", ",Infinity]")),
            "field `score`: Infinity is not JSON: want a number, or null",
        ),
        (second(&GOOD.replace(",0]", ",1e999]")), "field `score`: number out of range"),
        (
            second(&GOOD.replace(",0]", ",\"0\"]")),
            "field `score`: invalid type: string \"0\", expected a list with one number",
        ),
        (
            second(&GOOD.replace(",0]", ",[0]]")),
            "field `score`: numbers beside lists: want a list with one number per entry",
        ),
        (
            second(&GOOD.replace("[0,0,0,0,0,0]", "0")),
            "line 2, field `score`: want a list with one number per entry",
        ),
        (
            second(&GOOD.replace("[0,0,0,0,0,0]", "[[0,0],[0,0]]")),
            "has 2 numbers in row 0: want a matrix of 4 × 4",
        ),
        (
            second(&GOOD.replace("[0,3]", "[0,4]")),
            "line 2, field `structure`: edge [0,4] is not in the model",
        ),
        (
            second(&GOOD.replace("[0,3]", "[0,-1]")),
            "line 2, field `structure`: -1 is no number from 0: want the edges",
        ),
        (
            second(&GOOD.replace("[0,3]", "[0,0.5]")),
            "line 2, field `structure`: 0.5 is no number from 0: want the edges",
        ),
        (second(&GOOD.replace("[0,3]", "[0]")), "line 2, field `structure`: want the edges [[u,v],…]"),
        (
            second(&GOOD.replace("[0,3]", "[[0,3]]")),
            "field `structure`: a list within a list of lists: want the edges",
        ),
        (second(r#"{"structure":[[0,1],[0,2],[0,3]]}"#), "line 2: has no `score`, which the first line has"),
        (
            second(&GOOD.replace('}', ",\"log_prob\":0}")),
            "line 2: has the field `log_prob`, which the first line has not",
        ),
        (second(&GOOD.replace('}', ",\"score\":[0]}")), "line 2, column 62, field `score`: is given twice"),
        (
            r#"{"structure":[[0,1],[0,2]]}"#.to_owned(),
            "line 1, field `structure`: has 2 edges: want 3 (this spanning_tree model has n = 4): is this a sample of \
             another model?",
        ),
    ];
    for (lines, want) in cases {
        let (status, out, err) = check(K4, &lines);
        assert!(err.contains(want), "{lines}\n{err}\nwant {want}");
        assert_eq!((status, out.as_str()), (2, ""), "{lines}\n{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    let other = |model: &str, line: &str| check(model, line).2;
    let arborescence = other(NESTED, r#"{"trace":[[0,1],[1,2]]}"#);
    assert!(arborescence.contains("field `trace`: invalid type"), "{arborescence}");
    let root = other(NESTED, r#"{"structure":[[0,4],[0,1],[1,2],[2,3]]}"#);
    assert!(root.contains("arc [0,4] is not in the model: no arc goes into the root"), "{root}");
    let (status, _, err) = run(&["check", K4, "no such file"], "");
    assert!(status == 2 && err.contains("no such file"), "{err}");
    let model = Model::parse(&std::fs::read_to_string(K4).unwrap()).unwrap();
    let packed = read(&model, vec![input("a.gz", [0x1f, 0x8b, 8, 0])]).unwrap_err();
    assert!(packed.starts_with("a.gz: ") && packed.ends_with(": is it truncated or damaged?"), "{packed}");
    let zipped = read(&model, vec![input("a.npz", *b"PK\x03\x04..")]).unwrap_err();
    assert_eq!(zipped, "a.npz: is a zip or .npz file: want JSON Lines");
    let (status, _, err) = run(&["check", "-", "-"], "");
    assert!(status == 2 && err.contains("only once"), "{err}");
}

#[test]
fn a_model_too_large_to_enumerate_is_refused_by_that_method_and_taken_by_the_other() {
    let rates = vec![1; 1_000];
    let judge = |model: &str, draw: &str| {
        let model = Model::parse(model).unwrap();
        let mut file = JsonLines::new(&model, vec![input("a", draw)]).unwrap();
        let fields = file.fields().to_vec();
        assert_eq!(Method::of(&model, &fields, &Asked::only(0.05), 1e-6), Method::AnySize);
        let budget = Budget::new(1e-6, tests(&model, &fields, &Asked::only(0.05))).unwrap();
        judge_source("", &model, &mut file, &Asked::only(0.05), &budget, |_| ()).unwrap_err().to_string()
    };
    let order = format!(r#"{{"trace":{:?}}}"#, Vec::from_iter(0..1_000));
    let error = judge(&format!(r#"{{"structure":"permutation","rates":{rates:?}}}"#), &order);
    assert!(error.contains("take a smaller model"), "{error}");
    // 6 of structures and traces; of the exponentials 1000 one by one, 1000 draw after draw, 10 lags, 499,500 in pairs.
    let draw = format!(r#"{{"structure":3,"trace":3,"exponentials":{rates:?}}}"#);
    let error = judge(&format!(r#"{{"structure":"categorical","rates":{rates:?}}}"#), &draw);
    let want = "501516 tests, which is too many for a false-alarm probability of 0.000001 in all: want --alpha \
                0.00002508 or more, or draws with fewer fields";
    assert!(error.contains(want), "{error}");
}

/// What takes a number per pair of entries where all traces are enumerated takes no memory to be refused; and draws that are short in
/// a file are few at a time where each makes a number per entry.
#[test]
fn draws_of_a_hundred_thousand_entries_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    for (entries, with) in [(100_000, false), (10_000, true)] {
        let rates = vec![1; entries];
        std::fs::write(&path, format!(r#"{{"structure":"categorical","rates":{rates:?}}}"#)).unwrap();
        let line = |draw: usize| {
            let winner = draw * 7_919 % entries;
            // Among weights that grow with the draw, so that none repeats.
            let weight = |k: usize| if k == winner { 1e-7 } else { 1.0 + (draw * entries + k) as f64 / 1e7 };
            let weights: Vec<f64> = (0..if with { entries } else { 0 }).map(weight).collect();
            let more = if with { format!(r#","exponentials":{weights:?}"#) } else { String::new() };
            format!("{{\"structure\":{winner},\"trace\":{winner}{more}}}\n")
        };
        let lines: String = (0..if with { 40 } else { 3_000 }).map(line).collect();
        let (status, out, err) = check(path.to_str().unwrap(), &lines);
        assert_eq!(status, if with { 1 } else { 3 }, "{out}{err}");
        if with {
            assert!(out.contains("rerun: every draw") && out.contains("do not follow their law"), "{out}");
        }
    }
}

#[test]
fn a_structure_or_trace_that_cannot_be_is_refuted_and_named() {
    let good = |fields: &str| format!("{{{fields}}}\n");
    let tree = good(r#""structure":[[0,1],[0,2],[0,3]],"trace":[[0,1],[0,2],[0,3]]"#);
    let cases = [
        (
            r#""structure":[[0,1],[0,2],[1,2]],"trace":[[0,1],[0,2],[0,3]]"#,
            "[[0,1],[0,2],[1,2]] is no structure of this model",
        ),
        (r#""structure":[[0,1],[0,1],[0,2]],"trace":[[0,1],[0,2],[0,3]]"#, "structure names something twice"),
        (r#""structure":[[0,1],[0,2]],"trace":[[0,1],[0,2],[0,3]]"#, "structure has 2 edges: want 3"),
        (
            r#""structure":[[0,1],[0,2],[0,3]],"trace":[[0,1],[0,2],[1,2]]"#,
            "in the trace in which 0–1, 0–2, 1–2 win, race 2 (from 0) cannot be won by 1–2: it is between 0–3, 1–3, 2–3",
        ),
        (
            r#""structure":[[0,1],[0,2],[0,3]],"trace":[[0,1],[0,2],[1,3]]"#,
            "the trace leads to [[0,1],[0,2],[1,3]], but the structure is [[0,1],[0,2],[0,3]]",
        ),
    ];
    for (fields, want) in cases {
        let (status, out, err) = check(K4, &format!("{tree}{}", good(fields)));
        assert_eq!((status, err.as_str()), (1, ""), "{out}");
        let told = out.lines().find(|line| line.contains(want)).unwrap_or_else(|| panic!("{want}\n{out}"));
        assert!(told.contains("1 of 2 draws, the first is line 2 of standard input: "), "{told}");
        assert!(out.starts_with("REFUTED: "), "{out}");
    }
    // An arc that is said to win for another component.
    let claim = r#"{"trace":[{"component":[0],"arc":[1,0]},{"component":[1],"arc":[0,1]},{"component":[2],"arc":[4,2]},
        {"component":[3],"arc":[2,3]},{"component":[0,2],"arc":[4,0]}]}"#;
    let (_, out, err) = check(NESTED, &claim.replace('\n', " "));
    assert!(out.contains("is said to be of component [0, 2], but is of [0, 1]"), "{out}{err}");
    // Binary trees that are none.
    let tree5 = "examples/models/binary_tree5.json";
    for (trace, want) in [
        ("[1,2,null,2,null]", "has 2 roots: want one null"),
        ("[1,0,null,2,3]", "goes round in a circle"),
        ("[4,null,1,2,1]", "puts position 0 below 4, where it cannot be"),
        ("[null,0,0,2,3]", "puts position 2 below 0, where it cannot be"),
    ] {
        let (status, out, err) = check(tree5, &format!("{{\"trace\":{trace}}}"));
        assert!(status == 1 && out.contains(want), "{trace}: {out}{err}");
    }
}

#[test]
fn the_verdicts_have_their_statuses_and_say_how_many_draws_would_do() {
    let model = Model::parse(&std::fs::read_to_string(K4).unwrap()).unwrap();
    let few = String::from_utf8(written(&model, 1_000, &[Field::Structure])).unwrap();
    let (status, out, _) = check(K4, &few);
    assert_eq!(status, 3, "{out}");
    assert!(out.starts_with("Underpowered: nothing is wrong in") && out.contains("draws would do"), "{out}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("few draws.jsonl");
    std::fs::write(&path, &few).unwrap();
    let path = path.to_str().unwrap();
    let (status, json, _) = run(&["check", K4, path, "--format", "json", "--departure", "0.5"], "");
    assert_eq!(status, 0, "{json}");
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&report["verdict"], &report["draws"]), (&"held".into(), &1_000.into()));
    assert_eq!(report["fields"], serde_json::json!(["structure"]));
    // The command that repeats it does.
    let again = report["again"].as_str().unwrap();
    assert_eq!(again, format!("recursive-gumbel check {K4} '{path}' --alpha 1e-6 --departure 0.5"));
    let rows = report["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["subject"] == "score").unwrap();
    assert_eq!(
        (&row["verdict"], &row["note"]),
        (&"not judged".into(), &"the draws have no score, trace".into())
    );
}

#[test]
fn as_many_draws_as_are_said_to_do_will_do() {
    let model = Model::parse(&std::fs::read_to_string(K4).unwrap()).unwrap();
    let rows = |count: u64| -> Vec<Row> {
        let fields = [Field::Structure, Field::Trace, Field::Exponentials];
        let budget = Budget::new(1e-6, tests(&model, &fields, &Asked::only(0.05))).unwrap();
        let mut file = JsonLines::new(&model, vec![input("a", written(&model, count, &fields))]).unwrap();
        judge_source("", &model, &mut file, &Asked::only(0.05), &budget, |_| ()).unwrap()
    };
    let said = rows(8_000).iter().filter_map(|row| row.draws_needed).max().unwrap();
    assert!(rows(said).iter().all(|row| row.verdict != Verdict::Underpowered), "{said}");
    assert!(rows(said / 2).iter().any(|row| row.verdict == Verdict::Underpowered), "{said}");
}

/// A draw as single precision would make it: rates, uniforms, sums and logarithms are `f32`.
fn single(model: &Model, sampler: &Reference<'_>, number: u64) -> Draw {
    let draw = sampler.draw(number);
    let near = |value: f64| f64::from(value as f32);
    let exponentials: Vec<f64> = draw.exponentials.iter().map(|&e| near(e)).collect();
    let run = model.run(&exponentials).unwrap();
    let rates: Vec<f64> = sampler.rates().iter().map(|&rate| near(rate)).collect();
    let sum = |entrants: &[usize]| entrants.iter().fold(0.0, |sum, &k| near(sum + rates[k]));
    let totals: Vec<f64> = run.trace.races().iter().map(|race| sum(&race.entrants)).collect();
    let (mut log_prob, mut score) = (0.0, vec![0.0; rates.len()]);
    let mut conditional: Vec<f64> = vec![0.0; rates.len()];
    let other = sampler.weights(number + (1 << 40));
    let uniforms: Vec<f64> =
        other.iter().zip(sampler.rates()).map(|(e, rate)| libm::exp(-e * rate)).collect();
    for (race, &total) in run.trace.races().iter().zip(&totals) {
        log_prob = near(log_prob + near(near(libm::log(rates[race.winner])) - near(libm::log(total))));
        let time = near(near(-libm::log(near(uniforms[race.winner]))) / total);
        for &k in &race.entrants {
            score[k] = near(score[k] + near(rates[k] / total));
            conditional[k] = near(conditional[k] + time);
        }
    }
    for (k, won) in run.trace.won().iter().enumerate() {
        match won {
            Some(_) => score[k] = near(score[k] - 1.0),
            None if rates[k] == 0.0 => conditional[k] = f64::INFINITY,
            None => {
                conditional[k] = near(conditional[k] + near(near(-libm::log(near(uniforms[k]))) / rates[k]))
            }
        }
    }
    Draw { structure: run.structure, log_prob, score, exponentials, conditional, trace: run.trace }
}

/// What `check` says of draws of a model in all fields, of seed 7.
fn judged(model: &Model, count: u64, draw: impl Fn(&Reference<'_>, u64) -> Draw) -> Vec<Row> {
    let sampler = Reference::new(model, 7).unwrap();
    let (mut lines, mut batch) = (Vec::new(), Batch::new(model.entries().len(), &Field::DRAWN));
    (0..count).for_each(|number| batch.push(&draw(&sampler, number)));
    (0..batch.len()).for_each(|draw| write_json_line(&mut lines, model, &batch, draw).unwrap());
    let budget = Budget::new(1e-6, tests(model, &Field::DRAWN, &Asked::only(0.05))).unwrap();
    let mut file = JsonLines::new(model, vec![input("a", lines)]).unwrap();
    judge_source("", model, &mut file, &Asked::only(0.05), &budget, |_| ()).unwrap()
}

fn refuted(rows: &[Row]) -> Vec<(&'static str, &str)> {
    let wrong = rows.iter().filter(|row| row.verdict == Verdict::Refuted);
    wrong.map(|row| (row.subject, row.note.as_str())).collect()
}

#[test]
fn right_draws_in_single_precision_are_not_refuted() {
    // False alarm: 1e-6 for each of 11 models, over seeds.
    for (name, text) in MODELS {
        let model = Model::parse(text).unwrap();
        let rows = judged(&model, 20_000, |sampler, number| single(&model, sampler, number));
        assert_eq!(refuted(&rows), [], "{name}");
    }
}

#[test]
fn wrong_draws_in_single_precision_are_refuted() {
    let model = Model::parse(&std::fs::read_to_string(NESTED).unwrap()).unwrap();
    let subjects =
        |right: &dyn Fn(&Reference<'_>, u64) -> Draw, mistake: &dyn Fn(&mut Draw)| -> Vec<&'static str> {
            let rows = judged(&model, 3_000, |sampler, number| {
                let mut draw = right(sampler, number);
                mistake(&mut draw);
                draw
            });
            refuted(&rows).iter().map(|(subject, _)| *subject).collect()
        };
    let of_single = |sampler: &Reference<'_>, number: u64| single(&model, sampler, number);
    let near = |value: f64| f64::from(value as f32);
    assert_eq!(subjects(&of_single, &|_| ()), [""; 0]);
    assert_eq!(subjects(&of_single, &|draw| draw.log_prob = near(draw.log_prob + 1e-4)), ["log-probability"]);
    assert_eq!(subjects(&of_single, &|draw| draw.score[3] = near(draw.score[3] + 1e-4)), ["score"]);
    // The same mistakes, a hundred thousand times as small, in double precision.
    let of_double = |sampler: &Reference<'_>, number: u64| sampler.draw(number);
    assert_eq!(subjects(&of_double, &|draw| draw.log_prob += 1e-9), ["log-probability"]);
    assert_eq!(subjects(&of_double, &|draw| draw.score[3] += 1e-9), ["score"]);
}

#[test]
fn a_race_that_is_won_by_rounding_is_left_out_and_told() {
    // 0–1 and 0–2 weigh the same, up to the last bit of each precision; the trace says that 0–2 is first.
    let draw = |weights: &str| {
        format!(r#"{{"trace":[[0,2],[0,1],[0,3]],"exponentials":{weights},"conditional":{weights}}}"#)
    };
    let one = f64::from(1.0_f32 - f32::EPSILON / 2.0);
    for (weights, tied) in [
        ("[1,1,2,3,3,3]".to_owned(), true),
        (format!("[{one:?},1,2,3,3,3]"), true),
        (format!("[{:?},1,2,3,3,3]", 1.0 - f64::EPSILON), true),
        ("[0.999999999,1,2,3,3,3]".to_owned(), false), // a double
        ("[0.9990234375,1,2,3,3,3]".to_owned(), false),
    ] {
        let (status, out, err) = check(K4, &draw(&weights));
        assert_eq!((status, err.as_str()), (if tied { 3 } else { 1 }, ""), "{weights}\n{out}");
        for subject in ["rerun", "round trip"] {
            let told = out.contains(&format!("not judged: {subject}"))
                || out.contains(", round trip: there is nothing");
            assert_eq!(told, tied, "{weights}\n{out}");
        }
        // 0–1 has lost no time when 0–2 wins.
        assert_eq!(out.contains("positive times, but 1 that rounding made 0"), tied, "{weights}\n{out}");
    }
}
