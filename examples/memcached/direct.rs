//! [`answer`]: what asks one shard alone, answered there in one go and in place.

use std::sync::Arc;

use crate::connection::OUTPUT_MAX;
use crate::request::{CasIds, Piece, Request};
use crate::server::{Server, Table};
use crate::store::{self, Cas, Now, Shard};

/// Has a shard answer pieces in their order, and takes those off, until the answers are to be sent.
/// What goes there comes back.
///
/// There is nothing among them but requests to this shard, and what is known without it.
pub(crate) async fn answer(
    server: &'static Server,
    shard: usize,
    mut pieces: Vec<Piece>,
    input: Arc<Vec<u8>>,
    mut out: Vec<u8>,
) -> (Vec<Piece>, Arc<Vec<u8>>, Vec<u8>) {
    let Table::Delegated(shards) = &server.table else {
        unreachable!("no shard is asked alone where none is delegated to")
    };
    let now = server.clock.now();
    let answered = shards[shard].apply(move |shard| {
        run(shard, server, now, &mut pieces, &input, &mut out);
        (pieces, input, out)
    });
    answered.await
}

fn run(
    shard: &mut Shard,
    server: &Server,
    now: Now,
    pieces: &mut Vec<Piece>,
    input: &[u8],
    out: &mut Vec<u8>,
) {
    let hash = |request: &Request| store::hash(request.key.of(input));
    if pieces.len() >= WARMED_MIN {
        let requests = pieces.iter().filter_map(|piece| match piece {
            Piece::Request(request) => Some(request),
            _ => None,
        });
        shard.warm(requests.map(hash));
    }
    let mut answered = 0;
    while let Some(piece) = pieces.get(answered)
        && out.len() < OUTPUT_MAX
    {
        match piece {
            Piece::Request(request) => {
                let cas = match request.action.cas_ids() {
                    CasIds::One => Cas::Given(server.next_id()),
                    CasIds::None | CasIds::Unknown => Cas::From(&server.ids),
                };
                shard.execute(request, hash(request), input, now, cas, out);
            }
            Piece::Say(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Control(_) | Piece::Close => unreachable!("no shard is asked"),
        }
        answered += 1;
    }
    pieces.drain(..answered);
}

/// From so many pieces on, two of which make a `get`, it pays to ask for their memory ahead.
const WARMED_MIN: usize = 8;
