//! The processes of a rack: started, waited for, signalled, and none left.
//!
//! **Invariant:** a process that has ended is kept as it is until all is over, so that its number,
//! which is also that of its group, stands for nothing else when a signal is sent.

use std::io;
use std::process::{Child, Command};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid,
};

use crate::guard::Guard;
use crate::policy::End;

pub(crate) struct Rack {
    guard: Guard,
    nodes: Vec<Child>,
    has_ended: Vec<bool>,
}

impl Rack {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            guard: Guard::start(None)?,
            nodes: Vec::new(),
            has_ended: Vec::new(),
        })
    }

    /// By which nodes make themselves known to the guard.
    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Starts the next node, which is the leader of a group of its own.
    ///
    /// Only the thread that lives as long as this process may start nodes: they die with it.
    pub(crate) fn start(&mut self, command: &mut Command) -> io::Result<&mut Child> {
        self.nodes.push(command.spawn()?);
        self.has_ended.push(false);
        Ok(self.nodes.last_mut().expect("it was pushed"))
    }

    pub(crate) fn handle_end(&mut self, node: u32) {
        self.has_ended[node as usize] = true;
    }

    /// Sends a signal to all nodes that have not ended, and to what they have started.
    pub(crate) fn signal(&self, signal: Signal) {
        for (child, has_ended) in self.nodes.iter().zip(&self.has_ended) {
            if !has_ended {
                // It may just have ended.
                let _ = kill_process_group(Pid::from_child(child), signal);
            }
        }
    }

    /// Ends all that is left, also of nodes that have ended, and takes leave of them.
    pub(crate) fn clear(&mut self) {
        for child in &self.nodes {
            // Most have left nothing behind.
            let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
        }
        for child in &mut self.nodes {
            let _ = child.wait();
        }
        self.guard.dismiss();
    }
}

/// Waits until a process has ended, and leaves it as it is.
pub(crate) fn wait(process: Pid) -> io::Result<End> {
    loop {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(process), options) {
            Ok(Some(status)) => return Ok(end_of(&status)),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn end_of(status: &WaitIdStatus) -> End {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => End::Status(status as u8), // the system keeps eight bits
        (None, Some(signal)) => End::Signal(signal),
        (None, None) => End::Status(u8::MAX),
    }
}
