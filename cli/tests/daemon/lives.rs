//! Launchers that run, and what they hear.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::rack::Rack;

/// `gossamer run`, attached, or another command that goes on.
pub(crate) struct Launched {
    process: Child,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

impl Launched {
    pub(crate) fn start(rack: &Rack, host: usize, command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = rack.spawn(host, command);
        let output = process.stdout.take().expect("it is piped");
        let mut errors = process.stderr.take().expect("it is piped");
        let (sender, lines) = channel();
        spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line); // a test that has failed does not care
            }
        });
        let errors = spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text); // what it is counts
            text
        });
        Self {
            process,
            lines,
            errors: Some(errors),
        }
    }

    /// Waits for a line that contains this.
    pub(crate) fn await_line(&mut self, part: &str) -> String {
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) if line.contains(part) => return line,
                Ok(_) => {}
                Err(error) => {
                    let _ = self.process.kill(); // it may have ended by itself
                    panic!("{part:?} is not said: {error}\n{}", self.errors());
                }
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("it runs");
    }

    /// Its status and what it has complained of.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let errors = self.errors();
        (self.process.wait().expect("it is ours"), errors)
    }

    fn errors(&mut self) -> String {
        let errors = self.errors.take().expect("it is asked for once");
        errors.join().expect("no panic")
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended by itself
        let _ = self.process.wait();
    }
}

const LIMIT: Duration = Duration::from_secs(120);
