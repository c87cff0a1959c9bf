//! What works on tokio only, in tasks of ours, by `async-compat`.

use std::time::Duration;

use async_compat::{Compat, CompatExt};
use futures::channel::oneshot;
use futures::executor::block_on;
use gossamer::ApplyError;
use gossamer::net::TcpListener;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use smol_hyper::rt::FuturesIo;

use crate::http::{serve, text};
use crate::{pair, run};

/// Answers by the path that was asked for.
async fn path(request: Request<Incoming>) -> hyper::Response<http_body_util::Full<Bytes>> {
    text(request.uri().path().to_owned())
}

/// Its client looks names up on tokio's threads for what blocks, connects by tokio's sockets, and
/// spawns its connections as tasks of tokio.
#[test]
fn client_of_hyper_util() {
    run(2, || async {
        let listener = TcpListener::bind("localhost:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        gossamer::spawn_on(1, || async move {
            let mut incoming = listener.incoming();
            loop {
                let (stream, _) = incoming.next().await.expect("a listener");
                gossamer::spawn(serve(FuturesIo::new(stream), path));
            }
        });
        let answers = gossamer::trustee(1).entrust(Vec::new());
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        for number in 0..10 {
            let uri = format!("http://localhost:{port}/{number}");
            let uri = uri.parse::<Uri>().expect("an address");
            let asking = async {
                let answer = client.get(uri).await.expect("a server");
                answer.into_body().collect().await.expect("open").to_bytes()
            };
            let answer = asking.compat().await;
            answers.apply(|answers| answers.push(answer)).await;
        }
        let expected: Vec<_> = (0..10).map(|number| format!("/{number}")).collect();
        assert_eq!(answers.apply(std::mem::take).await, expected);
    });
}

#[test]
fn delegation_between_ticks_of_tokio() {
    run(2, || async {
        let counter = gossamer::trustee(1).entrust(0);
        let counting = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(1));
            let mut seen = Vec::new();
            for _ in 0..10 {
                ticks.tick().await;
                let count = counter.apply(|n| {
                    *n += 1;
                    *n
                });
                seen.push(count.await);
            }
            seen
        };
        assert!(counting.compat().await.into_iter().eq(1..=10));
    });
}

#[test]
fn delegation_from_a_task_of_tokio() {
    run(2, || async {
        let counter = gossamer::trustee(1).entrust(0);
        let delegating = counter.clone().apply_owned(|n| *n += 1);
        let spawning = async {
            let task = tokio::spawn(async {
                delegating.await;
                gossamer::try_worker_id()
            });
            task.await.expect("no panic")
        };
        assert_eq!(spawning.compat().await, None);
        assert_eq!(counter.apply(|n| *n).await, 1);
    });
}

#[test]
fn delegation_within_a_timeout_of_tokio() {
    run(2, || async {
        let counter = gossamer::trustee(1).entrust(1);
        let soon = async {
            let limit = Duration::from_secs(600);
            tokio::time::timeout(limit, counter.apply(|n| *n + 1)).await
        };
        assert_eq!(soon.compat().await, Ok(2));
    });
}

/// Issued already, it runs all the same, once.
#[test]
fn delegation_that_a_timeout_of_tokio_gave_up() {
    run(2, || async {
        let counter = gossamer::trustee(1).entrust_latched(0);
        let (release, released) = oneshot::channel::<()>();
        let (holding, held) = oneshot::channel();
        let latched = counter.clone();
        let holder = gossamer::spawn(async move {
            let hold = async move |n: &mut i32| {
                holding.send(()).expect("awaited");
                released.await.expect("released");
                *n += 10;
            };
            latched.launch(hold).await;
        });
        held.await.expect("launched");
        let late = async {
            let limit = Duration::from_millis(1);
            tokio::time::timeout(limit, counter.apply(|n| *n += 1)).await
        };
        assert!(late.compat().await.is_err());
        release.send(()).expect("awaited");
        holder.await.expect("no panic");
        assert_eq!(counter.apply(|n| *n).await, 11);
    });
}

#[test]
fn our_stream_with_the_traits_of_tokio() {
    run(1, || async {
        let (one, other) = pair().await;
        let serving = gossamer::spawn(serve(TokioIo::new(Compat::new(other)), path));
        let io = TokioIo::new(Compat::new(one));
        let handshake = hyper::client::conn::http1::handshake(io);
        let (mut requests, connection) = handshake.await.expect("open");
        gossamer::spawn(connection);
        let request = Request::get("/there").body(Empty::<Bytes>::new());
        let answer = requests.send_request(request.expect("a request")).await;
        let answer = answer.expect("open").into_body().collect().await;
        assert_eq!(answer.expect("open").to_bytes(), "/there");
        drop(requests);
        serving.await.expect("no panic").expect("a clean end");
    });
}

/// Tasks of ours end with their runtime, whatever of tokio they wait for. What was spawned on tokio
/// goes on, and is told that the runtime is gone.
#[test]
fn runtime_ends_while_its_tasks_wait_for_tokio() {
    let builder = gossamer::Builder::new().workers(2).pin(false);
    let runtime = builder.build().expect("a runtime");
    let number = runtime.entrust(1);
    let (end, ended) = oneshot::channel::<()>();
    let (waiting, waits) = oneshot::channel();
    let (held, dropped) = oneshot::channel::<()>();
    runtime.spawn_on(1, || {
        let outliving = async move {
            ended.await.expect("told");
            number.try_apply(|n| *n).await
        };
        let waiter = async move {
            let _held = held;
            let outliving = tokio::spawn(outliving);
            let mut long = std::pin::pin!(tokio::time::sleep(Duration::from_secs(3600)));
            assert!(futures::poll!(&mut long).is_pending());
            waiting.send(outliving).expect("awaited");
            long.await;
        };
        waiter.compat()
    });
    let outliving = block_on(waits).expect("sent");
    drop(runtime);
    assert!(block_on(dropped).is_err(), "gone with its task");
    end.send(()).expect("awaited");
    let outcome = block_on(outliving).expect("no panic");
    assert!(matches!(outcome, Err(ApplyError::Closed)), "{outcome:?}");
}
