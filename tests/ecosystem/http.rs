//! hyper, server and client.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_lock::Barrier;
use futures::future::join_all;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use futures::{FutureExt, stream};
use gossamer::Trust;
use gossamer::hyper::{LocalExecutor, Timer};
use gossamer::net::{TcpListener, TcpStream, UnixStream};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::TRANSFER_ENCODING;
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};

use crate::{bytes, pair, run};

/// Answers the requests of one connection.
pub(crate) async fn serve<A, B>(
    io: impl hyper::rt::Read + hyper::rt::Write + Unpin,
    answer: impl Fn(Request<Incoming>) -> A,
) -> hyper::Result<()>
where
    A: Future<Output = Response<B>>,
    B: Body<Error: Error + Send + Sync> + 'static,
{
    let answer = |request| answer(request).map(Ok::<_, Infallible>);
    let connection = server::conn::http1::Builder::new();
    connection.serve_connection(io, service_fn(answer)).await
}

pub(crate) fn text(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::new(Full::new(text.into()))
}

/// Answers each request by how many there have been.
async fn count(stream: TcpStream, visits: Trust<usize>) -> hyper::Result<()> {
    let answer = |_| {
        let visits = visits.clone();
        async move {
            let number = visits.apply(|visits| {
                *visits += 1;
                *visits
            });
            text(number.await.to_string())
        }
    };
    serve(stream, answer).await
}

/// The client's side of a connection.
async fn client<B>(stream: TcpStream) -> SendRequest<B>
where
    B: Body<Data: Send, Error: Error + Send + Sync> + 'static,
{
    let handshake = client::conn::http1::handshake(stream);
    let (requests, connection) = handshake.await.expect("open");
    gossamer::spawn(connection);
    requests
}

/// Asks for a path, and reads the whole answer.
async fn ask(requests: &mut SendRequest<Empty<Bytes>>, path: &str) -> hyper::Result<String> {
    requests.ready().await?;
    let request = Request::get(path).body(Empty::new()).expect("a request");
    let answer = requests.send_request(request).await?.into_body();
    let answer = answer.collect().await?.to_bytes();
    Ok(String::from_utf8(answer.into()).expect("text"))
}

#[test]
fn many_requests_on_one_connection() {
    run(1, || async {
        let (one, other) = pair().await;
        let serving = gossamer::spawn(count(other, gossamer::entrust(0)));
        let mut requests = client(one).await;
        for number in 1..=20 {
            let answer = ask(&mut requests, "/").await.expect("open");
            assert_eq!(answer, number.to_string());
        }
        drop(requests);
        serving.await.expect("no panic").expect("a clean end");
    });
}

#[test]
fn streamed_body_comes_back_as_a_stream() {
    run(2, || async {
        let (one, other) = pair().await;
        gossamer::spawn_on(1, || async {
            let echo = async |request: Request<Incoming>| {
                assert_eq!(request.headers()[TRANSFER_ENCODING], "chunked");
                Response::new(request.into_body())
            };
            serve(other, echo).await
        });
        let sent = bytes(1 << 20);
        let pieces: Vec<_> = sent.chunks(10_007).map(Bytes::copy_from_slice).collect();
        // One after the other, as they come from elsewhere.
        let pieces = stream::unfold(pieces.into_iter(), async |mut pieces| {
            gossamer::yield_now().await;
            let piece = Ok::<_, Infallible>(Frame::data(pieces.next()?));
            Some((piece, pieces))
        });
        let request = Request::post("/").body(StreamBody::new(pieces));
        let answer = client(one).await.send_request(request.expect("a request"));
        let answer = answer.await.expect("open");
        assert_eq!(answer.headers()[TRANSFER_ENCODING], "chunked");
        let received = answer.into_body().collect().await.expect("open");
        assert!(received.to_bytes() == sent);
    });
}

/// Visits a few times, in the middle of which all others are connected, too.
async fn visit(address: SocketAddr, all_connected: Arc<Barrier>) -> Vec<usize> {
    let stream = TcpStream::connect(address).await.expect("taken");
    let mut requests = client(stream).await;
    let mut numbers = Vec::new();
    for visit in 0..VISITS {
        let answer = ask(&mut requests, "/").await.expect("open");
        numbers.push(answer.parse().expect("a number"));
        if visit == 0 {
            all_connected.wait().await;
        }
    }
    numbers
}

#[test]
fn hundred_connections_over_two_workers() {
    run(2, || async {
        let visits = gossamer::entrust(0);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let counted = visits.clone();
        gossamer::spawn(async move {
            for taken in 0..CLIENTS {
                let (stream, _) = listener.accept().await.expect("a connection");
                let visits = counted.clone();
                gossamer::spawn_on(taken % 2, || count(stream, visits));
            }
        });
        let all_connected = Arc::new(Barrier::new(CLIENTS));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let all_connected = all_connected.clone();
                gossamer::spawn_on(client % 2, move || visit(address, all_connected))
            })
            .collect();
        let mut numbers = Vec::new();
        for client in clients {
            numbers.extend(client.await.expect("no panic"));
        }
        // Each once: no visit was lost, and none counted together with another.
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(1..=CLIENTS * VISITS));
        assert_eq!(visits.apply(|visits| *visits).await, CLIENTS * VISITS);
    });
}

/// Reads a request without a body, says so much, and closes.
async fn say_and_close(mut stream: TcpStream, words: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.expect("a whole head");
        head.extend(byte);
    }
    stream.write_all(words.as_bytes()).await.expect("open");
}

#[test]
fn server_that_closes_instead_of_answering() {
    run(1, || async {
        let (one, other) = pair().await;
        let mut requests = client(one).await;
        let (answer, ()) = futures::join!(ask(&mut requests, "/"), say_and_close(other, ""));
        let error = answer.expect_err("no answer");
        assert!(error.is_incomplete_message(), "{error:?}");
    });
}

#[test]
fn server_that_closes_in_the_middle_of_its_answer() {
    run(1, || async {
        let (one, other) = pair().await;
        let mut requests = client(one).await;
        let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
        let (answer, ()) = futures::join!(ask(&mut requests, "/"), say_and_close(other, half));
        let error = answer.expect_err("half an answer");
        let cause = error
            .source()
            .and_then(<dyn Error>::downcast_ref::<io::Error>);
        let kind = cause.map(io::Error::kind);
        assert_eq!(kind, Some(ErrorKind::UnexpectedEof), "{error:?}");
    });
}

#[test]
fn panic_of_a_service_ends_its_connection_only() {
    run(1, || async {
        let answer = async |request: Request<Incoming>| match request.uri().path() {
            "/panic" => resume_unwind(Box::new("in a service")),
            _ => text("well"),
        };
        let ((one, other), (third, fourth)) = futures::join!(pair(), pair());
        let serving = gossamer::spawn(serve(other, answer));
        gossamer::spawn(serve(fourth, answer));
        let (mut unlucky, mut lucky) = futures::join!(client(one), client(third));
        for requests in [&mut unlucky, &mut lucky] {
            assert_eq!(ask(requests, "/").await.expect("open"), "well");
        }
        let error = ask(&mut unlucky, "/panic").await.expect_err("a panic");
        assert!(error.is_incomplete_message(), "{error:?}");
        assert!(serving.await.expect_err("a panic").is_panic());
        assert_eq!(ask(&mut lucky, "/").await.expect("open"), "well");
    });
}

#[test]
fn client_that_asks_too_slowly_is_sent_away() {
    run(1, || async {
        let (mut one, other) = pair().await;
        let mut server = server::conn::http1::Builder::new();
        server
            .timer(Timer)
            .header_read_timeout(Duration::from_millis(1));
        let answer = async |_| Ok::<_, Infallible>(text("never"));
        let serving = server.serve_connection(other, service_fn(answer));
        one.write_all(b"GET / HT").await.expect("open");
        let error = serving.await.expect_err("half a request");
        assert!(error.is_timeout(), "{error:?}");
    });
}

#[test]
fn requests_of_http_2_run_beside_each_other() {
    run(1, || async {
        let (one, other) = UnixStream::pair().expect("a pair");
        let barrier = Rc::new(Barrier::new(20)); // not `Send`, as no task need be
        gossamer::spawn(async move {
            let all_asked = |_| {
                let barrier = Rc::clone(&barrier);
                async move {
                    barrier.wait().await;
                    Ok::<_, Infallible>(text("all have asked"))
                }
            };
            let server = server::conn::http2::Builder::new(LocalExecutor);
            server.serve_connection(other, service_fn(all_asked)).await
        });
        let handshake = client::conn::http2::handshake(LocalExecutor, one).await;
        let (requests, connection) = handshake.expect("open");
        gossamer::spawn(connection);
        let answers = join_all((0..20).map(|_| {
            let request = Request::get("/").body(Empty::<Bytes>::new());
            requests.clone().send_request(request.expect("a request"))
        }));
        for answer in answers.await {
            let answer = answer.expect("open").into_body().collect().await;
            assert_eq!(answer.expect("open").to_bytes(), "all have asked");
        }
    });
}

const CLIENTS: usize = 100;
const VISITS: usize = 5;
