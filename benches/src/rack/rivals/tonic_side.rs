//! The crate `tonic`: a service as its generator would write it, with messages of eight bytes that
//! need no compiler of protocols.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, BufMut};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, client, server};

use super::Ask;
use crate::rack::process::word;

/// Serves until the process ends.
pub(super) async fn serve(listener: tokio::net::TcpListener) {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let gone = word();
    let counter = Counter(Arc::default());
    let served = Server::builder().serve_with_incoming_shutdown(counter, incoming, gone);
    served.await.expect("it serves");
}

pub(super) async fn connect(peer: SocketAddr) -> impl Ask {
    let endpoint = Endpoint::from_shared(format!("http://{peer}")).expect("an address");
    let channel = endpoint.tcp_nodelay(true).connect().await;
    Client(channel.expect("it listens"))
}

#[derive(Clone)]
struct Client(Channel);

impl Ask for Client {
    async fn add(&self, amount: u64) -> u64 {
        let mut client = client::Grpc::new(self.0.clone());
        client.ready().await.expect("it is connected");
        let path = PathAndQuery::from_static(PATH);
        let answered = client.unary(Request::new(amount), path, EightBytes).await;
        let answer: Response<u64> = answered.expect("the counter answers");
        answer.into_inner()
    }
}

#[derive(Clone)]
struct Counter(Arc<AtomicU64>);

impl Service<http::Request<Body>> for Counter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let add = Add(Arc::clone(&self.0));
        Box::pin(async move {
            if request.uri().path() != PATH {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            Ok(server::Grpc::new(EightBytes).unary(add, request).await)
        })
    }
}

struct Add(Arc<AtomicU64>);

impl Service<Request<u64>> for Add {
    type Response = Response<u64>;
    type Error = Status;
    type Future = Ready<Result<Response<u64>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<u64>) -> Self::Future {
        // Relaxed: a counter alone.
        let before = self.0.fetch_add(request.into_inner(), Ordering::Relaxed);
        ready(Ok(Response::new(before)))
    }
}

/// A number as a message.
#[derive(Clone, Copy, Default)]
struct EightBytes;

impl Codec for EightBytes {
    type Encode = u64;
    type Decode = u64;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for EightBytes {
    type Item = u64;
    type Error = Status;

    fn encode(&mut self, item: u64, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_u64_le(item);
        Ok(())
    }
}

impl Decoder for EightBytes {
    type Item = u64;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<u64>, Status> {
        let number = from.try_get_u64_le();
        number
            .map(Some)
            .map_err(|_| Status::internal("a message is too short"))
    }
}

const PATH: &str = "/rack.Counter/Add";
