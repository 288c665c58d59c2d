//! A judgement for continuous integration: JUnit's XML, and Markdown for the page of a job.

use std::borrow::Cow;
use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use recursive_gumbel::report::{Row, Verdict, findings};

use super::report::{FINDINGS, Judgement, cells, of};

/// JUnit's XML: a suite per model, a case per row of the table. What is underpowered fails as well: it is never green.
///
/// # Errors
/// None but those of the writer, which is memory.
pub(super) fn junit(judgement: &Judgement<'_>, command: &str) -> io::Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let totals = counts(judgement.rows.iter());
    let suites = xml.create_element("testsuites").with_attribute(("name", "recursive-gumbel"));
    suites.with_attributes(attributes(&totals)).write_inner_content(|xml| {
        let mut said = Some(format!("{}Again: {}\n", judgement.head(), judgement.again));
        for rows in judgement.rows.chunk_by(|a, b| (a.structure, &a.model) == (b.structure, &b.model)) {
            let name = format!("{command} {} {}", rows[0].structure, rows[0].model);
            let suite = xml.create_element("testsuite").with_attribute(("name", name.trim_end()));
            suite.with_attributes(attributes(&counts(rows.iter()))).write_inner_content(|xml| {
                rows.iter().try_for_each(|row| case(xml, name.trim_end(), row))?;
                if let Some(said) = said.take() {
                    xml.create_element("system-out").write_text_content(BytesText::new(&said))?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    let mut text = xml.into_inner();
    text.push(b'\n');
    String::from_utf8(text).map_err(io::Error::other)
}

/// Tests, failures, skipped.
fn counts<'r>(rows: impl Iterator<Item = &'r Row>) -> [(&'static str, usize); 3] {
    let [mut tests, mut failures, mut skipped] = [0; 3];
    for row in rows {
        tests += 1;
        failures += usize::from(matches!(row.verdict, Verdict::Refuted | Verdict::Underpowered));
        skipped += usize::from(row.verdict == Verdict::NotJudged);
    }
    [("tests", tests), ("failures", failures), ("skipped", skipped)]
}

fn attributes(counts: &[(&'static str, usize); 3]) -> [(&'static str, Cow<'static, str>); 3] {
    counts.map(|(name, count)| (name, Cow::Owned(count.to_string())))
}

fn case(xml: &mut Writer<Vec<u8>>, class: &str, row: &Row) -> io::Result<()> {
    // Which entry is the worst, a variance, what was left out: this differs from sample to sample, the name of the case does not.
    let cuts = [": ", "; ", ", but ", " but "];
    let check = cuts.iter().fold(&*row.check, |check, cut| check.split(cut).next().unwrap_or(check));
    let name = format!("{}: {check}", row.subject);
    let case = xml.create_element("testcase").with_attribute(("classname", class));
    let case = case.with_attribute(("name", name.as_str()));
    let said = cells(row).join("  ");
    let kind = match row.verdict {
        Verdict::Refuted => Some(("failure", "refuted")),
        Verdict::Underpowered => Some(("failure", "underpowered")),
        Verdict::NotJudged => Some(("skipped", "not judged")),
        _ => None,
    };
    let Some((element, kind)) = kind else {
        case.write_empty()?;
        return Ok(());
    };
    case.write_inner_content(|xml| {
        let outcome = xml.create_element(element).with_attribute(("message", row.note.as_str()));
        match element {
            "skipped" => outcome.write_empty()?,
            _ => outcome.with_attribute(("type", kind)).write_text_content(BytesText::new(&said))?,
        };
        Ok(())
    })?;
    Ok(())
}

/// Markdown: the verdict, what is wrong, and the table folded away.
pub(super) fn summary(judgement: &Judgement<'_>, command: &str) -> String {
    let verdict = Verdict::of(judgement.rows).word();
    let mut text = format!("### {command}: {verdict}\n\n");
    // The first paragraph of the head; the findings come as a list.
    let head = judgement.head();
    let paragraph: Vec<&str> = head.lines().take_while(|line| !line.starts_with("  ")).collect();
    text.push_str(&format!("{}\n\n", escaped(&paragraph.join(" "))));
    let wrong = findings(judgement.rows);
    for row in wrong.iter().take(FINDINGS) {
        text.push_str(&format!("1. {}**{}**: {}\n", escaped(&of(row)), row.subject, escaped(&row.note)));
    }
    if wrong.len() > FINDINGS {
        text.push_str(&format!("\nand {} more, below\n", wrong.len() - FINDINGS));
    }
    let judged: Vec<&Row> = judgement.rows.iter().filter(|row| row.verdict != Verdict::NotJudged).collect();
    text.push_str(&format!("\n<details><summary>{} checks</summary>\n\n", judged.len()));
    text.push_str("| | n | statistic | p-value | catches | verdict | |\n|---|---:|---:|---:|---:|---|---|\n");
    for row in judged {
        let cells: Vec<String> = cells(row).iter().map(|cell| escaped(cell)).collect();
        let of = escaped(&of(row));
        text.push_str(&format!("| {of}{} | {} |\n", cells.join(" | "), escaped(&row.note)));
    }
    text.push('\n');
    for line in judgement.silent().lines() {
        text.push_str(&format!("- {}\n", escaped(line)));
    }
    text.push_str(&format!("\n</details>\n\nAgain: `{}`\n\n", judgement.again));
    text
}

/// As text in Markdown, in a table too.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' => escaped.extend(['\\', letter]),
            _ => escaped.push(letter),
        }
    }
    escaped
}
