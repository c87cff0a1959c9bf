//! Two nodes with a device each and a cable between them, which is pulled, or of which one device is
//! taken away, while all workers call each other: `.ci/vm/guest` does that.

use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gossamer::Builder;
use gossamer::rack::{self, CallError, Identity, NotExecuted, Trust};
use gossamer_transport::rack::rdma::Live;

use super::nodes::on;
use super::processes::{SCENE, end_of, start_as};
use crate::process::is_node;

#[test]
fn pulled_under_load() {
    let _restored = Restored("plug");
    let text = run("pull");
    let told = ["RETRY_EXC_ERR", "LOC_QP_OP_ERR"];
    let is_told = told
        .iter()
        .any(|status| text.contains(&format!("WRITE ended with {status}")));
    assert!(is_told, "{text}");
}

#[test]
fn a_device_is_taken_away_under_load() {
    let _restored = Restored("restore");
    let text = run("remove");
    assert!(text.contains("the RDMA device is gone"), "{text}");
}

/// Runs both nodes, and returns what the first has said, which does this to the cable.
fn run(order: &str) -> String {
    let (_, this) = module_path!().split_once("::").expect("of a crate");
    let nodes = start_as(
        &format!("{this}::node"),
        2,
        order,
        "survive",
        |node, command| {
            command.env("GOSSAMER_RDMA_DEVICE", ["rxe1", "rxe2"][node]);
        },
    );
    let [(first, text), (second, text_of_second)] = nodes
        .into_iter()
        .map(end_of)
        .collect::<Vec<_>>()
        .try_into()
        .expect("two nodes");
    let all = format!("{text}\n--- the other node:\n{text_of_second}");
    assert!(first.success(), "{all}");
    // It has lost the rack, or hears that it is given up.
    assert_eq!(second.code(), Some(69), "{all}");
    println!(
        "{}",
        text.lines()
            .find(|line| line.contains("after"))
            .unwrap_or(&text)
    );
    all
}

/// No test of its own: a node of those above.
#[test]
#[ignore = "started by the tests here"]
fn node() {
    let Ok(order) = std::env::var(SCENE) else {
        return;
    };
    assert!(is_node(), "it is started as one");
    let identity = Identity::from_env().expect("the environment is set");
    let number = identity.node();
    let runtime = Builder::new()
        .workers(2)
        .silence_max(SILENCE_MAX)
        .rack(identity)
        .build()
        .expect("both come");
    if number != 0 {
        runtime.serve();
        return;
    }
    let removal = runtime.block_on(async {
        let counter = rack::entrust_on(on(1), |_: ()| 0_u64, ()).await;
        let callers: Vec<_> = (0..WORKERS * TASKS)
            .map(|task| {
                let counter = counter.clone();
                gossamer::spawn_on(task % WORKERS, move || call(counter))
            })
            .collect();
        while ANSWERED.load(Ordering::SeqCst) < CALLS_BEFORE {
            gossamer::yield_now().await;
        }
        let since = Instant::now();
        let removal = guest(&order);
        for caller in callers {
            caller.await.expect("no panic");
        }
        println!("all calls ended after {:?}", since.elapsed());
        removal
    });
    drop(runtime);
    assert_eq!(Live::now(), Live::default(), "something is left");
    // Which a device that is in use waits for.
    let status = removal.expect("it is there").wait();
    assert!(status.expect("a child").success());
}

/// Calls until one fails, which says how.
async fn call(counter: Trust<u64>) {
    loop {
        match counter.try_apply_with(|n, by| *n += by, 1).await {
            Ok(()) => {
                ANSWERED.fetch_add(1, Ordering::SeqCst);
            }
            Err(CallError::Unknown { node: 1 }) => return,
            Err(CallError::NotExecuted(NotExecuted::NodeLost { node: 1 })) => return,
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn guest(order: &str) -> std::io::Result<Child> {
    Command::new("bash").args(["/orders/guest", order]).spawn()
}

/// What makes the cable whole again.
struct Restored(&'static str);

impl Drop for Restored {
    fn drop(&mut self) {
        let status = guest(self.0).and_then(|mut child| child.wait());
        assert!(status.expect("it is there").success(), "{}", self.0);
    }
}

static ANSWERED: AtomicU64 = AtomicU64::new(0);
const WORKERS: usize = 2;
const TASKS: usize = 16;
const CALLS_BEFORE: u64 = 2000;
/// For so long devices ask again: longer than an emulated one keeps the other waiting.
const SILENCE_MAX: Duration = Duration::from_secs(30);
