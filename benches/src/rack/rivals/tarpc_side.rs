//! The crate `tarpc`, over its own transport with bincode.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::LengthDelimitedCodec;
use tarpc::{client, context, serde_transport};
use tokio::net::{TcpListener, TcpStream};

use super::Ask;

#[tarpc::service]
trait Counter {
    async fn add(amount: u64) -> u64;
}

#[derive(Clone)]
struct Shared(Arc<AtomicU64>);

impl Counter for Shared {
    async fn add(self, _: context::Context, amount: u64) -> u64 {
        // Relaxed: a counter alone.
        self.0.fetch_add(amount, Ordering::Relaxed)
    }
}

/// Serves one connection until it ends.
pub(super) async fn serve(listener: TcpListener) {
    let (stream, _) = listener.accept().await.expect("the client comes");
    stream.set_nodelay(true).expect("it is open");
    let framed = LengthDelimitedCodec::builder().new_framed(stream);
    let channel = BaseChannel::with_defaults(serde_transport::new(framed, Bincode::default()));
    let requests = channel.execute(Shared(Arc::default()).serve());
    requests
        .for_each(|request| async {
            tokio::spawn(request);
        })
        .await;
}

pub(super) async fn connect(peer: SocketAddr) -> impl Ask {
    let stream = TcpStream::connect(peer).await.expect("it listens");
    stream.set_nodelay(true).expect("it is open");
    let framed = LengthDelimitedCodec::builder().new_framed(stream);
    let transport = serde_transport::new(framed, Bincode::default());
    CounterClient::new(client::Config::default(), transport).spawn()
}

impl Ask for CounterClient {
    async fn add(&self, amount: u64) -> u64 {
        let answered = CounterClient::add(self, context::current(), amount).await;
        answered.expect("the counter answers")
    }
}
