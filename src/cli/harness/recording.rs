//! A dialogue that is kept, and judged again without the implementation.
//!
//! A text file, whose first line says what was judged and how. After it each request and its answer stand as they were sent, and last
//! what was on standard error:
//!
//! ```text
//! # {"recording":1,"command":["python3","mine.py"],"budget":"1000000",…}
//! > {"id":1,"op":"hello","protocol":1}
//! < {"id":1,"ok":{…}}
//! ! has not answered for 10 seconds (--timeout)
//! = ["the last lines"]
//! ```

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::super::output::Output;
use super::super::{Failure, named};
use super::child::{Talk, Unanswered};

/// What was judged, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// The version of this format.
    pub(super) recording: u32,
    pub(super) command: Vec<String>,
    pub(super) suite: bool,
    pub(super) quick: bool,
    pub(super) shrink: bool,
    pub(super) budget: Option<String>,
    pub(super) seed: u64,
    pub(super) alpha: f64,
    pub(super) departure: f64,
    /// The models, with their files as they were.
    pub(super) models: Vec<(PathBuf, String)>,
}

pub(super) const FORMAT: u32 = 1;

/// A recording that is being made, or what went wrong with it.
type Kept = Arc<Mutex<Result<Output, Failure>>>;

/// Writes down what is asked and answered.
pub(super) struct Recorder {
    talk: Box<dyn Talk>,
    kept: Kept,
}

/// The end of a recording, which has to be made for there to be one.
pub(super) struct Recording(Kept);

fn write(kept: &Kept, mark: u8, line: &[u8]) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let Ok(output) = kept.as_mut() else { return };
    let written = output.write(|out| {
        out.write_all(&[mark, b' '])?;
        out.write_all(line.strip_suffix(b"\n").unwrap_or(line))?;
        out.write_all(b"\n")
    });
    if let Err(failure) = written {
        *kept = Err(failure);
    }
}

impl Recorder {
    /// A recording of what this one is asked.
    pub(super) fn new(talk: Box<dyn Talk>, path: &Path, head: &Head) -> Result<(Self, Recording), Failure> {
        let head = serde_json::to_vec(head).map_err(Failure::input)?;
        let kept = Arc::new(Mutex::new(Ok(Output::open(Some(path))?)));
        write(&kept, b'#', &head);
        Ok((Self { talk, kept: Arc::clone(&kept) }, Recording(kept)))
    }
}

impl Recording {
    /// The dialogue is over, or ends with a fault: the file gets its name.
    pub(super) fn finish(self, tail: &[String]) -> Result<(), Failure> {
        write(&self.0, b'=', &serde_json::to_vec(tail).map_err(Failure::input)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = Err(Failure::input("the recording is over"));
        std::mem::replace(&mut *kept, over)?.finish()
    }
}

impl Talk for Recorder {
    fn exchange(&mut self, request: &str) -> Result<Vec<u8>, Unanswered> {
        write(&self.kept, b'>', request.as_bytes());
        let answer = self.talk.exchange(request);
        match &answer {
            Ok(line) => write(&self.kept, b'<', line),
            Err(Unanswered::Silent(what)) => write(&self.kept, b'!', what.as_bytes()),
            Err(Unanswered::Recording(_)) => {}
        }
        answer
    }

    fn tail(&self) -> Vec<String> {
        self.talk.tail()
    }

    fn end(&mut self) {
        self.talk.end();
    }
}

/// A recording that answers.
pub(super) struct Replay {
    file: BufReader<File>,
    name: String,
    /// The next line, its mark first; empty at the end.
    next: Vec<u8>,
    /// Its number.
    line: u64,
}

impl Replay {
    /// Opens a recording.
    pub(super) fn open(path: &Path) -> Result<(Self, Head), Failure> {
        let name = named(path);
        let file = File::open(path).map_err(|error| Failure::input(format!("{name}: {error}")))?;
        let mut replay = Self { file: BufReader::new(file), name, next: Vec::new(), line: 0 };
        replay.go_on().map_err(|what| Failure::input(what.0))?;
        let head: Head = match replay.next.strip_prefix(b"# ").map(serde_json::from_slice) {
            Some(Ok(head)) => head,
            Some(Err(error)) => return Err(Failure::input(format!("{}: line 1: {error}", replay.name))),
            None => {
                let want = "want a recording, made by harness --record: its first line begins with #";
                return Err(Failure::input(format!("{}: line 1: {want}", replay.name)));
            }
        };
        if head.recording != FORMAT {
            let (name, found) = (&replay.name, head.recording);
            return Err(Failure::input(format!("{name}: a recording of version {found}: want {FORMAT}")));
        }
        replay.go_on().map_err(|what| Failure::input(what.0))?;
        Ok((replay, head))
    }

    /// Reads the next line.
    fn go_on(&mut self) -> Result<(), Broken> {
        self.next.clear();
        self.line += 1;
        let read = self.file.read_until(b'\n', &mut self.next);
        read.map_err(|error| Broken(format!("{}: line {}: {error}", self.name, self.line)))?;
        if self.next.pop().is_some_and(|last| last != b'\n') {
            return Err(Broken(format!("{}: line {} has no end: is it truncated?", self.name, self.line)));
        }
        Ok(())
    }

    fn broken(&self, what: &str) -> Broken {
        if self.next.is_empty() {
            return Broken(format!("{}: ends before line {}: is it truncated?", self.name, self.line));
        }
        Broken(format!("{}: line {}: {what}", self.name, self.line))
    }

    fn answer(&mut self, request: &str) -> Result<Result<Vec<u8>, String>, Broken> {
        if self.next.strip_prefix(b"> ") != Some(request.as_bytes()) {
            return Err(
                self.broken("here something else is asked for now: was it recorded by another version?")
            );
        }
        self.go_on()?;
        let answer = match self.next.get(..2) {
            Some(b"< ") => Ok(self.next.split_off(2)),
            Some(b"! ") => Err(String::from_utf8_lossy(&self.next[2..]).into_owned()),
            _ => return Err(self.broken("want an answer: it begins with < or !")),
        };
        self.go_on()?;
        Ok(answer)
    }
}

/// What is wrong with a recording.
struct Broken(String);

impl Talk for Replay {
    fn exchange(&mut self, request: &str) -> Result<Vec<u8>, Unanswered> {
        let answer = self.answer(request).map_err(|what| Unanswered::Recording(what.0))?;
        answer.map_err(Unanswered::Silent)
    }

    fn tail(&self) -> Vec<String> {
        let tail = self.next.strip_prefix(b"= ").map(serde_json::from_slice);
        tail.and_then(Result::ok).unwrap_or_default()
    }

    fn next_request(&self) -> Option<&str> {
        let request = self.next.strip_prefix(b"> ").unwrap_or_default();
        Some(std::str::from_utf8(request).unwrap_or_default())
    }

    fn end(&mut self) {}
}
