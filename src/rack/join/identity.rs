//! Which node of which rack this process is, as its environment says.

use std::env::VarError;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use super::choice::{FabricChoice, OnNodeLoss};
use super::key::RunKey;
use super::slurm::Step;

/// Which node of which rack this process is.
///
/// | variable | value | without it |
/// |---|---|---|
/// | `GOSSAMER_NODE` | this node, from 0 | the task of a Slurm step, else a rack of one |
/// | `GOSSAMER_NODES` | how many nodes the rack has, 1 to 1024 | the tasks of a Slurm step, else 1 |
/// | `GOSSAMER_RENDEZVOUS` | `HOST:PORT` where node 0 listens | needed, unless there is one node |
/// | `GOSSAMER_KEY` | the key of this run, 64 hexadecimal digits | needed, unless there is one node |
/// | `GOSSAMER_BIND` | `IP` or `IP:PORT` on which this node listens | the address by which it reaches node 0; node 0: the rendezvous |
/// | `GOSSAMER_START_LIMIT` | within how many seconds all must have joined | 60 |
/// | `GOSSAMER_FABRIC` | `auto`, `shm`, `tcp` or `rdma`, the same on all nodes | `auto` |
/// | `GOSSAMER_RDMA_DEVICE`, `GOSSAMER_RDMA_PORT`, `GOSSAMER_RDMA_GID` | the device, the number of its port, and the index of its address | those that have the address of the node by RoCE v2 |
/// | `GOSSAMER_ON_NODE_LOSS` | `abort` or `survive`, the same on all nodes | `abort` |
///
/// A node that listens on all addresses, as by `GOSSAMER_BIND=0.0.0.0:7412`, is reached by the
/// others at the one from which it comes to node 0: so is a container whose port is forwarded to it
/// under the same number.
///
/// `gossamer run` sets them all, except `GOSSAMER_START_LIMIT`, which it hands on, and
/// `GOSSAMER_BIND`, which it takes away, as its nodes are reached over loopback. Started plainly, a
/// program is a rack of one:
///
/// ```
/// use gossamer::rack::join::Identity;
///
/// let identity = Identity::from_env()?;
/// assert_eq!((identity.node(), identity.nodes()), (0, 1));
/// # Ok::<(), gossamer::rack::join::IdentityError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) node: u32,
    pub(crate) nodes: u32,
    /// How it meets the others; `None` if there are none.
    pub(crate) meeting: Option<Meeting>,
    pub(crate) start_limit: Duration,
    pub(crate) fabric: FabricChoice,
    pub(crate) on_node_loss: OnNodeLoss,
}

/// How a node meets the others.
#[derive(Clone, Debug)]
pub(crate) struct Meeting {
    pub(crate) rendezvous: Rendezvous,
    /// The rendezvous is held for node 0 by who started it, who shares the port.
    pub(crate) is_reserved: bool,
    pub(crate) key: RunKey,
    pub(crate) bind: Option<Bind>,
}

/// Where node 0 listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendezvous {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// On what a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bind {
    pub(crate) ip: IpAddr,
    pub(crate) port: Option<u16>,
}

/// Why the environment does not say which node this process is.
///
/// ```
/// use gossamer::rack::join::IdentityError;
///
/// fn explain(error: &IdentityError) {
///     match error {
///         IdentityError::Value { variable, .. } => eprintln!("set {variable} anew: {error}"),
///         other => eprintln!("{other}"),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A variable has a value that cannot be used; set one of those allowed.
    #[error("{variable}={value}: must be {allowed}")]
    Value {
        /// The name of the variable.
        variable: &'static str,
        /// What it is set to; of a key only its length.
        value: String,
        /// What it may be set to.
        allowed: String,
    },
    /// A variable is missing that others make necessary; set it, or none of them.
    #[error("{variable} is not set, but {because} is: set it to {allowed}")]
    Missing {
        /// The name of the variable.
        variable: &'static str,
        /// A variable that is set.
        because: &'static str,
        /// What it may be set to.
        allowed: String,
    },
    /// A Slurm step of several tasks starts this process, and what Slurm does not know is missing.
    #[error(
        "this is task {node} of {nodes} of a Slurm step, which makes it a node of a rack; still \
         needed: {needed}. Or set GOSSAMER_NODES=1 for a rack of one in each task"
    )]
    Slurm {
        /// The task, which would be the node.
        node: u32,
        /// The tasks of the step.
        nodes: u32,
        /// What to set to what.
        needed: String,
    },
}

impl Identity {
    /// Reads the environment.
    ///
    /// See the example of the [type](Self).
    ///
    /// # Errors
    /// [`IdentityError`] names the variable and what is allowed.
    pub fn from_env() -> Result<Self, IdentityError> {
        Self::read(|variable| std::env::var(variable))
    }

    /// This node, from 0.
    ///
    /// See the example of the [type](Self).
    pub fn node(&self) -> usize {
        self.node as usize
    }

    /// How many nodes the rack has.
    ///
    /// See the example of the [type](Self).
    pub fn nodes(&self) -> usize {
        self.nodes as usize
    }

    pub(crate) fn read(
        env: impl Fn(&str) -> Result<String, VarError>,
    ) -> Result<Self, IdentityError> {
        let env = Environment(env);
        let nodes = env.parse(NODES, is_within(1, NODES_MAX), || {
            format!("from 1 to {NODES_MAX}")
        })?;
        let is_said = nodes == Some(1) || nodes.is_some() && env.is_set(NODE);
        let step = match is_said {
            true => None,
            false => Step::read(&env)?,
        };
        let nodes = nodes.or(step.as_ref().map(|step| step.tasks));
        let node = env.parse(
            NODE,
            |node| *node < nodes.unwrap_or(NODES_MAX),
            || match nodes {
                Some(nodes) => format!("from 0 to {}, as there are {nodes} nodes", nodes - 1),
                None => format!("from 0 to {}", NODES_MAX - 1),
            },
        )?;
        let start_limit = env.parse(START_LIMIT, is_limit, || {
            "a number of seconds from 0.1 to 86400".to_owned()
        })?;
        let alone = Self {
            node: 0,
            nodes: 1,
            meeting: None,
            start_limit: start_limit.map_or(START_LIMIT_DEFAULT, Duration::from_secs_f64),
            fabric: env.choose(FABRIC)?,
            on_node_loss: env.choose(ON_NODE_LOSS)?,
        };
        if nodes == Some(1) {
            return Ok(alone);
        }
        let Some(nodes) = nodes else {
            return match env.first_set(&[NODE, RENDEZVOUS, KEY]) {
                None => Ok(alone),
                Some(because) => Err(IdentityError::Missing {
                    variable: NODES,
                    because,
                    allowed: format!("the number of nodes, from 1 to {NODES_MAX}"),
                }),
            };
        };
        if let Some(step) = &step {
            env.require_beside(step)?;
        }
        let node = match (node, &step) {
            (Some(node), _) => node,
            (None, Some(step)) if step.task < nodes => step.task,
            (None, _) => {
                return Err(IdentityError::Missing {
                    variable: NODE,
                    because: NODES,
                    allowed: format!("this node, from 0 to {}", nodes - 1),
                });
            }
        };
        let needed = |variable, allowed: fn() -> String| IdentityError::Missing {
            variable,
            because: NODES,
            allowed: allowed(),
        };
        let rendezvous = env.parse(RENDEZVOUS, |_| true, rendezvous_allowed)?;
        let key = env.parse(KEY, |_| true, key_allowed)?;
        let meeting = Meeting {
            rendezvous: rendezvous.ok_or_else(|| needed(RENDEZVOUS, rendezvous_allowed))?,
            is_reserved: env
                .parse(RESERVED, |_| true, || "true or false".to_owned())?
                .unwrap_or(false),
            key: key.ok_or_else(|| needed(KEY, key_allowed))?,
            bind: env.parse(
                BIND,
                |_| true,
                || {
                    "IP or IP:PORT on which this node listens, like 10.0.0.7 or [::1]:7411"
                        .to_owned()
                },
            )?,
        };
        Ok(Self {
            node,
            nodes,
            meeting: Some(meeting),
            ..alone
        })
    }
}

/// The variables, wherever they come from.
pub(crate) struct Environment<E>(pub(crate) E);

impl<E: Fn(&str) -> Result<String, VarError>> Environment<E> {
    pub(crate) fn is_set(&self, variable: &str) -> bool {
        !matches!((self.0)(variable), Err(VarError::NotPresent))
    }

    fn first_set(&self, variables: &[&'static str]) -> Option<&'static str> {
        let set = |variable: &&&'static str| self.is_set(variable);
        variables.iter().find(set).copied()
    }

    /// The value of a variable, if it is set.
    pub(crate) fn parse<V: FromStr>(
        &self,
        variable: &'static str,
        is_allowed: impl Fn(&V) -> bool,
        allowed: impl Fn() -> String,
    ) -> Result<Option<V>, IdentityError> {
        let text = match (self.0)(variable) {
            Err(VarError::NotPresent) => return Ok(None),
            Err(VarError::NotUnicode(text)) => text.to_string_lossy().into_owned(),
            Ok(text) => text,
        };
        if let Some(value) = text.trim().parse().ok().filter(is_allowed) {
            return Ok(Some(value));
        }
        Err(IdentityError::Value {
            variable,
            // A key that is nearly right is a secret all the same.
            value: match variable {
                KEY => format!("({} characters)", text.chars().count()),
                _ => text,
            },
            allowed: allowed(),
        })
    }

    fn choose<V: FromStr + Default + Choice>(
        &self,
        variable: &'static str,
    ) -> Result<V, IdentityError> {
        let value = self.parse(variable, |_| true, || V::ALLOWED.to_owned())?;
        Ok(value.unwrap_or_default())
    }

    /// Fails if something is missing that no variable of Slurm says.
    fn require_beside(&self, step: &Step) -> Result<(), IdentityError> {
        let mut needed = Vec::new();
        if !self.is_set(KEY) {
            needed.push(format!(
                "{KEY}, {}, such as `export {KEY}=$(openssl rand -hex 32)` before srun",
                key_allowed()
            ));
        }
        if !self.is_set(RENDEZVOUS) {
            let host = step.first_host.as_deref().unwrap_or("HOST");
            needed.push(format!(
                "{RENDEZVOUS}, where task 0 can be reached by all, such as {host}:7411"
            ));
        }
        if needed.is_empty() {
            return Ok(());
        }
        Err(IdentityError::Slurm {
            node: step.task,
            nodes: step.tasks,
            needed: needed.join("; and "),
        })
    }
}

/// A setting of few words.
pub(crate) trait Choice {
    const ALLOWED: &'static str;
}

pub(crate) fn is_within<V: PartialOrd + Display>(min: V, max: V) -> impl Fn(&V) -> bool {
    move |value| (&min..=&max).contains(&value)
}

fn is_limit(seconds: &f64) -> bool {
    (0.1..=86_400.0).contains(seconds)
}

fn rendezvous_allowed() -> String {
    "HOST:PORT where node 0 listens, like 10.0.0.7:7411 or [::1]:7411".to_owned()
}

fn key_allowed() -> String {
    "64 hexadecimal digits, the same on all nodes and secret".to_owned()
}

impl FromStr for Rendezvous {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        // An address with colons is taken for one only in brackets, as its end looks like a port.
        if bare.is_none() && (host.is_empty() || host.contains(':')) {
            return Err(());
        }
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(())?;
        let host = bare.unwrap_or(host).to_owned();
        Ok(Self { host, port })
    }
}

impl Display for Rendezvous {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Bind {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<IpAddr>() {
            Ok(ip) => Ok(Self { ip, port: None }),
            Err(_) => text.parse().map(|address: SocketAddr| Self {
                ip: address.ip(),
                port: Some(address.port()),
            }),
        }
    }
}

/// The most nodes of a rack: each has a control connection to node 0, and tables are per pair.
pub(crate) const NODES_MAX: u32 = 1024;

const START_LIMIT_DEFAULT: Duration = Duration::from_secs(60);

pub(crate) const NODE: &str = "GOSSAMER_NODE";
pub(crate) const NODES: &str = "GOSSAMER_NODES";
pub(crate) const RENDEZVOUS: &str = "GOSSAMER_RENDEZVOUS";
const RESERVED: &str = "GOSSAMER_RENDEZVOUS_RESERVED";
pub(crate) const KEY: &str = "GOSSAMER_KEY";
pub(crate) const BIND: &str = "GOSSAMER_BIND";
pub(crate) const START_LIMIT: &str = "GOSSAMER_START_LIMIT";
pub(crate) const FABRIC: &str = "GOSSAMER_FABRIC";
pub(crate) const ON_NODE_LOSS: &str = "GOSSAMER_ON_NODE_LOSS";

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
