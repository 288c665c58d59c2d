//! The tables of the README: what is in each file, and which mutant is caught by which.

use std::collections::BTreeMap;

use gumbel_oracle::model::Kind;
use rayon::prelude::*;
use serde_json::Value;

use super::{File, Operation, groups, listed};
use crate::mutants::Mutant;

/// Of each file the number of its cases, and of each mutant the number of those that catch it.
struct Counted {
    file: File,
    cases: usize,
    caught: BTreeMap<String, usize>,
}

fn counted() -> Result<Vec<Counted>, String> {
    let of = |file: File| {
        let mut of = Counted { file, cases: 0, caught: BTreeMap::new() };
        for group in groups(file)? {
            for case in listed(&group, "cases") {
                of.cases += 1;
                let names = case.get("catches").and_then(Value::as_array).into_iter().flatten();
                names
                    .filter_map(Value::as_str)
                    .for_each(|name| *of.caught.entry(name.to_owned()).or_insert(0) += 1);
            }
        }
        Ok(of)
    };
    File::all().into_par_iter().map(of).collect()
}

/// The text with each table between `<!-- NAME -->` and `<!-- end -->` made anew.
pub(super) fn filled(text: &str) -> Result<String, String> {
    let counted = counted()?;
    let mut out = text.to_owned();
    for (name, table) in [("cases", cases(&counted)), ("mutants", mutants(&counted))] {
        let (open, close) = (format!("<!-- {name} -->\n"), "<!-- end -->");
        let start = out.find(&open).ok_or_else(|| format!("no place for the table of {name}"))? + open.len();
        let end = out[start..].find(close).ok_or_else(|| format!("no end of the table of {name}"))? + start;
        out.replace_range(start..end, &table);
    }
    Ok(out)
}

fn cases(counted: &[Counted]) -> String {
    let names: Vec<&str> = Operation::ALL.into_iter().map(Operation::name).collect();
    let mut out = format!("| | {} | all |\n|---|{}\n", names.join(" | "), "---:|".repeat(names.len() + 1));
    let row = |name: &str, of: &dyn Fn(&Counted) -> bool| {
        let count = |operation| -> usize {
            counted
                .iter()
                .filter(|file| of(file) && file.file.operation == operation)
                .map(|file| file.cases)
                .sum()
        };
        let counts: Vec<usize> = Operation::ALL.into_iter().map(count).collect();
        let told: Vec<String> = counts.iter().map(ToString::to_string).collect();
        format!("| {name} | {} | {} |\n", told.join(" | "), counts.iter().sum::<usize>())
    };
    for kind in Kind::ALL {
        out.push_str(&row(&format!("`{}`", kind.name()), &|file| file.file.kind == kind));
    }
    out.push_str(&row("all", &|_| true));
    out
}

/// A row for each mutant that is caught by some case, a column for each file that catches any: the number of its cases that do.
fn mutants(counted: &[Counted]) -> String {
    let files: Vec<&Counted> = counted.iter().filter(|file| !file.caught.is_empty()).collect();
    let mut out = String::from("| mutant |");
    files.iter().for_each(|file| {
        out.push_str(&format!(" {} |", file.file.name().trim_end_matches(".json").replace('_', " ")))
    });
    out.push_str(&format!("\n|---|{}\n", "---:|".repeat(files.len())));
    let mut missed = Vec::new();
    for mutant in Mutant::all() {
        let cells: Vec<Option<&usize>> = files.iter().map(|file| file.caught.get(mutant.name())).collect();
        if cells.iter().all(Option::is_none) {
            missed.push(format!("`{}`", mutant.name()));
            continue;
        }
        let told: Vec<String> =
            cells.iter().map(|cell| cell.map_or_else(String::new, ToString::to_string)).collect();
        out.push_str(&format!("| `{}` | {} |\n", mutant.name(), told.join(" | ")));
    }
    out.push_str(&format!(
        "\nCaught by none, as they are right in all that has one answer: {}.\n",
        missed.join(", ")
    ));
    out
}
