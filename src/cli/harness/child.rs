//! The implementation under test: a child process that is asked line by line, and whatever may go wrong with it.

use std::collections::VecDeque;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::{self, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// The longest line that is read.
const LONGEST: u64 = 1 << 28; // as in a samples file

/// Lines of standard error that are told.
const TOLD: usize = 5;

/// Characters of a request or of a line that are told.
const SHOWN: usize = 200;

/// What the implementation did instead of answering: the glue is wrong, and nothing is said of the sampler.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// The request, shortened; empty if it was not asked anything yet.
    request: String,
    what: String,
    /// The last lines of its standard error.
    tail: Vec<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the implementation {}", self.what)?;
        if !self.request.is_empty() {
            write!(f, ", when it was asked {}", self.request)?;
        }
        for (number, line) in self.tail.iter().enumerate() {
            let before = if number == 0 { "\nlast on its standard error: " } else { "\n  " };
            write!(f, "{before}{line}")?;
        }
        Ok(())
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Ok(Map<String, Value>),
    Skipped(String),
    Error(String),
}

/// What a thread that reads answers says.
enum Said {
    Line(Vec<u8>),
    TooLong,
    Closed,
}

/// A child process that is killed, with all that it started, when it is dropped.
pub(super) struct Child {
    process: process::Child,
    requests: Option<Sender<String>>,
    answers: Receiver<Said>,
    tail: Arc<Mutex<VecDeque<String>>>,
    /// The thread that reads standard error.
    errors: thread::JoinHandle<()>,
    timeout: Duration,
    last: String,
    id: u64,
}

impl Child {
    /// Starts a command.
    pub(super) fn start(command: &[String], timeout: Duration) -> Result<Self, Fault> {
        let fault = |what: String| Fault { request: String::new(), what, tail: Vec::new() };
        let (program, arguments) = command.split_first().ok_or_else(|| fault("has no name".to_owned()))?;
        let mut start = Command::new(program);
        start.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut start, 0);
        let mut process =
            start.spawn().map_err(|error| fault(format!("{program:?} cannot be started: {error}")))?;
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(mut input), Some(output), Some(errors)) = pipes else {
            return Err(fault("has no pipes".to_owned()));
        };
        // It may not read, and not write: three threads wait for it, and none is waited for.
        let (requests, asked) = channel::<String>();
        thread::spawn(move || {
            for line in asked {
                if input.write_all(line.as_bytes()).and_then(|()| input.flush()).is_err() {
                    break; // it has gone; the other thread says so
                }
            }
        });
        let (say, answers) = channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            loop {
                let mut line = Vec::new();
                let read = output.by_ref().take(LONGEST).read_until(b'\n', &mut line);
                let said = match read {
                    Err(_) | Ok(0) => Said::Closed,
                    Ok(bytes) if bytes as u64 == LONGEST && line.last() != Some(&b'\n') => Said::TooLong,
                    Ok(_) => Said::Line(line),
                };
                let ends = !matches!(said, Said::Line(_));
                if say.send(said).is_err() || ends {
                    break;
                }
            }
        });
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&tail);
        let errors = thread::spawn(move || {
            let mut errors = BufReader::new(errors);
            let mut line = Vec::new();
            // A long line in parts.
            while errors.by_ref().take(1 << 16).read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                let _ = writeln!(std::io::stderr(), "{text}"); // passed through
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_back(shortened(&text));
                if kept.len() > TOLD {
                    kept.pop_front();
                }
                line.clear();
            }
        });
        let (requests, last) = (Some(requests), String::new());
        Ok(Self { process, requests, answers, tail, errors, timeout, last, id: 0 })
    }

    /// A fault at the last request.
    pub(super) fn fault(&self, what: impl Into<String>) -> Fault {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        Fault { request: self.last.clone(), what: what.into(), tail: tail.iter().cloned().collect() }
    }

    /// Asks, and waits for the answer. The request is an object, without an id.
    pub(super) fn ask(&mut self, request: &Value) -> Result<Answer, Fault> {
        self.ask_text(&request.to_string())
    }

    /// The same of a request as it is to be sent.
    fn ask_text(&mut self, request: &str) -> Result<Answer, Fault> {
        self.id += 1;
        let line = format!("{{\"id\":{},{}", self.id, request.trim_start_matches('{'));
        self.last = shortened(&line);
        if let Some(requests) = &self.requests {
            let _ = requests.send(line + "\n"); // if it cannot be sent, there is no answer
        }
        let line = match self.answers.recv_timeout(self.timeout) {
            Ok(Said::Line(line)) => line,
            Ok(Said::TooLong) => {
                return Err(self.fault(format!("wrote more than {} MiB without a newline", LONGEST >> 20)));
            }
            Ok(Said::Closed) | Err(RecvTimeoutError::Disconnected) => {
                let what = match self.ended() {
                    Some(status) => format!("has ended with {status}"),
                    None => "has closed its standard output".to_owned(),
                };
                return Err(self.fault(what));
            }
            Err(RecvTimeoutError::Timeout) => {
                let seconds = self.timeout.as_secs_f64();
                return Err(self.fault(format!("has not answered for {seconds} seconds (--timeout)")));
            }
        };
        let text = String::from_utf8_lossy(&line);
        let wrote = || format!("wrote {}", shortened(text.trim_end()));
        let Ok(Value::Object(mut answer)) = serde_json::from_slice::<Value>(&line) else {
            return Err(self.fault(format!("{}, which is no JSON object", wrote())));
        };
        if answer.get("id") != Some(&self.id.into()) {
            return Err(self.fault(format!("{}, which does not have the id {}", wrote(), self.id)));
        }
        let word = |value: &Value| value.as_str().map(ToOwned::to_owned);
        match (answer.remove("ok"), answer.remove("skipped"), answer.remove("error")) {
            (Some(Value::Object(object)), None, None) => Some(Answer::Ok(object)),
            (None, Some(reason), None) => word(&reason).map(Answer::Skipped),
            (None, None, Some(error)) => word(&error).map(Answer::Error),
            _ => None,
        }
        .ok_or_else(|| {
            let want = "want exactly one of `ok` (an object), `skipped` (a text) and `error` (a text)";
            self.fault(format!("{}: {want}", wrote()))
        })
    }

    /// Asks for what must be there: neither skipped nor an error.
    pub(super) fn need(&mut self, request: &Value) -> Result<Map<String, Value>, Fault> {
        self.need_text(&request.to_string())
    }

    /// The same of a request as it is to be sent.
    pub(super) fn need_text(&mut self, request: &str) -> Result<Map<String, Value>, Fault> {
        let answer = self.ask_text(request)?;
        self.ok(answer)
    }

    /// What an answer says, if it is neither skipped nor an error.
    pub(super) fn ok(&self, answer: Answer) -> Result<Map<String, Value>, Fault> {
        match answer {
            Answer::Ok(object) => Ok(object),
            Answer::Skipped(reason) => Err(self.fault(format!("skipped ({reason}) what it says it has"))),
            Answer::Error(error) => Err(self.fault(format!("answered with the error {error:?}"))),
        }
    }

    /// Tells it to stop, and gives it a second to end.
    pub(super) fn stop(&mut self) -> Result<(), Fault> {
        self.need(&json!({"op": "stop"}))?;
        self.ended();
        Ok(())
    }

    /// Its exit status, if it ends within a second, with all that it has said on its standard error.
    fn ended(&mut self) -> Option<process::ExitStatus> {
        let mut ended = None;
        for _ in 0..100 {
            ended = ended.or_else(|| self.process.try_wait().ok().flatten());
            if ended.is_some() && self.errors.is_finished() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        ended
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.requests = None; // closes its standard input
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process_group};
            let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL); // gone already, if not
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The start of a text.
fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        text.to_owned()
    } else {
        text.chars().take(SHOWN).collect::<String>() + "…"
    }
}

/// A list of so many items in an answer.
pub(super) fn items(
    child: &Child,
    object: &mut Map<String, Value>,
    field: &str,
    count: usize,
) -> Result<Vec<Value>, Fault> {
    match object.remove(field) {
        Some(Value::Array(items)) if items.len() == count => Ok(items),
        Some(Value::Array(items)) => {
            Err(child.fault(format!("gave {} items in `{field}`: want {count}", items.len())))
        }
        Some(_) => Err(child.fault(format!("gave `{field}` that is no list"))),
        None => Err(child.fault(format!("gave no `{field}`"))),
    }
}
