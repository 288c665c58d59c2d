//! Files and lines: models, samples, traces, losses, requests, vectors.

use std::hint::black_box;
use std::io::{Cursor, Write as _};

use gumbel_oracle::kind::Kind;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use recursive_gumbel::check::{Asked, Method};
use recursive_gumbel::explain::Explanation;
use recursive_gumbel::fast::of_model;
use recursive_gumbel::mutants::kills::Matrix;
use recursive_gumbel::protocol::{Op, Request};
use recursive_gumbel::sample::file::write_json_line;
use recursive_gumbel::sample::jsonl::{Input, JsonLines};
use recursive_gumbel::sample::npz::{Archive, Npz};
use recursive_gumbel::sample::{Batch, Field, Reference, Sampler as _, Source, Walker, losses as losses_of};
use recursive_gumbel::statistics::Budget;
use recursive_gumbel::vectors::{File, check};

use super::{of_first_byte, zipped};

/// A model file. What is read is drawn from by the reference and by the fast sampler: both draw structures of the model, with winners
/// whose races the walk can hold, to the same log-probability; a draw comes back from its line of a samples file; a trace comes back
/// from its canonical form; and where there are few traces, their probabilities sum to 1.
pub fn model(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let model = match Model::parse(text) {
        Ok(model) => model,
        Err(error) => {
            black_box(error.to_string());
            return;
        }
    };
    if model.check_traces(Limit(200)).is_ok() {
        let law = model.law(Limit(200)).expect("as many as there are");
        assert_eq!(law.total().to_string(), "1", "{text}");
    }
    let (Ok(reference), fast) = (Reference::new(&model, 1), of_model(&model, 1)) else { return };
    let fast = fast.expect("what the reference takes, the fast sampler takes");
    let fields = [Field::Structure, Field::Trace, Field::LogProb];
    let mut batch = Batch::new(model.entries().len(), &fields);
    reference.fill(0, 2, &mut batch);
    fast.fill(0, 2, &mut batch);
    let walker = Walker::new(&model);
    let mut lines = Vec::new();
    for draw in 0..4 {
        let structure = batch.structure(draw).expect("asked for");
        assert!(walker.is_structure(structure), "{text}: {structure:?}");
        let walk = walker.walk(batch.trace(draw).expect("asked for")).expect("races that can be held");
        assert_eq!(&walker.structure_of(&walk), structure, "{text}");
        let (log_prob, walked) = (batch.log_prob(draw).expect("asked for"), walk.log_prob());
        assert!((log_prob - walked).abs() <= 1e-9 * (1.0 + walked.abs()), "{text}: {log_prob} and {walked}");
        assert!(walk.score().iter().all(|score| score.is_finite()), "{text}");
        let trace = model.trace_of(walk.winners()).expect("as the walk");
        let read = model.parse_trace(&model.canonical_trace(&trace));
        assert_eq!(read.as_ref(), Ok(&trace), "{text}");
        write_json_line(&mut lines, &model, &batch, draw).expect("a vector takes all");
    }
    let input = Input { name: "lines".to_owned(), read: Box::new(Cursor::new(lines)) };
    let mut source = JsonLines::new(&model, vec![input]).expect("what was written");
    let mut read = 0;
    for piece in source.next().expect("what was written") {
        let mut back = Batch::new(model.entries().len(), source.fields());
        source.fill(&piece, &mut back).expect("what was written");
        for draw in 0..back.len() {
            assert_eq!(back.structure(draw), batch.structure(read), "{text}");
            assert_eq!(back.trace(draw), batch.trace(read), "{text}");
            assert_eq!(back.log_prob(draw), batch.log_prob(read), "{text}");
            read += 1;
        }
    }
    assert_eq!(read, 4, "{text}");
}

/// Draws of a source, judged by both methods.
fn judge<S: Source>(model: &Model, mut source: impl FnMut() -> Option<S>) {
    let asked = Asked::only(1.0); // which is soon said: how many draws would see less takes long to find
    for method in [Method::Enumeration, Method::AnySize] {
        let Some(mut source) = source() else { return };
        let tests = method.tests(model, source.fields(), &asked).max(1);
        let budget = Budget::new(1e-3, tests).expect("at least one");
        match method.judge("fuzz", model, &mut source, &asked, &budget, |_| ()) {
            Ok(rows) => {
                assert!(!rows.is_empty());
                black_box(rows.iter().map(|row| row.json().to_string().len()).sum::<usize>());
            }
            Err(error) => drop(black_box(error.to_string())),
        }
    }
}

/// A letter for a model, then a samples file of JSON lines, which is judged by both methods.
pub fn samples(bytes: &[u8]) {
    let Some((model, bytes)) = of_first_byte(bytes) else { return };
    judge(&model, || {
        let input = Input { name: "lines".to_owned(), read: Box::new(Cursor::new(bytes.to_vec())) };
        JsonLines::new(&model, vec![input]).ok()
    });
}

/// A letter for a model, then a samples file of arrays, or a byte 1 and its [`zipped`] parts; it is judged by both methods.
pub fn archive(bytes: &[u8]) {
    let Some((model, bytes)) = of_first_byte(bytes) else { return };
    let mut file = tempfile::NamedTempFile::new().expect("a place for files");
    let written = match bytes {
        [1, parts @ ..] => file.write_all(&zipped(parts)),
        _ => file.write_all(bytes),
    };
    written.expect("room for it");
    judge(&model, || {
        let archive = Archive { name: "arrays".to_owned(), path: file.path().to_owned() };
        Npz::new(&model, vec![archive]).ok()
    });
}

/// A letter for a model, then a trace in canonical form. One that is of the model has a structure, a log-probability that is a finite
/// number, exponentials given it that lead to it and come back as the uniforms they were made of, and can be explained.
pub fn trace(bytes: &[u8]) {
    let Some((model, bytes)) = of_first_byte(bytes) else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let trace = match model.parse_trace(text) {
        Ok(trace) => trace,
        Err(error) => {
            black_box(error.to_string());
            return;
        }
    };
    let winners: Vec<u32> = trace.races().iter().map(|race| race.winner as u32).collect();
    let walker = Walker::new(&model);
    let walk = walker.walk(&winners).expect("races that can be held");
    assert_eq!(model.trace_of(walk.winners()).as_ref(), Ok(&trace), "{text}");
    let structure = model.replay(&trace).expect("as the walk");
    assert_eq!(structure, walker.structure_of(&walk), "{text}");
    assert!(walk.log_prob().is_finite() && walk.log_prob() <= 0.0, "{text}");
    let rates = walk.rates();
    let least = rates.iter().copied().filter(|rate| *rate > 0.0).fold(f64::INFINITY, f64::min);
    // Of rates that differ by more, some times are lost in the sums.
    if rates.iter().all(|rate| *rate < 1e6 * least) {
        let uniforms: Vec<f64> = (0..rates.len()).map(|k| (k as f64 + 0.5) / 32.0).collect();
        let exponentials = walk.conditional(&uniforms);
        let run = model.run(&exponentials).expect("positive numbers");
        assert_eq!(run.trace, trace, "{text}");
        for (k, back) in walk.uniforms(&exponentials).into_iter().enumerate() {
            let held = rates[k] == 0.0 || (back - uniforms[k]).abs() < 1e-6;
            assert!(held, "{text}: {back} from {}", uniforms[k]);
        }
    }
    let explained = Explanation::new(&model, &trace, None, Limit(1_000)).expect("as the walk");
    black_box(explained.text().len() + explained.markdown().len() + explained.pictures(&model).len());
}

/// A letter for a model, then a file of losses; each is of a structure of the model.
pub fn losses(bytes: &[u8]) {
    let Some((model, bytes)) = of_first_byte(bytes) else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(black_box(Loss::named(&model, text)));
    drop(black_box((Kind::from_name(text), Matrix::parse(text).map(|matrix| matrix.csv()))));
    let walker = Walker::new(&model);
    match losses_of::parse(&model, "losses", text) {
        Ok(losses) => assert!(losses.keys().all(|structure| walker.is_structure(structure)), "{text}"),
        Err(error) => drop(black_box(error.to_string())),
    }
}

/// A line of the protocol, and what it names: a model, or losses and estimators.
pub fn request(bytes: &[u8]) {
    let Ok(line) = std::str::from_utf8(bytes) else { return };
    match Request::parse(line) {
        Ok(Request { op: Op::Model { model: text }, .. }) => model(text.get().as_bytes()),
        Ok(request) => drop(black_box(format!("{request:?}"))),
        Err(error) => drop(black_box(error.to_string())),
    }
}

/// A letter for a kind of file, then a file of questions and answers for other languages, of which all is worked out again.
pub fn vectors(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let files = File::all();
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Where nothing is wrong the whole file is made again to compare: a second of work that is the same each time.
    if text.contains("cases") {
        let (cases, wrong) = check(files[usize::from(first.wrapping_sub(b'0')) % files.len()], text);
        assert!(cases > 0 || !wrong.is_empty(), "{text}: no cases, and nothing wrong");
    }
}
