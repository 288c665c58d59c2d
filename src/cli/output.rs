//! Where data goes: standard output, or a file that appears only when it is complete.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Failure;

/// An output that is opened before the long work.
#[derive(Debug)]
pub(super) struct Output {
    target: Target,
}

#[derive(Debug)]
enum Target {
    Stdout(BufWriter<io::Stdout>),
    File { part: BufWriter<File>, part_path: PathBuf, path: PathBuf, finished: bool },
}

impl Output {
    /// Standard output if there is no path; otherwise a file next to it, `PATH.part`, renamed by [`finish`](Self::finish).
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self { target: Target::Stdout(BufWriter::new(io::stdout())) });
        };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part_path = path.with_file_name(name);
        let failed = |error| Failure::Write { path: path.to_owned(), error };
        if path.is_dir() {
            return Err(failed(io::Error::other("is a directory: want a file name")));
        }
        let part = BufWriter::new(File::create(&part_path).map_err(failed)?);
        let finished = false;
        Ok(Self { target: Target::File { part, part_path, path: path.to_owned(), finished } })
    }

    /// The file, if it is one: for formats that need to seek.
    pub(super) fn file(&mut self) -> Option<&mut BufWriter<File>> {
        match &mut self.target {
            Target::Stdout(_) => None,
            Target::File { part, .. } => Some(part),
        }
    }

    /// An error of this output, with its name.
    pub(super) fn failure(&self, error: io::Error) -> Failure {
        match &self.target {
            Target::Stdout(_) => Failure::Stdout(error),
            Target::File { path, .. } => Failure::Write { path: path.clone(), error },
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
        };
        written.map_err(|error| self.failure(error))
    }

    /// Flushes; a file gets its name only now.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.write(|out| out.flush())?;
        if let Target::File { part_path, path, finished, .. } = &mut self.target {
            let renamed = std::fs::rename(&*part_path, &*path);
            *finished = renamed.is_ok();
            renamed.map_err(|error| Failure::Write { path: path.clone(), error })?;
        }
        Ok(())
    }
}

impl Drop for Output {
    /// A file that was not finished is removed.
    fn drop(&mut self) {
        if let Target::File { part_path, finished: false, .. } = &self.target {
            let _ = std::fs::remove_file(part_path); // it may never have been made
        }
    }
}
