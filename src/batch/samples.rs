//! Draws of batches in NumPy's `.npz`.
//!
//! # Format
//! That of [samples files](crate::sample::file) with one more leading axis, for the items: what stands at `[i]` is a samples file of item
//! `i`. Weights and scores have the shape of the parameters, in their precision; what an item does not have is -1 among integers, and as
//! where there is no entry among floats.

use std::io::{self, Read, Seek, Write};

use gumbel_oracle::kind::Kind;
use ndarray::{Array3, ArrayD, Axis};
use zip::ZipWriter;

use super::{Drawn, Float, Items};
use crate::fast::NONE;
use crate::sample::Field;
use crate::sample::arborescence;
use crate::sample::binary_tree;
use crate::sample::file::{Column, add};

/// Collects draws, item after item, and writes them as `.npz`.
#[derive(Debug)]
pub struct Samples<S: Write> {
    kind: Kind,
    fields: Vec<Field>,
    /// The shapes of one draw: of structures, traces, components of traces and entries.
    structure: Vec<usize>,
    trace: Vec<usize>,
    components: Vec<usize>,
    entries: Vec<usize>,
    integers: [Column<S>; 3],
    floats: [Column<S>; 4],
}

fn invalid(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

impl<S: Read + Write + Seek> Samples<S> {
    /// No draws yet; they are kept in scratch files, 7 of them, which `make` makes: empty, for reading and writing.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn kept_in<T: Float>(
        of: &Items<'_, T>,
        fields: &[Field],
        mut make: impl FnMut() -> io::Result<S>,
    ) -> io::Result<Self> {
        let mut column = || make().map(Column::new);
        let (n, structure) = (of.size(), of.structure_len());
        let pairs = vec![structure, 2];
        let (structure, trace) = match of.kind() {
            Kind::SpanningTree => (pairs.clone(), pairs),
            Kind::Arborescence => (pairs, vec![of.trace_len(), 2]),
            Kind::Matching => (vec![structure], pairs),
            Kind::Categorical => (Vec::new(), Vec::new()),
            _ => (vec![structure], vec![structure]),
        };
        Ok(Self {
            kind: of.kind(),
            fields: fields.to_vec(),
            structure,
            trace,
            components: vec![of.trace_len(), n],
            entries: of.entry_shape(),
            integers: [column()?, column()?, column()?],
            floats: [column()?, column()?, column()?, column()?],
        })
    }

    /// Adds draws of an item, whose number among `drawn` this is. Traces need the structures too.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if a field is lacking, or a trace is none; those of the scratch files.
    pub fn push<T: Float>(&mut self, of: &Items<'_, T>, drawn: &Drawn<T>, item: usize) -> io::Result<()> {
        let lacks = |field: Field| invalid(format!("no {} among what was drawn", field.name()));
        let has = |field: Field| self.fields.contains(&field);
        fn rows(column: &Option<Array3<u32>>, item: usize) -> Option<Vec<Vec<u32>>> {
            let column = column.as_ref()?.index_axis(Axis(0), item);
            Some(column.rows().into_iter().map(|row| row.to_vec()).collect())
        }
        let structures = rows(&drawn.structure, item);
        if has(Field::Structure) {
            for row in structures.as_ref().ok_or_else(|| lacks(Field::Structure))? {
                self.integers[0].push(self.structure(row).into_iter().map(i64::to_le_bytes))?;
            }
        }
        if has(Field::Trace) {
            for row in rows(&drawn.trace, item).ok_or_else(|| lacks(Field::Trace))? {
                let (trace, components) = self.trace(of, item, &row)?;
                self.integers[1].push(trace.into_iter().map(i64::to_le_bytes))?;
                self.integers[2].push(components.into_iter().map(i64::to_le_bytes))?;
            }
        }
        if has(Field::LogProb) {
            let column = drawn.log_prob.as_ref().ok_or_else(|| lacks(Field::LogProb))?;
            self.floats[0].push(column.row(item).iter().map(|value| value.little_end()))?;
        }
        let columns: [(Field, &Option<ArrayD<T>>); 3] = [
            (Field::Score, &drawn.score),
            (Field::Exponentials, &drawn.exponentials),
            (Field::Conditional, &drawn.conditional),
        ];
        for ((field, values), column) in columns.into_iter().zip(&mut self.floats[1..]) {
            if self.fields.contains(&field) {
                let values = values.as_ref().ok_or_else(|| lacks(field))?;
                column.push(values.index_axis(Axis(0), item).iter().map(|value| value.little_end()))?;
            }
        }
        Ok(())
    }

    /// Row and column of a cell, or -1 twice.
    fn pair(&self, cell: u32) -> [i64; 2] {
        let n = self.entries[0] as u32;
        if cell == NONE { [-1; 2] } else { [cell / n, cell % n].map(i64::from) }
    }

    fn structure(&self, row: &[u32]) -> Vec<i64> {
        match self.kind {
            Kind::SpanningTree | Kind::Arborescence => row.iter().flat_map(|cell| self.pair(*cell)).collect(),
            Kind::Matching => row.iter().map(|cell| self.pair(*cell)[1]).collect(),
            _ => row.iter().map(|number| if *number == NONE { -1 } else { i64::from(*number) }).collect(),
        }
    }

    /// The trace, and of an arborescence the components.
    fn trace<T: Float>(
        &self,
        of: &Items<'_, T>,
        item: usize,
        row: &[u32],
    ) -> io::Result<(Vec<i64>, Vec<i64>)> {
        let (length, root) = (of.length(item), of.root(item));
        let winners = &row[..row.iter().position(|cell| *cell == NONE).unwrap_or(row.len())];
        Ok(match self.kind {
            Kind::SpanningTree | Kind::Matching => {
                (row.iter().flat_map(|cell| self.pair(*cell)).collect(), Vec::new())
            }
            Kind::Arborescence => {
                let [rows, n] = self.components[..] else { return Ok((Vec::new(), Vec::new())) };
                let ends = |cell: u32| self.pair(cell).map(|end| end as usize).into();
                let races = arborescence::races(length, root, ends, winners).map_err(invalid)?;
                let (mut arcs, mut members) = (vec![-1; rows * 2], vec![0; rows * n]);
                for (place, (component, arc)) in races.into_iter().enumerate() {
                    arcs[2 * place..2 * place + 2].copy_from_slice(&self.pair(arc));
                    component.into_iter().for_each(|vertex| members[place * n + vertex] = 1);
                }
                (arcs, members)
            }
            Kind::BinaryTree => {
                let parents = binary_tree::parents(length, winners).map_err(invalid)?;
                let mut trace: Vec<i64> =
                    parents.into_iter().map(|parent| parent.map_or(-1, |parent| parent as i64)).collect();
                trace.resize(row.len(), -1);
                (trace, Vec::new())
            }
            _ => (self.structure(row), Vec::new()),
        })
    }

    /// Writes the arrays of so many items, each with so many draws.
    ///
    /// # Errors
    /// Those of the writer and of the scratch files; [`io::ErrorKind::InvalidData`] if there were other draws than these.
    pub fn write<T: Float>(self, of: &Items<'_, T>, draws: usize, out: impl Write + Seek) -> io::Result<()> {
        let mut npz = ZipWriter::new(out);
        let [structure, trace, components] = self.integers;
        let [log_prob, score, exponentials, conditional] = self.floats;
        let nested = self.kind == Kind::Arborescence;
        for (field, name, number, shape, column) in [
            (Field::Structure, "structure", "i8", &self.structure, structure),
            (Field::Trace, "trace", "i8", &self.trace, trace),
            (Field::Trace, "trace_component", "i8", &self.components, components),
            (Field::LogProb, "log_prob", T::DESCR, &Vec::new(), log_prob),
            (Field::Score, "score", T::DESCR, &self.entries, score),
            (Field::Exponentials, "exponentials", T::DESCR, &self.entries, exponentials),
            (Field::Conditional, "conditional", T::DESCR, &self.entries, conditional),
        ] {
            if self.fields.contains(&field) && (nested || name != "trace_component") {
                let shape = [&[of.items(), draws], &shape[..]].concat();
                add(&mut npz, name, number, &shape, column)?;
            }
        }
        npz.finish()?;
        Ok(())
    }
}
