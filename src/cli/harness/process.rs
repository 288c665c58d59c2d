//! A child process, and whatever it may do instead of answering.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::{self, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::child::{Talk, Unanswered, shortened};

/// The longest line that is read.
const LONGEST: u64 = 1 << 28; // as in a samples file

/// Lines of standard error that are told.
const TOLD: usize = 5;

/// What a thread that reads answers says.
enum Said {
    Line(Vec<u8>),
    TooLong,
    Closed,
}

/// A child process that is killed, with all that it started, when it is dropped.
pub(super) struct Process {
    process: process::Child,
    requests: Option<Sender<String>>,
    answers: Receiver<Said>,
    tail: Arc<Mutex<VecDeque<String>>>,
    /// The thread that reads standard error.
    errors: thread::JoinHandle<()>,
    timeout: Duration,
}

impl Process {
    /// Starts a command; or says why not.
    pub(super) fn start(command: &[String], timeout: Duration) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or_else(|| "has no name".to_owned())?;
        let mut start = Command::new(program);
        start.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut start, 0);
        let mut process = start.spawn().map_err(|error| format!("{program:?} cannot be started: {error}"))?;
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(mut input), Some(output), Some(errors)) = pipes else {
            return Err("has no pipes".to_owned());
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
        Ok(Self { process, requests: Some(requests), answers, tail, errors, timeout })
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

impl Talk for Process {
    fn exchange(&mut self, request: &str) -> Result<Vec<u8>, Unanswered> {
        if let Some(requests) = &self.requests {
            let _ = requests.send(format!("{request}\n")); // if it cannot be sent, there is no answer
        }
        let what = match self.answers.recv_timeout(self.timeout) {
            Ok(Said::Line(line)) => return Ok(line),
            Ok(Said::TooLong) => format!("wrote more than {} MiB without a newline", LONGEST >> 20),
            Ok(Said::Closed) | Err(RecvTimeoutError::Disconnected) => match self.ended() {
                Some(status) => format!("has ended with {status}"),
                None => "has closed its standard output".to_owned(),
            },
            Err(RecvTimeoutError::Timeout) => {
                format!("has not answered for {} seconds (--timeout)", self.timeout.as_secs_f64())
            }
        };
        Err(Unanswered::Silent(what))
    }

    fn tail(&self) -> Vec<String> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn end(&mut self) {
        self.ended();
    }
}

impl Drop for Process {
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
