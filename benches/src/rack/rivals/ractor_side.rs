//! Remote actors of the crate `ractor`, by `ractor_cluster`, without encryption.

use std::net::SocketAddr;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, pg};
use ractor_cluster::{
    NetworkStream, NodeServer, NodeServerMessage, RactorClusterMessage, client_connect,
};
use tokio::net::TcpListener;

use super::Ask;
use crate::rack::process::word;

#[derive(RactorClusterMessage)]
enum CounterMessage {
    #[rpc]
    Add(u64, RpcReplyPort<u64>),
}

struct Counter;

impl Actor for Counter {
    type Msg = CounterMessage;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        CounterMessage::Add(amount, answer): CounterMessage,
        counter: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        let before = *counter;
        *counter += amount;
        answer.send(before)?;
        Ok(())
    }
}

/// Serves one connection until the process ends.
pub(super) async fn serve(listener: TcpListener) {
    let (counter, _) = Actor::spawn(None, Counter, ()).await.expect("it starts");
    pg::join(GROUP.to_owned(), vec![counter.get_cell()]);
    let node = node("counter").await;
    let (stream, peer_addr) = listener.accept().await.expect("the client comes");
    stream.set_nodelay(true).expect("it is open");
    let local_addr = stream.local_addr().expect("it is open");
    let stream = Box::new(NetworkStream::Raw {
        peer_addr,
        local_addr,
        stream,
    });
    let is_server = true;
    node.cast(NodeServerMessage::ConnectionOpened { stream, is_server })
        .expect("the node runs");
    word().await;
}

pub(super) async fn connect(peer: SocketAddr) -> impl Ask {
    let node = node("client").await;
    client_connect(&node, peer).await.expect("it listens");
    // What the other node has is told by it some time after.
    loop {
        let members = pg::get_members(&GROUP.to_owned());
        if let Some(counter) = members.into_iter().next() {
            return ActorRef::<CounterMessage>::from(counter);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

impl Ask for ActorRef<CounterMessage> {
    async fn add(&self, amount: u64) -> u64 {
        let asked = self.call(|answer| CounterMessage::Add(amount, answer), None);
        asked.await.expect("it runs").expect("it answers")
    }
}

async fn node(name: &str) -> ActorRef<NodeServerMessage> {
    let node = NodeServer::new(
        0,
        "a secret".to_owned(),
        name.to_owned(),
        "localhost".to_owned(),
        None,
        None,
    );
    let spawned = Actor::spawn(None, node, ()).await;
    spawned.expect("it starts").0
}

const GROUP: &str = "counters";
