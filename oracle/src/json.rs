//! Reading model files and traces, with line and column of whatever is wrong.

use std::fmt;

use num_rational::BigRational;
use num_traits::{One, Zero};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::binary_tree::Interval;
use crate::model::{Algorithm, Entry, EntryProblem, Kind, Model};
use crate::problem::{ModelError, Place, Problem, TraceProblem};
use crate::race::Trace;
use crate::rate;
use crate::recursion;

// ---------------------------------------------------------------------------------------------------------------

/// An object whose values are kept as text, in order, with every key once.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object such as {\"structure\": \"binary_tree\", \"rates\": [1, 2, 3]}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(InOrder).map(Fields)
    }
}

/// The file being read: finds the line and column of its parts.
struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn place_of(&self, part: &str, item: &str) -> Place {
        let offset =
            (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len());
        let before = self.text.get(..offset).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Place { line, column, item: item.to_owned() }
    }

    fn wrong(&self, part: &str, item: &str, problem: Problem) -> ModelError {
        ModelError { place: self.place_of(part, item), problem }
    }

    fn form(&self, part: &str, item: &str, want: &'static str) -> ModelError {
        let mut found: String = part.chars().take(40).collect();
        if found.len() < part.len() {
            found.push('…');
        }
        self.wrong(part, item, Problem::Form { found, want })
    }

    fn items(
        &self,
        value: &'a RawValue,
        item: &str,
        want: &'static str,
    ) -> Result<Vec<&'a RawValue>, ModelError> {
        serde_json::from_str(value.get()).map_err(|_| self.form(value.get(), item, want))
    }

    fn count(&self, value: &'a RawValue, item: &str, want: &'static str) -> Result<usize, ModelError> {
        serde_json::from_str(value.get()).map_err(|_| self.form(value.get(), item, want))
    }

    /// A rate or logit: a JSON number or a string. `None` for null.
    fn number(
        &self,
        value: &'a RawValue,
        item: &str,
        scale: Scale,
    ) -> Result<Option<BigRational>, ModelError> {
        let text = value.get();
        let string;
        let number = match text.as_bytes().first() {
            Some(b'"') => {
                string = serde_json::from_str::<String>(text)
                    .map_err(|error| self.wrong(text, item, Problem::Syntax(error.to_string())))?;
                string.as_str()
            }
            Some(b'n') => return Ok(None),
            Some(b'-' | b'0'..=b'9') => text,
            _ => return Err(self.form(text, item, scale.want())),
        };
        let read = match scale {
            Scale::Rates => rate::parse(number),
            Scale::Logits => rate::parse_logit(number),
        };
        read.map(Some).map_err(|error| self.wrong(text, item, Problem::Rate(error)))
    }

    fn present(&self, value: &'a RawValue, item: &str, scale: Scale) -> Result<BigRational, ModelError> {
        self.number(value, item, scale)?.ok_or_else(|| self.form(value.get(), item, scale.want()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Rates,
    Logits,
}

impl Scale {
    fn name(self) -> &'static str {
        match self {
            Self::Rates => "rates",
            Self::Logits => "logits",
        }
    }
    fn want(self) -> &'static str {
        match self {
            Self::Rates => "a rate: a number, or a string such as \"2/3\" or \"1e-30\"",
            Self::Logits => "a logit: a number",
        }
    }
}

/// The fields of a model file, each at most once.
#[derive(Default)]
struct Given<'a> {
    vertices: Option<&'a RawValue>,
    root: Option<&'a RawValue>,
    edges: Option<&'a RawValue>,
    k: Option<&'a RawValue>,
    rates: Option<&'a RawValue>,
    logits: Option<&'a RawValue>,
}

/// The fields of each structure, for the error message.
fn known_fields(kind: Kind) -> &'static str {
    match kind {
        Kind::SpanningTree => "structure, vertices, edges, rates, logits",
        Kind::Arborescence => "structure, vertices, root, edges, rates, logits",
        Kind::TopK => "structure, k, rates, logits",
        _ => "structure, rates, logits",
    }
}

impl Model {
    /// A model from the text of a model file.
    ///
    /// # Errors
    /// [`ModelError`], with line and column, the field or entry, and what would be right.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        parse_model(text)
    }

    /// A trace from its canonical JSON.
    ///
    /// # Errors
    /// [`TraceProblem`], naming the race, if it is not of this model's form or the algorithm cannot hold these races.
    pub fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem> {
        parse_trace(self, text)
    }
}

fn parse_model(text: &str) -> Result<Model, ModelError> {
    let reader = Reader { text };
    let Fields(fields) = serde_json::from_str(text).map_err(|error| {
        let place = Place { line: error.line(), column: error.column(), item: String::new() };
        // serde_json adds the place again
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        ModelError { place, problem: Problem::Syntax(message.to_owned()) }
    })?;
    for (i, (name, value)) in fields.iter().enumerate() {
        if fields[..i].iter().any(|(earlier, _)| earlier == name) {
            return Err(reader.wrong(value.get(), name, Problem::DuplicateField(name.clone())));
        }
    }
    let Some((_, structure)) = fields.iter().find(|(name, _)| name == "structure") else {
        return Err(ModelError { place: Place::default(), problem: Problem::MissingStructure });
    };
    let name: String = serde_json::from_str(structure.get())
        .map_err(|_| reader.form(structure.get(), "structure", "a string such as \"spanning_tree\""))?;
    let kind = Kind::from_name(&name)
        .ok_or_else(|| reader.wrong(structure.get(), "structure", Problem::UnknownStructure(name)))?;
    let mut given = Given::default();
    for (name, value) in &fields {
        let known = known_fields(kind);
        let place = match name.as_str() {
            "structure" => continue,
            field if !known.split(", ").any(|known| known == field) => {
                let problem = Problem::UnknownField { field: name.clone(), structure: kind.name(), known };
                return Err(reader.wrong(value.get(), name, problem));
            }
            "vertices" => &mut given.vertices,
            "root" => &mut given.root,
            "edges" => &mut given.edges,
            "k" => &mut given.k,
            "rates" => &mut given.rates,
            _ => &mut given.logits,
        };
        *place = Some(value);
    }
    if let (Some(_), Some(logits)) = (given.rates, given.logits) {
        return Err(reader.wrong(logits.get(), "logits", Problem::BothRatesAndLogits));
    }
    match kind {
        Kind::SpanningTree | Kind::Arborescence => graph(&reader, kind, &given),
        Kind::Matching => matching(&reader, &given),
        _ => positions(&reader, kind, &given),
    }
}

fn missing(kind: Kind, field: &'static str) -> ModelError {
    ModelError { place: Place::default(), problem: Problem::MissingField { structure: kind.name(), field } }
}

/// The list or matrix of rates or logits.
fn scaled<'a>(kind: Kind, given: &Given<'a>) -> Result<(&'a RawValue, Scale), ModelError> {
    match (given.rates, given.logits) {
        (Some(rates), _) => Ok((rates, Scale::Rates)),
        (None, Some(logits)) => Ok((logits, Scale::Logits)),
        (None, None) => Err(missing(kind, "\"rates\" (or \"logits\")")),
    }
}

fn positions<'a>(reader: &Reader<'a>, kind: Kind, given: &Given<'a>) -> Result<Model, ModelError> {
    let (list, scale) = scaled(kind, given)?;
    let items = reader.items(list, scale.name(), "a list with one number per position")?;
    let name = |i: usize| format!("{}[{i}]", scale.name());
    let mut rates = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        rates.push(reader.present(item, &name(i), scale)?);
    }
    let mut k = 0;
    if kind == Kind::TopK {
        let value = given.k.ok_or_else(|| missing(kind, "\"k\""))?;
        let want = "the number of positions to draw, a positive integer";
        k = reader.count(value, "k", want)?;
    }
    Model::new_positions(kind, rates, k).map_err(|(entry, problem)| match (entry, &problem, given.k) {
        (Some(i), ..) => reader.wrong(items[i].get(), &name(i), problem),
        (None, Problem::K { .. }, Some(value)) => reader.wrong(value.get(), "k", problem),
        _ => reader.wrong(list.get(), scale.name(), problem),
    })
}

/// A matrix, `None` where it says null.
type Matrix<'a> = Vec<Vec<(&'a RawValue, Option<BigRational>)>>;

fn matrix<'a>(reader: &Reader<'a>, value: &'a RawValue, scale: Scale) -> Result<Matrix<'a>, ModelError> {
    let rows = reader.items(value, scale.name(), "a matrix, a list of rows")?;
    if rows.is_empty() {
        return Err(reader.wrong(value.get(), scale.name(), Problem::Empty));
    }
    let mut matrix = Matrix::new();
    for (i, row) in rows.iter().enumerate() {
        let cells =
            reader.items(row, &format!("{}[{i}]", scale.name()), "a row of the matrix, a list of numbers")?;
        if cells.len() != rows.len() {
            let problem = Problem::NotSquare { rows: rows.len(), row: i, columns: cells.len() };
            return Err(reader.wrong(row.get(), &format!("{}[{i}]", scale.name()), problem));
        }
        let mut read = Vec::with_capacity(cells.len());
        for (j, cell) in cells.into_iter().enumerate() {
            read.push((cell, reader.number(cell, &format!("{}[{i}][{j}]", scale.name()), scale)?));
        }
        matrix.push(read);
    }
    Ok(matrix)
}

fn matching<'a>(reader: &Reader<'a>, given: &Given<'a>) -> Result<Model, ModelError> {
    let (value, scale) = scaled(Kind::Matching, given)?;
    let matrix = matrix(reader, value, scale)?;
    let rate = |(_, rate): &(&RawValue, Option<BigRational>)| rate.clone().unwrap_or_else(BigRational::zero);
    let rates: Vec<Vec<BigRational>> = matrix.iter().map(|row| row.iter().map(rate).collect()).collect();
    Model::new_matching(&rates).map_err(|(_, problem)| match problem {
        Problem::Stuck { other, missing, .. } => {
            let cell = matrix[other][missing].0.get();
            reader.wrong(cell, &format!("{}[{other}][{missing}]", scale.name()), problem)
        }
        Problem::EmptyRow { row } | Problem::Unbalanced { row, .. } => {
            reader.wrong(matrix[row][0].0.get(), &format!("{}[{row}]", scale.name()), problem)
        }
        _ => reader.wrong(value.get(), scale.name(), problem),
    })
}

fn graph<'a>(reader: &Reader<'a>, kind: Kind, given: &Given<'a>) -> Result<Model, ModelError> {
    let vertices = match given.vertices {
        Some(value) => {
            Some((value, reader.count(value, "vertices", "the number of vertices, a positive integer")?))
        }
        None => None,
    };
    let root = match (kind, given.root) {
        (Kind::Arborescence, Some(value)) => reader.count(value, "root", "a vertex, an integer from 0")?,
        (Kind::Arborescence, None) => return Err(missing(kind, "\"root\"")),
        _ => 0,
    };
    let build = |vertices, edges| match kind {
        Kind::Arborescence => Model::new_arborescence(vertices, root, edges),
        _ => Model::new_spanning_tree(vertices, edges),
    };
    // Where a problem without an entry belongs.
    let whole =
        |problem: Problem, edges: &'a RawValue, name: &str| match (&problem, given.root, given.vertices) {
            (Problem::Root { .. }, Some(root), _) => reader.wrong(root.get(), "root", problem),
            (Problem::Empty, _, Some(vertices)) => reader.wrong(vertices.get(), "vertices", problem),
            _ => reader.wrong(edges.get(), name, problem),
        };
    if let Some(list) = given.edges {
        if let Some(rates) = given.rates {
            return Err(reader.wrong(rates.get(), "rates", Problem::BothEdgesAndMatrix("rates")));
        }
        let (_, vertices) = vertices.ok_or_else(|| missing(kind, "\"vertices\""))?;
        let (items, edges) = edge_list(reader, list, given.logits)?;
        return build(vertices, edges).map_err(|(entry, problem): EntryProblem| match entry {
            Some(i) => reader.wrong(items[i].get(), &format!("edges[{i}]"), problem),
            None => whole(problem, list, "edges"),
        });
    }
    let Ok((value, scale)) = scaled(kind, given) else {
        return Err(missing(kind, "\"edges\" (or a matrix \"rates\" or \"logits\")"));
    };
    let matrix = matrix(reader, value, scale)?;
    if let Some((given, vertices)) = vertices.filter(|&(_, vertices)| vertices != matrix.len()) {
        let problem = Problem::VertexCount { vertices, rows: matrix.len() };
        return Err(reader.wrong(given.get(), "vertices", problem));
    }
    let mut edges = Vec::new();
    for (row, cells) in matrix.iter().enumerate() {
        for (column, (raw, rate)) in cells.iter().enumerate() {
            // An unused logit may be 0, as it is in a fresh matrix of logits.
            let said = rate.as_ref().is_some_and(|rate| match scale {
                Scale::Rates => !rate.is_zero(),
                Scale::Logits => !rate.is_one(),
            });
            let why = match kind {
                _ if row == column => "on the diagonal",
                Kind::SpanningTree if row > column && *rate != matrix[column][row].1 => {
                    "below the diagonal and differs from the one above it"
                }
                _ => "",
            };
            if !why.is_empty() && said {
                let problem = Problem::NoEntry { row, column, why, found: raw.get().to_owned() };
                return Err(reader.wrong(raw.get(), &format!("{}[{row}][{column}]", scale.name()), problem));
            }
            let entry = row != column && (kind == Kind::Arborescence || row < column);
            if let Some(rate) = rate.as_ref().filter(|rate| entry && !rate.is_zero()) {
                edges.push((row, column, rate.clone()));
            }
        }
    }
    build(matrix.len(), edges).map_err(|(_, problem)| whole(problem, value, scale.name()))
}

/// Edges as items of the file and as (from, to, rate).
type Edges<'a> = (Vec<&'a RawValue>, Vec<(usize, usize, BigRational)>);

fn edge_list<'a>(
    reader: &Reader<'a>,
    list: &'a RawValue,
    logits: Option<&'a RawValue>,
) -> Result<Edges<'a>, ModelError> {
    let items = reader.items(list, "edges", "a list of edges such as [[0,1,\"2/3\"], [1,2,5]]")?;
    let logits = match logits {
        Some(value) => Some((value, reader.items(value, "logits", "a list with one logit per edge")?)),
        None => None,
    };
    if let Some((value, list)) = logits.as_ref().filter(|(_, list)| list.len() != items.len()) {
        let problem = Problem::LogitCount { logits: list.len(), edges: items.len() };
        return Err(reader.wrong(value.get(), "logits", problem));
    }
    let mut edges = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let name = format!("edges[{i}]");
        let want = if logits.is_some() {
            "an edge [u, v], its logit is in \"logits\""
        } else {
            "an edge [u, v, rate]"
        };
        let parts = reader.items(item, &name, want)?;
        let vertex = |part| reader.count(part, &name, "a vertex, an integer from 0");
        let edge = match (parts.as_slice(), &logits) {
            ([u, v, rate], None) => (vertex(u)?, vertex(v)?, reader.present(rate, &name, Scale::Rates)?),
            ([u, v], Some((_, logits))) => {
                (vertex(u)?, vertex(v)?, reader.present(logits[i], &format!("logits[{i}]"), Scale::Logits)?)
            }
            _ => return Err(reader.form(item.get(), &name, want)),
        };
        edges.push(edge);
    }
    Ok((items, edges))
}

// ---------------------------------------------------------------------------------------------------------------

fn parse_trace(model: &Model, text: &str) -> Result<Trace, TraceProblem> {
    match &model.algorithm {
        Algorithm::Arborescence(_) => parse_components(model, text),
        Algorithm::BinaryTree(_) => parse_parents(model, text),
        _ => parse_winners(model, text),
    }
}

fn parse<'a, T: Deserialize<'a>>(
    model: &Model,
    text: &'a str,
    want: &'static str,
) -> Result<T, TraceProblem> {
    serde_json::from_str(text).map_err(|error| TraceProblem::Form {
        structure: model.kind().name(),
        want,
        detail: error.to_string(),
    })
}

fn number_of(model: &Model, race: usize, entry: Entry) -> Result<usize, TraceProblem> {
    let found = model.entries.iter().position(|&known| known == entry);
    found.ok_or_else(|| TraceProblem::NoSuchEntry { race, entry: entry.to_string() })
}

fn names(model: &Model, entries: &[usize]) -> String {
    crate::model::list(entries.iter().map(|&k| model.entries[k]))
}

fn parse_winners(model: &Model, text: &str) -> Result<Trace, TraceProblem> {
    let winners: Vec<Entry> = match model.kind() {
        Kind::SpanningTree => {
            let pairs: Vec<(usize, usize)> = parse(model, text, "the edges in the order chosen, [[u,v],…]")?;
            pairs.into_iter().map(|(u, v)| Entry::Pair(u.min(v), u.max(v))).collect()
        }
        Kind::Matching => {
            let pairs: Vec<(usize, usize)> =
                parse(model, text, "the cells in the order chosen, [[row,column],…]")?;
            pairs.into_iter().map(|(u, v)| Entry::Pair(u, v)).collect()
        }
        Kind::Categorical => vec![Entry::Position(parse(model, text, "the position, a number")?)],
        _ => {
            let positions: Vec<usize> = parse(model, text, "the positions in the order drawn, [i,…]")?;
            positions.into_iter().map(Entry::Position).collect()
        }
    };
    let mut race = 0;
    let trace = follow(model, |_, entrants| {
        let Some(&winner) = winners.get(race) else {
            return Err(TraceProblem::TooShort { races: race, entrants: names(model, entrants) });
        };
        let number = number_of(model, race, winner)?;
        if !entrants.contains(&number) {
            let (winner, entrants) = (winner.to_string(), names(model, entrants));
            return Err(TraceProblem::NotAnEntrant { race, winner, entrants });
        }
        race += 1;
        Ok(number)
    })?;
    if race < winners.len() {
        return Err(TraceProblem::TooLong { given: winners.len(), held: race });
    }
    Ok(trace)
}

/// Follows a recursion that holds one race at a time; `choose` sees how many were held.
fn follow(
    model: &Model,
    mut choose: impl FnMut(usize, &[usize]) -> Result<usize, TraceProblem>,
) -> Result<Trace, TraceProblem> {
    let mut races = 0;
    let mut next = |entrants: &[usize]| {
        races += 1;
        choose(races - 1, entrants)
    };
    match &model.algorithm {
        Algorithm::SpanningTree(a) => {
            recursion::follow(a, |_, _, entrants| next(entrants)).map(|path| path.trace)
        }
        Algorithm::Matching(a) => {
            recursion::follow(a, |_, _, entrants| next(entrants)).map(|path| path.trace)
        }
        Algorithm::TopK(a) => recursion::follow(a, |_, _, entrants| next(entrants)).map(|path| path.trace),
        Algorithm::Permutation(a) => {
            recursion::follow(a, |_, _, entrants| next(entrants)).map(|path| path.trace)
        }
        Algorithm::Categorical(a) => {
            recursion::follow(a, |_, _, entrants| next(entrants)).map(|path| path.trace)
        }
        Algorithm::Arborescence(a) => {
            recursion::follow(a, |_, _, entrants| next(entrants)).map(|path| path.trace)
        }
        Algorithm::BinaryTree(a) => {
            recursion::follow(a, |_, _, entrants| next(entrants)).map(|path| path.trace)
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentRace {
    component: Vec<usize>,
    arc: (usize, usize),
}

fn parse_components(model: &Model, text: &str) -> Result<Trace, TraceProblem> {
    let Algorithm::Arborescence(algorithm) = &model.algorithm else { return parse_winners(model, text) };
    let mut given: Vec<Option<ComponentRace>> =
        parse::<Vec<ComponentRace>>(model, text, "[{\"component\":[v,…],\"arc\":[u,v]},…]")?
            .into_iter()
            .map(Some)
            .collect();
    for race in given.iter_mut().flatten() {
        race.component.sort_unstable();
    }
    let path = recursion::follow(algorithm, |state, i, entrants| {
        let component = state.iter().filter(|c| c.winner.is_none()).nth(i);
        let vertices: Vec<usize> = component.into_iter().flat_map(|c| c.vertices.iter().copied()).collect();
        let races =
            |race: &Option<ComponentRace>| race.as_ref().is_some_and(|race| race.component == vertices);
        let Some(race) = given.iter().position(races) else {
            let component = crate::model::list(vertices.iter());
            return Err(TraceProblem::NoRace { component, entrants: names(model, entrants) });
        };
        let (u, v) = given[race].take().map_or((0, 0), |race| race.arc);
        let number = number_of(model, race, Entry::Pair(u, v))?;
        if !entrants.contains(&number) {
            let winner = Entry::Pair(u, v).to_string();
            return Err(TraceProblem::NotAnEntrant { race, winner, entrants: names(model, entrants) });
        }
        Ok(number)
    })?;
    match given.iter().flatten().next() {
        Some(left) => Err(TraceProblem::NeverFormed { component: crate::model::list(left.component.iter()) }),
        None => Ok(path.trace),
    }
}

fn parse_parents(model: &Model, text: &str) -> Result<Trace, TraceProblem> {
    let Algorithm::BinaryTree(algorithm) = &model.algorithm else { return parse_winners(model, text) };
    let parents: Vec<Option<usize>> =
        parse(model, text, "the parent of each position, null at the root, [1,null,1]")?;
    let (given, held) = (parents.len(), model.size());
    if given < held {
        let left: Vec<usize> = (given..held).collect();
        return Err(TraceProblem::TooShort { races: given, entrants: names(model, &left) });
    }
    if given > held {
        return Err(TraceProblem::TooLong { given, held });
    }
    let path = recursion::follow(algorithm, |state, i, entrants| {
        let &Interval { low, high, parent } = &state[i];
        let mut roots = entrants.iter().copied().filter(|&position| parents[position] == parent);
        match (roots.next(), roots.next()) {
            (Some(root), None) => Ok(root),
            _ => {
                let parent = parent.map_or_else(|| "null".to_owned(), |parent| parent.to_string());
                Err(TraceProblem::NotATree { low, high, parent })
            }
        }
    })?;
    Ok(path.trace)
}
