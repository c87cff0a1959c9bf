//! What the nodes and the test say to each other, in lines.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::Duration;

/// A worker of the rack whose tasks call.
pub(crate) type Caller = usize;
/// A call, among those of one caller to one owner.
pub(crate) type Number = usize;

/// What the test asks a node for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Count,
    Stop,
}

/// What a node says.
#[derive(Debug)]
pub(crate) enum Report {
    /// It was told that this node is lost; itself, if it was cut off.
    Lost(usize),
    /// By node that is called: each caller here has got at least so many values.
    Count(BTreeMap<usize, usize>),
    /// What a caller here was told of its calls to a node.
    Told((Caller, usize), Told),
    /// What was done here for a caller.
    Effects(Caller, Effects),
    End,
}

/// What one caller was told of its calls to one node.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) outcomes: Vec<Outcome>,
    /// How long the longest took, or was waited for together with others.
    pub(crate) longest: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Value,
    WrongValue,
    Unknown,
    NotExecuted,
}

/// The calls of one caller that a node has run, in that order.
#[derive(Default)]
pub(crate) struct Effects(pub(crate) Vec<Number>);

impl Told {
    pub(crate) fn add(&mut self, outcomes: &[Outcome], took: Duration) {
        self.outcomes.extend_from_slice(outcomes);
        self.longest = self.longest.max(took);
    }

    pub(crate) fn values(&self) -> usize {
        let is_value = |outcome: &&Outcome| **outcome == Outcome::Value;
        self.outcomes.iter().filter(is_value).count()
    }
}

impl Effects {
    pub(crate) fn add(&mut self, call: Number) {
        self.0.push(call);
    }
}

impl Ask {
    pub(crate) fn of(line: &str) -> Self {
        match line {
            "count" => Self::Count,
            "stop" => Self::Stop,
            other => panic!("asked for {other:?}"),
        }
    }
}

impl Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "count",
            Self::Stop => "stop",
        })
    }
}

impl Report {
    /// `None` of what is not said by a scene.
    pub(crate) fn of(line: &str) -> Option<Self> {
        // What runs tests may have begun the line.
        let (_, line) = line.split_once(MARK)?;
        let mut words = line.split(' ');
        let kind = words.next();
        let mut number = || -> usize {
            let word = words.next().expect("one more word");
            word.parse().expect("a number")
        };
        Some(match kind? {
            "lost" => Self::Lost(number()),
            "count" => Self::Count(
                words
                    .map(|word| {
                        let (node, count) = word.split_once(':').expect("a pair");
                        (
                            node.parse().expect("a node"),
                            count.parse().expect("a number"),
                        )
                    })
                    .collect(),
            ),
            "told" => {
                let (at, longest) = ((number(), number()), number());
                let outcomes = words.next().unwrap_or_default().chars().map(Outcome::of);
                let told = Told {
                    outcomes: outcomes.collect(),
                    longest: Duration::from_millis(longest as u64),
                };
                Self::Told(at, told)
            }
            "effects" => {
                let caller = number();
                let calls = words.map(|word| word.parse().expect("a number"));
                Self::Effects(caller, Effects(calls.collect()))
            }
            "end" => Self::End,
            other => panic!("said {other:?}"),
        })
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)?;
        match self {
            Self::Lost(node) => write!(f, "lost {node}"),
            Self::Count(values) => {
                f.write_str("count")?;
                (values.iter()).try_for_each(|(node, count)| write!(f, " {node}:{count}"))
            }
            Self::Told((caller, owner), told) => {
                let outcomes: String = told
                    .outcomes
                    .iter()
                    .map(|outcome| outcome.letter())
                    .collect();
                let longest = told.longest.as_millis();
                write!(f, "told {caller} {owner} {longest} {outcomes}")
            }
            Self::Effects(caller, effects) => {
                write!(f, "effects {caller}")?;
                effects.0.iter().try_for_each(|call| write!(f, " {call}"))
            }
            Self::End => f.write_str("end"),
        }
    }
}

impl Outcome {
    fn letter(self) -> char {
        match self {
            Self::Value => 'v',
            Self::WrongValue => 'w',
            Self::Unknown => 'u',
            Self::NotExecuted => 'n',
        }
    }

    fn of(letter: char) -> Self {
        match letter {
            'v' => Self::Value,
            'w' => Self::WrongValue,
            'u' => Self::Unknown,
            'n' => Self::NotExecuted,
            other => panic!("no outcome: {other:?}"),
        }
    }
}

/// Outcomes are many, and mostly alike.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for alike in self.outcomes.chunk_by(|one, next| one == next) {
            write!(f, "{} {:?}, ", alike.len(), alike[0])?;
        }
        write!(f, "each within {:?}", self.longest)
    }
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = &self.0[self.0.len().saturating_sub(8)..];
        write!(f, "{} calls, the last of them {last:?}", self.0.len())
    }
}

/// What each line of a scene begins with.
const MARK: &str = "scene: ";
