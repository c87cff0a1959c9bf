//! The steps of the protocol, by name, so that a test can end a process at each.
//!
//! An event is taken in under a lock: after it, nothing of it is seen from outside yet. An action
//! has been carried out when others could see that: a message has left, user code has run.

use super::action::Action;
use super::control::Control;
use super::event::Event;

/// A place in the protocol where a process may be ended.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Failpoint {
    pub(crate) moment: Moment,
    pub(crate) step: Step,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Moment {
    Before,
    After,
}

impl Moment {
    pub(crate) fn of(self, step: Step) -> Failpoint {
        Failpoint { moment: self, step }
    }
}

impl Failpoint {
    /// Every one.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let moments = |&step| [Moment::Before.of(step), Moment::After.of(step)];
        Step::ALL.iter().flat_map(moments)
    }

    /// `before-` or `after-` and the name of the step.
    pub(crate) fn name(self) -> String {
        let moment = match self.moment {
            Moment::Before => "before",
            Moment::After => "after",
        };
        format!("{moment}-{}", self.step.name())
    }

    /// The one of this name, if there is one.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|failpoint| failpoint.name() == name)
    }
}

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident = $name:literal,)*) => {
        /// A step of the protocol.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub(crate) enum Step {
            $($(#[$doc])* $step,)*
        }

        impl Step {
            /// Every one.
            pub(crate) const ALL: &[Self] = &[$(Self::$step),*];

            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$step => $name,)*
                }
            }
        }
    };
}

steps! {
    /// Putting a message's bytes on their way, after `Refs::send`.
    Transmit = "transmit",
    TakeCloned = "take-cloned",
    TakeDropped = "take-dropped",
    TakeUnsent = "take-unsent",
    TakeArrived = "take-arrived",
    TakeRegister = "take-register",
    TakeRegistered = "take-registered",
    TakeGone = "take-gone",
    TakeAcknowledge = "take-acknowledge",
    TakeRelease = "take-release",
    TakeSettled = "take-settled",
    TakeFenced = "take-fenced",
    TakeDied = "take-died",
    TakeDrained = "take-drained",
    SendRegister = "send-register",
    SendRegistered = "send-registered",
    SendGone = "send-gone",
    SendAcknowledge = "send-acknowledge",
    SendRelease = "send-release",
    SendSettled = "send-settled",
    SendFenced = "send-fenced",
    Deliver = "deliver",
    Free = "free",
    Lost = "lost",
    Drain = "drain",
    Reject = "reject",
    End = "end",
}

impl Event {
    /// What taking this event in is called.
    pub(crate) fn step(&self) -> Step {
        match self {
            Self::Cloned(_) => Step::TakeCloned,
            Self::Dropped(_) => Step::TakeDropped,
            Self::Unsent { .. } => Step::TakeUnsent,
            Self::Arrived { .. } => Step::TakeArrived,
            Self::Died(_) => Step::TakeDied,
            Self::Drained(_) => Step::TakeDrained,
            Self::Control { control, .. } => match control {
                Control::Register(_) => Step::TakeRegister,
                Control::Registered(_) => Step::TakeRegistered,
                Control::Gone(_) => Step::TakeGone,
                Control::Acknowledge(_) => Step::TakeAcknowledge,
                Control::Release { .. } => Step::TakeRelease,
                Control::Settled(_) => Step::TakeSettled,
                Control::Fenced => Step::TakeFenced,
            },
        }
    }
}

impl<P> Action<P> {
    /// What carrying this action out is called.
    pub(crate) fn step(&self) -> Step {
        match self {
            Self::Deliver { .. } => Step::Deliver,
            Self::Free { .. } => Step::Free,
            Self::Lost(_) => Step::Lost,
            Self::Drain(_) => Step::Drain,
            Self::Reject { .. } => Step::Reject,
            Self::End => Step::End,
            Self::Send { control, .. } => match control {
                Control::Register(_) => Step::SendRegister,
                Control::Registered(_) => Step::SendRegistered,
                Control::Gone(_) => Step::SendGone,
                Control::Acknowledge(_) => Step::SendAcknowledge,
                Control::Release { .. } => Step::SendRelease,
                Control::Settled(_) => Step::SendSettled,
                Control::Fenced => Step::SendFenced,
            },
        }
    }
}
