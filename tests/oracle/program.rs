//! Programs: what random operations the actors carry out, and how it ends.

use std::fmt;

use gossamer::Idle;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::flight::Call;
use crate::log::{ACTORS, OUTSIDER, WORKERS};

#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) steps: Vec<Step>,
    /// Before which step the shutdown begins, if that is not for the end.
    pub(crate) shutdown_at: Option<usize>,
    pub(crate) farewell: Farewell,
    /// The budget of the tasks: a small one is soon used up.
    pub(crate) budget: u32,
    /// What the workers do in a race when there is nothing to do.
    pub(crate) idle: Idle,
}

/// One operation of one actor, after which one of the workers may make some turns.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) actor: usize,
    pub(crate) op: Op,
    pub(crate) turns: Option<(usize, u32)>,
}

/// What the actors let go of first in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    Flights,
    Trusts,
    /// Nothing: the runtime shuts down under all that they have.
    Abrupt,
}

/// An operation; a `Pick` counts back from what the actor got last.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Nothing,
    Entrust {
        trustee: usize,
        explodes: bool,
        posts_at_end: bool,
    },
    Clone {
        trust: Pick,
    },
    DropTrust {
        trust: Pick,
    },
    ForgetTrust {
        trust: Pick,
    },
    MoveTrust {
        trust: Pick,
        to: usize,
    },
    Delegate {
        trust: Pick,
        call: Call,
        shape: Shape,
        work: Work,
        polls: bool,
    },
    Poll {
        flight: Pick,
        is_fresh: bool,
    },
    Await {
        flight: Pick,
    },
    DropFlight {
        flight: Pick,
    },
    ForgetFlight {
        flight: Pick,
    },
    MoveFlight {
        flight: Pick,
        to: usize,
        then: OnArrival,
    },
    Then {
        trust: Pick,
        shape: Shape,
        work: Work,
        follow: Follow,
    },
    Post {
        trust: Pick,
        shape: Shape,
        work: Work,
    },
    Burst {
        trust: Pick,
        count: u32,
        is_mixed: bool,
        drops: bool,
    },
    Downgrade {
        trust: Pick,
    },
    Upgrade {
        weak: Pick,
    },
    DropWeak {
        weak: Pick,
    },
    IntoInner {
        trust: Pick,
        polls: bool,
    },
    PollTaking {
        taking: Pick,
    },
    DropTaking {
        taking: Pick,
    },
}

pub(crate) type Pick = u8;

/// What the closure of a request does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    Nothing,
    Throw {
        explodes: bool,
    },
    CaptureExplodes,
    ResultExplodes,
    Post {
        trust: Pick,
    },
    Poll {
        trust: Pick,
        keeps: bool,
    },
    Keep {
        trust: Pick,
    },
    Take,
    Clear,
    Return {
        trust: Pick,
    },
    Drop {
        trust: Pick,
    },
    /// Gives the closure the very trust that it is issued by, cloned for the issue.
    DropOwn,
    Entrust {
        trustee: usize,
    },
}

/// How large captures and result are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// The result fits into the room that an entry of the client's table has.
    Small,
    /// The result needs a block of its own.
    Wide,
    /// Both are too large for a slot.
    Boxed,
    /// The result carries a trust.
    Carrier,
}

/// What happens to a delegation where it was moved to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OnArrival {
    Poll,
    Drop,
    Stay,
}

/// What follows an `apply_then`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Follow {
    Nothing,
    Panic,
    Post { trust: Pick },
    Poll { trust: Pick },
}

impl Program {
    /// Lets the outsider post more than a worker takes in a few turns, just before the shutdown.
    fn flood(&mut self, count: u32) {
        let op = Op::Burst {
            trust: 0,
            count,
            is_mixed: false,
            drops: false,
        };
        let at = self.shutdown_at.unwrap_or(self.steps.len());
        self.steps.insert(
            at,
            Step {
                actor: OUTSIDER,
                op,
                turns: None,
            },
        );
        self.shutdown_at = self.shutdown_at.map(|at| at + 1);
    }

    /// Whether its actors let go of everything before the shutdown begins.
    pub(crate) fn may_fall_quiet(&self) -> bool {
        self.farewell != Farewell::Abrupt && self.shutdown_at.is_none()
    }
}

/// Random programs.
pub(crate) fn programs() -> impl Strategy<Value = Program> {
    let farewell = prop_oneof![
        4 => Just(Farewell::Flights),
        4 => Just(Farewell::Trusts),
        2 => Just(Farewell::Abrupt),
    ];
    let budget = prop_oneof![Just(128_u32), Just(3), Just(0)];
    let idle = prop_oneof![Just(Idle::Adaptive), Just(Idle::Park)];
    let steps = vec(step(), STEPS_MIN..=STEPS_MAX);
    let shutdown_at = option::weighted(0.2, 0..STEPS_MAX);
    let program = (steps, shutdown_at, farewell, budget, idle).prop_map(
        |(steps, shutdown_at, farewell, budget, idle)| {
            let shutdown_at = shutdown_at.filter(|at| *at < steps.len());
            Program {
                steps,
                shutdown_at,
                farewell,
                budget,
                idle,
            }
        },
    );
    (program, option::weighted(0.1, 800..1500_u32)).prop_map(|(mut program, flood)| {
        if let Some(count) = flood {
            program.flood(count);
        }
        program
    })
}

fn step() -> impl Strategy<Value = Step> {
    let turns = option::weighted(0.4, (0..WORKERS, 1..5_u32));
    (0..ACTORS, op(), turns).prop_map(|(actor, op, turns)| Step { actor, op, turns })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => Just(Op::Nothing),
        18 => trusts(),
        44 => flights(),
        16 => eager(),
        16 => rest(),
    ]
}

fn trusts() -> impl Strategy<Value = Op> {
    let entrust = (0..WORKERS, weighted(0.1), weighted(0.2));
    prop_oneof![
        4 => entrust.prop_map(|(trustee, explodes, posts_at_end)| {
            Op::Entrust { trustee, explodes, posts_at_end }
        }),
        5 => pick().prop_map(|trust| Op::Clone { trust }),
        7 => pick().prop_map(|trust| Op::DropTrust { trust }),
        1 => pick().prop_map(|trust| Op::ForgetTrust { trust }),
        4 => (pick(), 0..ACTORS).prop_map(|(trust, to)| Op::MoveTrust { trust, to }),
    ]
}

fn flights() -> impl Strategy<Value = Op> {
    let call = prop_oneof![Just(Call::Borrowed), Just(Call::Owned), Just(Call::Tried)];
    let delegate = (pick(), call, shape(), work(), weighted(0.8));
    let then = prop_oneof![
        Just(OnArrival::Poll),
        Just(OnArrival::Drop),
        Just(OnArrival::Stay)
    ];
    prop_oneof![
        24 => delegate.prop_map(|(trust, call, shape, work, polls)| {
            Op::Delegate { trust, call, shape, work, polls }
        }),
        8 => (pick(), any::<bool>()).prop_map(|(flight, is_fresh)| Op::Poll { flight, is_fresh }),
        5 => pick().prop_map(|flight| Op::Await { flight }),
        8 => pick().prop_map(|flight| Op::DropFlight { flight }),
        2 => pick().prop_map(|flight| Op::ForgetFlight { flight }),
        9 => (pick(), 0..ACTORS, then).prop_map(|(flight, to, then)| {
            Op::MoveFlight { flight, to, then }
        }),
    ]
}

fn eager() -> impl Strategy<Value = Op> {
    let follow = prop_oneof![
        5 => Just(Follow::Nothing),
        1 => Just(Follow::Panic),
        1 => pick().prop_map(|trust| Follow::Post { trust }),
        1 => pick().prop_map(|trust| Follow::Poll { trust }),
    ];
    prop_oneof![
        5 => (pick(), shape(), work(), follow).prop_map(|(trust, shape, work, follow)| {
            Op::Then { trust, shape, work, follow }
        }),
        8 => (pick(), shape(), work()).prop_map(|(trust, shape, work)| {
            Op::Post { trust, shape, work }
        }),
        2 => (pick(), 30..300_u32, weighted(0.7), weighted(0.3)).prop_map(
            |(trust, count, is_mixed, drops)| Op::Burst { trust, count, is_mixed, drops }
        ),
    ]
}

fn rest() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => pick().prop_map(|trust| Op::Downgrade { trust }),
        5 => any::<Pick>().prop_map(|weak| Op::Upgrade { weak }),
        1 => pick().prop_map(|weak| Op::DropWeak { weak }),
        4 => (pick(), weighted(0.7)).prop_map(|(trust, polls)| Op::IntoInner { trust, polls }),
        6 => pick().prop_map(|taking| Op::PollTaking { taking }),
        1 => pick().prop_map(|taking| Op::DropTaking { taking }),
    ]
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        12 => Just(Work::Nothing),
        2 => weighted(0.3).prop_map(|explodes| Work::Throw { explodes }),
        1 => Just(Work::CaptureExplodes),
        2 => Just(Work::ResultExplodes),
        2 => pick().prop_map(|trust| Work::Post { trust }),
        3 => (pick(), weighted(0.6)).prop_map(|(trust, keeps)| Work::Poll { trust, keeps }),
        2 => pick().prop_map(|trust| Work::Keep { trust }),
        1 => Just(Work::Take),
        1 => Just(Work::Clear),
        2 => pick().prop_map(|trust| Work::Return { trust }),
        2 => pick().prop_map(|trust| Work::Drop { trust }),
        2 => Just(Work::DropOwn),
        1 => (0..WORKERS).prop_map(|trustee| Work::Entrust { trustee }),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        4 => Just(Shape::Small),
        1 => Just(Shape::Wide),
        1 => Just(Shape::Boxed),
        2 => Just(Shape::Carrier),
    ]
}

/// Mostly what came last, so that operations meet.
fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![5 => Just(0), 2 => 1..4_u8, 1 => any::<u8>()]
}

fn weighted(probability: f64) -> impl Strategy<Value = bool> {
    proptest::bool::weighted(probability)
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            steps,
            shutdown_at,
            farewell,
            budget,
            idle,
        } = self;
        writeln!(f, "budget {budget}, idle {idle:?}, farewell {farewell:?}")?;
        for (index, step) in steps.iter().enumerate() {
            if *shutdown_at == Some(index) {
                writeln!(f, "     shutdown begins")?;
            }
            let Step { actor, op, turns } = step;
            if !matches!(op, Op::Nothing) {
                let actor = if *actor == OUTSIDER {
                    "outside".into()
                } else {
                    format!("on {actor}")
                };
                writeln!(f, "{index:4} {actor}: {op:?}")?;
            }
            if let Some((worker, turns)) = turns {
                writeln!(f, "     {turns} turns of {worker}")?;
            }
        }
        Ok(())
    }
}

const STEPS_MIN: usize = 50;
const STEPS_MAX: usize = 80;
