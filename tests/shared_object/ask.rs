//! What is linked into the test, and into the library as well.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use gossamer::rack::{self, CallError, Identity, NotExecuted};
use gossamer::{Builder, Runtime};

/// What a call to another node came to.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Value,
    /// It was refused as code of a shared object, by its name, and has not run.
    SharedObject,
    Other,
}

/// Calls the second node of a rack from the first, both in this process.
pub(crate) fn ask() -> Answer {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let rendezvous = free.expect("an address").to_string();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| start(1, &rendezvous));
        let first = start(0, &rendezvous);
        let second = second.join().expect("no panic");
        let answer = first.block_on(call());
        scope.spawn(move || {
            second.serve();
            drop(second);
        });
        drop(first);
        answer
    })
}

async fn call() -> Answer {
    let there = rack::trustees()[1];
    let called = rack::try_entrust_on(there, build, ()).await;
    match called {
        Ok(_) if HAS_RUN.load(Ordering::SeqCst) => Answer::Value,
        Err(CallError::NotExecuted(NotExecuted::SharedObject { closure }))
            if closure.ends_with("ask::build") && !HAS_RUN.load(Ordering::SeqCst) =>
        {
            Answer::SharedObject
        }
        other => {
            eprintln!("{other:?}");
            Answer::Other
        }
    }
}

fn build((): ()) -> u64 {
    HAS_RUN.store(true, Ordering::SeqCst);
    17
}

fn start(node: u32, rendezvous: &str) -> Runtime {
    let variable = |name: &str| {
        Some(match name {
            "GOSSAMER_NODE" => node.to_string(),
            "GOSSAMER_NODES" => "2".to_owned(),
            "GOSSAMER_RENDEZVOUS" => rendezvous.to_owned(),
            "GOSSAMER_KEY" => "50".repeat(32),
            "GOSSAMER_ON_NODE_LOSS" => "survive".to_owned(),
            _ => return None,
        })
    };
    let identity = Identity::from_variables(variable).expect("all is set");
    let builder = Builder::new().workers(1).rack(identity);
    builder.build().expect("both come")
}

static HAS_RUN: AtomicBool = AtomicBool::new(false);
