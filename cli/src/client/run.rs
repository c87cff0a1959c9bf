//! `gossamer run` on the hosts of a rack: from the options to the exit status.

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;
use signal_hook::iterator::Signals;

use super::executable::{Executable, facts_of};
use super::printing::Printing;
use super::{ARGUMENT_BYTES_MAX, ClientError, Connection, Contact, say};
use crate::control::connection::{CHUNK_BYTES_MAX, Sender, end_of};
use crate::control::message::{
    Bytes, Chunk, FromProgram, Placed, Program, Reply, Request, ToProgram,
};
use crate::daemon::plan::place_on;
use crate::daemon::refusal::Refusal;
use crate::launch::{self, LaunchError};
use crate::options::Run;
use crate::output::{Printer, Stream};
use crate::{program, signals};

pub(crate) fn run(run: &Run) -> Result<u8, ClientError> {
    let (name, _) = run.program.split_first().expect("a program is required");
    let grace = launch::grace()?;
    let found = program::find(name).map_err(LaunchError::from)?;
    let contact = Contact::new(
        &run.rack,
        "; or start nodes on this host alone with -n NODES",
    )?;
    let environment = environment(run);
    let words = run.program.iter().map(|word| word.as_bytes().len());
    let variables = environment.iter();
    let variables = variables.map(|(name, value)| name.len() + value.0.len());
    let bytes = words
        .chain(variables)
        .map(|bytes| bytes + ENCODING_BYTES)
        .sum();
    if bytes > ARGUMENT_BYTES_MAX {
        return Err(ClientError::Arguments { bytes });
    }
    let executable = Executable::open(&found)?;
    let program = Program {
        executable: executable.hash,
        arguments: run
            .program
            .iter()
            .map(|word| Bytes(word.as_bytes().to_vec()))
            .collect(),
        folder: Bytes(std::env::current_dir()?.as_os_str().as_bytes().to_vec()),
        environment,
        hosts: run.hosts.clone(),
        threads: run.threads,
        fabric: run.fabric,
        on_node_loss: run.on_node_loss,
        grace_millis: grace.as_millis() as u64,
        is_attached: !run.detach,
    };
    let (connection, id, nodes) = start(&contact, &executable, &program)?;
    match run.detach {
        true => detach(connection, &id),
        false => attend(&contact, connection, &id, &nodes),
    }
}

fn environment(run: &Run) -> Vec<(String, Bytes)> {
    let variable = |(name, value): &(String, String)| (name.clone(), Bytes(value.clone().into()));
    run.environment.iter().map(variable).collect()
}

/// Sends the executable where it is missing, and asks for the program.
fn start(
    contact: &Contact,
    executable: &Executable,
    program: &Program,
) -> Result<(Connection, String, Vec<Placed>), ClientError> {
    let mut tries = 0;
    loop {
        let hosts = contact.hosts()?;
        let nodes = place_on(&hosts, program)?;
        for node in &nodes {
            if let Some(facts) = facts_of(&hosts, node) {
                executable.check(&node.host, facts)?;
            }
        }
        executable.send(contact, &nodes)?;
        let mut connection = contact.connect()?;
        match connection.ask(&Request::Run(program.clone())) {
            Ok(Reply::Placed { program, nodes }) => return Ok((connection, program, nodes)),
            Ok(_) => return Err(connection.unexpected()),
            // Others may have come between, or the rack has changed.
            Err(ClientError::Refused(Refusal::NoExecutable { .. })) if tries < TRIES_MAX => {
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn detach(mut connection: Connection, id: &str) -> Result<u8, ClientError> {
    match connection.receiver.receive() {
        Ok(FromProgram::Started) => {
            say(id)?;
            Ok(0)
        }
        Ok(FromProgram::Refused(refusal)) => Err(refusal.into()),
        Ok(_) => Err(connection.unexpected()),
        Err(error) => Err(connection.lost(error)),
    }
}

/// Until the program ends, which it does with this process.
fn attend(
    contact: &Contact,
    connection: Connection,
    id: &str,
    nodes: &[Placed],
) -> Result<u8, ClientError> {
    let mut streams = contact.connect()?;
    let attach = Request::Attach {
        program: id.to_owned(),
        node: None,
    };
    match streams.ask(&attach)? {
        Reply::Done => {}
        _ => return Err(streams.unexpected()),
    }
    streams.receiver.set_silence_max(None)?;
    let Connection {
        sender: to_node_0,
        receiver: mut said,
        ..
    } = streams;
    let nodes = nodes.to_vec();
    let is_unread = Arc::new(AtomicBool::new(false));
    let unread = is_unread.clone();
    let printing = thread::Builder::new().spawn(move || {
        let printer = Printer::default();
        let mut printing = Printing::new(&printer, &nodes);
        let mut print = || {
            while let Ok(chunk) = said.receive() {
                printing.print(&chunk)?;
            }
            printing.finish()
        };
        let printed: io::Result<()> = print();
        // Release: it is only to be seen soon.
        unread.store(printed.is_err(), Ordering::Release);
    })?;
    let Connection {
        address,
        sender,
        mut receiver,
    } = connection;
    let sender = Arc::new(sender);
    forward_signals(&sender)?;
    // If it is not sent, nothing comes either, which says why.
    let _ = sender.send(&ToProgram::Go);
    keep_pinging(&sender)?;
    let mut to_node_0 = Some(to_node_0);
    let outcome = loop {
        match receiver.receive() {
            // Acquire: as above. Nobody reads what this process says: the program ends with it.
            Ok(FromProgram::Pong) if is_unread.load(Ordering::Acquire) => break Ok(STATUS_UNREAD),
            Ok(FromProgram::Pong) => {}
            Ok(FromProgram::Started) => {
                if let Some(to_node_0) = to_node_0.take() {
                    thread::Builder::new().spawn(move || feed(&to_node_0))?;
                }
            }
            Ok(FromProgram::Note(note)) => eprintln!("gossamer: {note}"),
            Ok(FromProgram::Refused(refusal)) => break Err(refusal.into()),
            Ok(FromProgram::Ended { status }) => break Ok(status),
            Err(source) => break Err(ClientError::Lost { address, source }),
        }
    };
    // All that was said before the end.
    if outcome.is_ok() {
        let _ = printing.join(); // if it is not read, nobody is there to be told
    }
    outcome
}

/// Until there is nothing more to read, or node 0 does not read any more.
fn feed(to_node_0: &Sender) {
    let mut buffer = vec![0; CHUNK_BYTES_MAX];
    let mut input = io::stdin().lock();
    loop {
        // Whoever reads a terminal in its background is stopped.
        while is_in_background(&input) {
            thread::sleep(LOOK_INTERVAL);
        }
        let read = match input.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        let chunk = Chunk {
            node: 0,
            stream: Stream::Input,
            bytes: Bytes(buffer[..read].to_vec()),
        };
        if read == 0 {
            let _ = to_node_0.send(&end_of(0, Stream::Input)); // it has ended
            return;
        }
        if to_node_0.send(&chunk).is_err() {
            return;
        }
    }
}

fn is_in_background(input: &io::StdinLock<'_>) -> bool {
    // An error says that it is no terminal, or not the one of this session.
    tcgetpgrp(input).is_ok_and(|group| group != getpgrp())
}

fn forward_signals(to: &Arc<Sender>) -> io::Result<()> {
    let mut signals = Signals::new(signals::forwarded())?;
    let to = to.clone();
    thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            let _ = to.send(&ToProgram::Signal(signal)); // the program has ended
        }
    })?;
    Ok(())
}

/// So that the daemon knows that this process lives, and this one that the daemon does.
fn keep_pinging(to: &Arc<Sender>) -> io::Result<()> {
    let to = to.clone();
    thread::Builder::new().spawn(move || {
        while to.send(&ToProgram::Ping).is_ok() {
            thread::sleep(PING_INTERVAL);
        }
    })?;
    Ok(())
}

const TRIES_MAX: u32 = 3;

/// Less than the least silence that a daemon takes for an end.
const PING_INTERVAL: Duration = Duration::from_millis(100);

/// How often it is looked whether the terminal is this process's by now.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What the encoding adds to a word, at most.
const ENCODING_BYTES: usize = 16;

/// As shells have it for what ends by `SIGPIPE`.
const STATUS_UNREAD: u8 = 141;
