//! How operations that issue requests become requests.

use crate::actor::Actor;
use crate::answer::Carried;
use crate::flight::{Call, Flight};
use crate::held::Held;
use crate::job::{Act, Job};
use crate::log::OUTSIDER;
use crate::program::{Follow, Pick, Shape, Work};
use crate::request::{Ending, Kind};
use crate::then::{Sequel, Then};

/// A delegation on a trust of the actor.
pub(crate) fn flight(
    actor: &mut Actor,
    trust: Pick,
    call: Call,
    shape: Shape,
    work: Work,
) -> Option<Flight> {
    let held = actor.trust(trust)?.clone();
    let job = job(actor, &held, Kind::Awaited, work)?;
    Some(match shape {
        Shape::Small => Flight::new::<(), ()>(call, held, job),
        Shape::Wide => Flight::new::<Wide, Wide>(call, held, job),
        Shape::Boxed => Flight::new::<Boxed, Boxed>(call, held, job),
        Shape::Carrier => Flight::new::<(), Carried>(call, held, job),
    })
}

/// An `apply_then`, where there is such a thing.
pub(crate) fn then(actor: &mut Actor, trust: Pick, shape: Shape, work: Work, follow: Follow) {
    if actor.index == OUTSIDER {
        return;
    }
    let Some(held) = actor.trust(trust).cloned() else {
        return;
    };
    let Some(sequel) = sequel(actor, follow) else {
        return;
    };
    let Some(job) = job(actor, &held, Kind::Then, work) else {
        return;
    };
    let then = Then::new(job.request(), sequel);
    match shape {
        Shape::Small => then.issue::<(), ()>(&held, job),
        Shape::Wide => then.issue::<Wide, Wide>(&held, job),
        Shape::Boxed => then.issue::<Boxed, Boxed>(&held, job),
        Shape::Carrier => then.issue::<(), Carried>(&held, job),
    }
}

pub(crate) fn post(actor: &mut Actor, trust: Pick, shape: Shape, work: Work) {
    let Some(held) = actor.trust(trust).cloned() else {
        return;
    };
    let Some(job) = job(actor, &held, Kind::Posted, work) else {
        return;
    };
    match shape {
        Shape::Wide => job.post_with::<Wide>(&held),
        Shape::Boxed => job.post_with::<Boxed>(&held),
        Shape::Small | Shape::Carrier => job.post(&held),
    }
}

/// Many requests at once, more than a link has room for; those of a mix are of several sizes, so
/// that a small one may find room where the one before it did not.
pub(crate) fn burst(actor: &mut Actor, trust: Pick, count: u32, is_mixed: bool) {
    let Some(held) = actor.trust(trust).cloned() else {
        return;
    };
    for index in 0..count {
        let place = if is_mixed { index % 16 } else { 0 };
        match place {
            3 | 9 => plain(&held, Kind::Posted).post_with::<Wide>(&held),
            5 if actor.index != OUTSIDER => {
                let job = plain(&held, Kind::Then);
                Then::new(job.request(), Sequel::Nothing).issue::<(), ()>(&held, job);
            }
            11 if index < FLIGHTS_BEFORE => {
                let job = plain(&held, Kind::Awaited);
                actor.keep_flight(Flight::new::<(), Wide>(Call::Owned, held.clone(), job));
            }
            _ => plain(&held, Kind::Posted).post_small(&held),
        }
    }
}

/// What a property posts when it is dropped.
pub(crate) fn testament(actor: &mut Actor) -> Option<(Held, Job)> {
    let held = actor.take_trust(0)?;
    let job = plain(&held, Kind::Posted);
    Some((held, job))
}

fn sequel(actor: &mut Actor, follow: Follow) -> Option<Sequel> {
    Some(match follow {
        Follow::Nothing => Sequel::Nothing,
        Follow::Panic => Sequel::Panic,
        Follow::Post { trust } => {
            let held = actor.take_trust(trust)?;
            let job = plain(&held, Kind::Posted);
            Sequel::Post(held, job)
        }
        Follow::Poll { trust } => {
            let held = actor.take_trust(trust)?;
            let job = plain(&held, Kind::Awaited);
            Sequel::Poll(Flight::new::<(), ()>(Call::Owned, held, job))
        }
    })
}

/// What a closure on the property of `on` does.
fn job(actor: &mut Actor, on: &Held, kind: Kind, work: Work) -> Option<Job> {
    let ending = match work {
        Work::Throw { explodes } => Ending::Throws { explodes },
        Work::CaptureExplodes => Ending::Bangs,
        Work::ResultExplodes => Ending::Returns { explodes: true },
        _ => Ending::Returns { explodes: false },
    };
    // A result that explodes in a closure of the program's own would be no result of it.
    let ending = match ending {
        Ending::Returns { .. } if kind == Kind::Posted => Ending::Returns { explodes: false },
        ending => ending,
    };
    let act = match work {
        Work::Nothing | Work::Throw { .. } | Work::CaptureExplodes | Work::ResultExplodes => {
            Act::Nothing
        }
        Work::Post { trust } => {
            let to = actor.take_trust(trust)?;
            let job = plain(&to, Kind::Posted);
            Act::Post(to, Box::new(job))
        }
        Work::Poll { trust, keeps } => {
            let to = actor.take_trust(trust)?;
            let job = plain(&to, Kind::Awaited);
            let flight = Box::new(Flight::new::<(), ()>(Call::Owned, to, job));
            Act::Poll { flight, keeps }
        }
        Work::Keep { trust } => Act::Keep(actor.take_trust(trust)?),
        Work::Take => Act::Take,
        Work::Clear => Act::Clear,
        Work::Return { trust } => Act::Return(actor.take_trust(trust)?),
        Work::Drop { trust } => Act::Drop(actor.take_trust(trust)?),
        Work::DropOwn => Act::Drop(on.clone()),
        Work::Entrust { trustee } => Act::Entrust(actor.world().trustees[trustee]),
    };
    Some(Job::new(on.property(), kind, ending, act))
}

/// A job that only changes the state.
fn plain(on: &Held, kind: Kind) -> Job {
    Job::new(
        on.property(),
        kind,
        Ending::Returns { explodes: false },
        Act::Nothing,
    )
}

/// In a slot, but larger than the room of an entry.
type Wide = [u64; 40];

/// Larger than a slot.
type Boxed = [u64; 140];

/// So early must a delegation of a burst come, that there are few.
const FLIGHTS_BEFORE: u32 = 64;
