//! The threads that look after the other hosts: each asks one again and again how it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Daemon;
use super::roster::Learned;
use crate::control::connection::dial;
use crate::control::message::{Card, Reply, Request};

/// There is such a host: it is watched from now on, unless it is already.
pub(crate) fn meet(daemon: &Arc<Daemon>, name: &str, address: SocketAddr) -> Learned {
    let learned = daemon.roster().handle_host(name, address);
    if learned == Learned::New {
        let (daemon, name) = (daemon.clone(), name.to_owned());
        let started = thread::Builder::new().spawn(move || watch(&daemon, &name));
        started.expect("a thread can be started");
    }
    learned
}

/// Asks a daemon of which only the address is known, and meets it and all that it knows.
pub(crate) fn join(daemon: &Arc<Daemon>, address: SocketAddr) -> Result<Card, String> {
    let mut met = Err("it is no daemon".to_owned());
    let cause = ask(daemon, address, |reply| {
        met = match reply {
            Reply::Status(status) => {
                meet(daemon, &status.card.name, status.card.address);
                for card in &status.known {
                    meet(daemon, &card.name, card.address);
                }
                Ok(status.card)
            }
            Reply::Refused(refusal) => Err(refusal.to_string()),
            _ => Err("it is no daemon".to_owned()),
        };
        false
    });
    match cause {
        Some(cause) => Err(cause),
        None => met,
    }
}

fn watch(daemon: &Arc<Daemon>, name: &str) {
    loop {
        let Some(address) = daemon.roster().address_of(name) else {
            return;
        };
        let cause = ask(daemon, address, |reply| {
            let Reply::Status(status) = reply else {
                return false;
            };
            if status.card.name != name {
                return false;
            }
            daemon.roster().handle_facts(&status.card, status.facts);
            for card in &status.known {
                meet(daemon, &card.name, card.address);
            }
            true
        });
        let cause = cause.unwrap_or_else(|| "another daemon is there".to_owned());
        if daemon.roster().handle_loss(name, cause.clone()) {
            daemon.log(&format!("host {name} is lost: {cause}"));
        }
        thread::sleep(daemon.settings.interval().min(RETRY_TIME_MAX));
    }
}

/// Asks for the status for as long as `hear` wants more; why not any more, if it did.
fn ask(
    daemon: &Daemon,
    address: SocketAddr,
    mut hear: impl FnMut(Reply) -> bool,
) -> Option<String> {
    let silence = daemon.settings.silence;
    let (sender, mut receiver) = match dial(address, &daemon.key, silence) {
        Ok(halves) => halves,
        Err(error) => return Some(error.to_string()),
    };
    if let Err(error) = receiver.set_silence_max(Some(silence)) {
        return Some(error.to_string());
    }
    loop {
        if let Err(error) = sender.send(&Request::Status(daemon.card.clone())) {
            return Some(error.to_string());
        }
        match receiver.receive() {
            Ok(reply) => {
                if !hear(reply) {
                    return None;
                }
            }
            Err(error) => return Some(error.to_string()),
        }
        thread::sleep(daemon.settings.interval());
    }
}

const RETRY_TIME_MAX: Duration = Duration::from_secs(2);
