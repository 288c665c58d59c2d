//! Where data goes: standard output, or a file that appears only when it is complete.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tempfile::NamedTempFile;

use super::Failure;

/// How rows are written.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Table,
    /// One object.
    Json,
    /// One object per row.
    Jsonl,
    /// One line per row, with a head.
    Csv,
}

/// The same of what has no JSON.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableOrCsv {
    /// For people.
    Table,
    /// All there is, one line each, with a head.
    Csv,
}

/// An output that is opened before the long work.
#[derive(Debug)]
pub(super) struct Output {
    target: Target,
}

#[derive(Debug)]
enum Target {
    Stdout(BufWriter<io::Stdout>),
    /// Written under a name that nobody has, which is removed unless [`Output::finish`] gives it its own.
    File {
        part: BufWriter<NamedTempFile>,
        path: PathBuf,
    },
    /// A device or a pipe: it is written to, never replaced.
    Device {
        device: BufWriter<File>,
        path: PathBuf,
    },
}

impl Output {
    /// Standard output if there is no path; otherwise a new file in the same folder, renamed by [`finish`](Self::finish).
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self { target: Target::Stdout(BufWriter::new(io::stdout())) });
        };
        let failed = |error| Failure::Write { path: path.to_owned(), error };
        if path.is_dir() {
            return Err(failed(io::Error::other("is a directory: want a file name")));
        }
        let path_buf = path.to_owned();
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let device = BufWriter::new(File::options().write(true).open(path).map_err(failed)?);
            return Ok(Self { target: Target::Device { device, path: path_buf } });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&name).suffix(".part");
        // Made as any new file, with the permissions that the user's mask allows.
        let make = |path: &Path| File::options().read(true).write(true).create_new(true).open(path);
        let part = builder.make_in(folder.unwrap_or(Path::new(".")), make).map_err(failed)?;
        Ok(Self { target: Target::File { part: BufWriter::new(part), path: path_buf } })
    }

    /// The file, if it is one: for formats that need to seek.
    pub(super) fn file(&mut self) -> Option<&mut BufWriter<NamedTempFile>> {
        if let Target::File { part, .. } = &mut self.target { Some(part) } else { None }
    }

    /// An error of this output, with its name.
    pub(super) fn failure(&self, error: io::Error) -> Failure {
        match &self.target {
            Target::Stdout(_) => Failure::Stdout(error),
            Target::File { path, .. } | Target::Device { path, .. } => {
                Failure::Write { path: path.clone(), error }
            }
        }
    }

    /// Writes data through `write` and names the output in its error.
    pub(super) fn write(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let written = match &mut self.target {
            Target::Stdout(out) => write(out),
            Target::File { part, .. } => write(part),
            Target::Device { device, .. } => write(device),
        };
        written.map_err(|error| self.failure(error))
    }

    /// Flushes; a file gets its name only now.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.write(|out| out.flush())?;
        if let Target::File { part, path } = self.target {
            let failed = |error| Failure::Write { path: path.clone(), error };
            let part = part.into_inner().map_err(|error| failed(error.into_error()))?;
            part.persist(&path).map_err(|error| failed(error.error))?;
        }
        Ok(())
    }
}
