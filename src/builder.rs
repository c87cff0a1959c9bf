//! The builder of a runtime: settings, in code and in the environment.

use std::io;
use std::time::Duration;

use gossamer_executor::{Config, Idle, allowed_cores};

use crate::rack::FabricError;
use crate::rack::join::JoinError;
use crate::rack::settings::{Init, RackSettings};
use crate::rack::start::RackPlan;
use crate::runtime::Runtime;
use crate::settings::{Pinning, Source, list};
use crate::shared::{PanicHook, PanicReport};
use crate::stall::{Stall, StallHook};
use crate::stderr::say;

/// Settings of a [`Runtime`].
///
/// What is not set here is taken from the environment, else from the options of the macro, else
/// from the defaults.
///
/// | setting | environment | default |
/// |---|---|---|
/// | [`workers`](Self::workers) | `GOSSAMER_WORKERS` | the cores that the process may use |
/// | [`pin`](Self::pin), [`pin_to`](Self::pin_to) | `GOSSAMER_PIN`: `true`, `false` or a list like `0,2` | `false` |
/// | [`idle`](Self::idle) | `GOSSAMER_IDLE`: `spin`, `adaptive` or `park` | `adaptive` |
/// | [`dedicated_trustees`](Self::dedicated_trustees) | `GOSSAMER_DEDICATED_TRUSTEES` | 0 |
///
/// ```
/// use gossamer::{Builder, Idle};
///
/// let runtime = Builder::new().workers(2).pin(false).idle(Idle::Park).build()?;
/// assert_eq!(runtime.block_on(async { gossamer::workers() }), 2);
/// # Ok::<(), gossamer::BuildError>(())
/// ```
#[must_use = "settings do nothing until `build`"]
pub struct Builder {
    set: Settings,
    /// Options of the macro, which the environment overrides.
    defaults: Settings,
    budget: Option<u32>,
    stall_after: Option<Duration>,
    stall_hook: StallHook,
    panic_hook: PanicHook,
    pub(crate) rack: RackSettings,
}

/// What the environment can say too.
#[derive(Default)]
struct Settings {
    workers: Option<usize>,
    pinning: Option<Pinning>,
    idle: Option<Idle>,
    dedicated_trustees: Option<usize>,
}

/// Why [`Builder::build`] could not start a runtime.
///
/// ```
/// let error = gossamer::Builder::new().workers(0).build().unwrap_err();
/// assert_eq!(error.to_string(), "workers = 0: must be from 1 to 1024");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An environment variable has a value that cannot be used; set one of those allowed.
    #[error("{variable}={value}: must be {allowed}")]
    Environment {
        /// The name of the variable.
        variable: &'static str,
        /// What it is set to.
        value: String,
        /// What it may be set to.
        allowed: String,
    },
    /// A setting of the builder or of the macro cannot be used; choose one of those allowed.
    #[error("{setting} = {value}: must be {allowed}")]
    Setting {
        /// The name of the method.
        setting: &'static str,
        /// What was given to it.
        value: String,
        /// What may be given to it.
        allowed: String,
    },
    /// Too many workers live in this process; drop a runtime, or ask for fewer.
    #[error("{workers} more workers do not fit into this process")]
    TooManyExecutors {
        /// How many were asked for.
        workers: usize,
    },
    /// The cores that this process may use could not be read.
    #[error("the cores that this process may use could not be read")]
    Cores {
        /// What the system says.
        source: io::Error,
    },
    /// A worker could not be bound to its core.
    #[error("a worker could not be bound to core {core}")]
    Pin {
        /// The core.
        core: usize,
        /// What the system says.
        source: io::Error,
    },
    /// The rack could not be joined: too few nodes came, or what they are does not fit together.
    #[error("the rack could not be joined")]
    Join {
        /// What is wrong.
        #[from]
        source: JoinError,
    },
    /// The other nodes cannot be reached by the fabric that was asked for.
    #[error("the nodes of the rack cannot reach each other as was asked for")]
    Fabric {
        /// What is wrong.
        #[from]
        source: FabricError,
    },
    /// A thread could not be started; ask for fewer workers, or raise the limit.
    #[error("a thread could not be started")]
    Thread {
        /// What the system says.
        source: io::Error,
    },
}

/// Checked settings.
pub(crate) struct Plan {
    pub(crate) workers: usize,
    pub(crate) dedicated_trustees: usize,
    /// Where each worker goes, in turn; `None`: anywhere.
    pub(crate) cores: Option<Vec<usize>>,
    pub(crate) executor: Config,
    pub(crate) stalls: Option<(Duration, StallHook)>,
    pub(crate) panic_hook: PanicHook,
    pub(crate) rack: Option<RackPlan>,
    pub(crate) init: Option<Init>,
}

impl Builder {
    /// The default settings.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().build()?;
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn new() -> Self {
        Self {
            set: Settings::default(),
            defaults: Settings::default(),
            budget: None,
            stall_after: Some(STALL_AFTER),
            stall_hook: Box::new(|stall| {
                let (worker, closure, lasted) = (stall.worker(), stall.closure(), stall.lasted());
                say(format_args!(
                    "gossamer: worker {worker} has been blocked for {lasted:?} by a delegated \
                     closure: {closure}"
                ));
            }),
            // The standard library's own hook has printed it already.
            panic_hook: Box::new(|_| ()),
            rack: RackSettings::default(),
        }
    }

    /// The number of workers, 1 to 1024.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(3).build()?;
    /// assert_eq!(runtime.workers(), 3);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn workers(mut self, workers: usize) -> Self {
        self.set.workers = Some(workers);
        self
    }

    /// Whether each worker is bound to a core of its own, as far as there are enough.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(1).pin(true).build()?;
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn pin(mut self, pin: bool) -> Self {
        self.set.pinning = Some(if pin { Pinning::Allowed } else { Pinning::None });
        self
    }

    /// Binds the workers to these cores, in turn.
    ///
    /// ```
    /// let error = gossamer::Builder::new().workers(1).pin_to([987_654]).build().unwrap_err();
    /// assert!(error.to_string().starts_with("pin_to = 987654: must be"));
    /// ```
    pub fn pin_to(mut self, cores: impl IntoIterator<Item = usize>) -> Self {
        self.set.pinning = Some(Pinning::These(cores.into_iter().collect()));
        self
    }

    /// What a worker with nothing to do does.
    ///
    /// ```
    /// use gossamer::{Builder, Idle};
    /// let runtime = Builder::new().workers(1).idle(Idle::Park).build()?;
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn idle(mut self, idle: Idle) -> Self {
        self.set.idle = Some(idle);
        self
    }

    /// How many of the workers, from the last, own all properties and run no ordinary tasks.
    ///
    /// With 0, every worker does both. At least one worker must be left for tasks.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(2).dedicated_trustees(1).build()?;
    /// assert_eq!(runtime.entrust(1).trustee().worker(), 1);
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn dedicated_trustees(mut self, trustees: usize) -> Self {
        self.set.dedicated_trustees = Some(trustees);
        self
    }

    /// How many operations a task may do in one poll before it lets others run; 128 by default.
    ///
    /// [`unconstrained`](crate::unconstrained) exempts a future.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(1).budget(32).build()?;
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn budget(mut self, operations: u32) -> Self {
        self.budget = Some(operations);
        self
    }

    /// After how long a delegated closure that still runs is reported; `None`: never.
    ///
    /// It is reported after once to twice that time. By default one second; a millisecond is the
    /// least, as the detector wakes that often.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(1).stall_after(None).build()?;
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    pub fn stall_after(mut self, threshold: Option<Duration>) -> Self {
        self.stall_after = threshold;
        self
    }

    /// What is told of a closure that blocks its worker; by default a line on standard error.
    ///
    /// ```
    /// let builder = gossamer::Builder::new().stall_hook(|stall| eprintln!("{stall:?}"));
    /// # drop(builder);
    /// ```
    pub fn stall_hook(mut self, hook: impl Fn(&Stall) + Send + 'static) -> Self {
        self.stall_hook = Box::new(hook);
        self
    }

    /// What is told of a panic that nobody awaits: in `post`, in a `then`, in a drop.
    ///
    /// It runs on the worker. By default nothing is added to what the panic itself printed.
    ///
    /// ```
    /// let builder = gossamer::Builder::new().panic_hook(|report| eprintln!("{report:?}"));
    /// # drop(builder);
    /// ```
    pub fn panic_hook(mut self, hook: impl Fn(&PanicReport<'_>) + Send + Sync + 'static) -> Self {
        self.panic_hook = Box::new(hook);
        self
    }

    /// Starts the runtime.
    ///
    /// ```
    /// let runtime = gossamer::Builder::new().workers(1).build()?;
    /// # Ok::<(), gossamer::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// [`BuildError`] names the setting and what is allowed.
    pub fn build(self) -> Result<Runtime, BuildError> {
        Runtime::start(self.plan(|variable| std::env::var_os(variable))?)
    }

    /// Options of the macro: weaker than the environment.
    #[doc(hidden)]
    pub fn __defaults(mut self, set: impl FnOnce(Self) -> Self) -> Self {
        let given = std::mem::take(&mut self.set);
        let mut this = set(self);
        this.defaults = std::mem::replace(&mut this.set, given);
        this
    }

    fn plan(self, env: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<Plan, BuildError> {
        let Self { set, defaults, .. } = self;
        let allowed = allowed_cores().map_err(|source| BuildError::Cores { source })?;
        let workers = Source::pick(
            set.workers,
            "GOSSAMER_WORKERS",
            &env,
            defaults.workers,
            "workers",
        )
        .require(
            allowed.len(),
            |n| (1..=WORKERS_MAX).contains(n),
            || format!("from 1 to {WORKERS_MAX}"),
        )?;
        let dedicated_trustees = Source::pick(
            set.dedicated_trustees,
            "GOSSAMER_DEDICATED_TRUSTEES",
            &env,
            defaults.dedicated_trustees,
            "dedicated_trustees",
        )
        .require(
            0,
            |n| *n < workers,
            || {
                format!(
                    "from 0 to {}: of {workers} workers one must run tasks",
                    workers - 1
                )
            },
        )?;
        let idle = Source::pick(set.idle, "GOSSAMER_IDLE", &env, defaults.idle, "idle").require(
            Idle::default(),
            |_| true,
            || "spin, adaptive or park".into(),
        )?;
        let pinning = Source::pick(
            set.pinning,
            "GOSSAMER_PIN",
            &env,
            defaults.pinning,
            "pin_to",
        )
        .require(
            Pinning::None,
            |pinning| pinning.is_within(&allowed),
            || {
                format!(
                    "true, false or a list of cores that this process may use: {}",
                    list(&allowed)
                )
            },
        )?;
        let cores = match pinning {
            Pinning::None => None,
            Pinning::Allowed => Some(allowed),
            Pinning::These(cores) => Some(cores),
        };
        let mut executor = Config {
            idle,
            ..Config::default()
        };
        if let Some(budget) = self.budget {
            executor.budget = budget.max(1);
        }
        let stalls = self
            .stall_after
            .map(|threshold| (threshold.max(STALL_AFTER_MIN), self.stall_hook));
        let panic_hook = self.panic_hook;
        let (rack, init) = self.rack.into_plan();
        Ok(Plan {
            workers,
            dedicated_trustees,
            cores,
            executor,
            stalls,
            panic_hook,
            rack,
            init,
        })
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.set.workers)
            .finish_non_exhaustive()
    }
}

/// The most workers of one runtime: links are made per pair, and tables per worker.
const WORKERS_MAX: usize = 1024;

/// When a closure that still runs is reported, unless told otherwise.
const STALL_AFTER: Duration = Duration::from_secs(1);
/// The detector sleeps so long between two looks.
const STALL_AFTER_MIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(builder: Builder, env: &[(&str, &str)]) -> Result<Plan, BuildError> {
        builder.plan(|name| env.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into()))
    }

    fn refusal(env: (&str, &str)) -> String {
        plan(Builder::new(), &[env])
            .err()
            .expect("refused")
            .to_string()
    }

    #[test]
    fn environment_beats_macro_and_builder_beats_environment() {
        let from_macro = || Builder::new().__defaults(|builder| builder.workers(3));
        assert_eq!(plan(from_macro(), &[]).unwrap().workers, 3);
        assert_eq!(
            plan(from_macro(), &[("GOSSAMER_WORKERS", "5")])
                .unwrap()
                .workers,
            5
        );
        let built = from_macro().workers(7);
        assert_eq!(
            plan(built, &[("GOSSAMER_WORKERS", "5")]).unwrap().workers,
            7
        );
    }

    #[test]
    fn bad_values_name_the_variable_and_what_is_allowed() {
        assert_eq!(
            refusal(("GOSSAMER_WORKERS", "0")),
            "GOSSAMER_WORKERS=0: must be from 1 to 1024"
        );
        assert_eq!(
            refusal(("GOSSAMER_WORKERS", "abc")),
            "GOSSAMER_WORKERS=abc: must be from 1 to 1024"
        );
        assert!(refusal(("GOSSAMER_WORKERS", "1025")).contains("from 1 to 1024"));
        assert!(refusal(("GOSSAMER_IDLE", "nap")).contains("spin, adaptive or park"));
        let pin = refusal(("GOSSAMER_PIN", "99999"));
        assert!(pin.starts_with("GOSSAMER_PIN=99999: must be true, false or a list of cores"));
        let dedicated = [
            ("GOSSAMER_WORKERS", "2"),
            ("GOSSAMER_DEDICATED_TRUSTEES", "2"),
        ];
        let error = plan(Builder::new(), &dedicated)
            .err()
            .expect("refused")
            .to_string();
        assert!(error.contains("from 0 to 1"), "{error}");
    }
}
