//! `gossamer daemon`: one for each machine and user; all of them together are the rack.
//!
//! Each asks each other again and again how it is (`watch.rs`), and knows so what the rack has
//! (`roster.rs`). Whoever starts a program asks the daemon of its own host, which becomes the
//! *controller* of that program (`controller.rs`): it asks the hosts for nodes, each on a
//! connection of its own, the *lease* (`lease.rs`, and `agent.rs` at the other end). A node runs
//! for as long as its lease, and a program for as long as its controller.

mod agent;
mod cache;
mod controller;
pub(crate) mod folder;
mod lease;
mod link;
mod lobby;
mod log;
mod machine;
mod node_command;
mod node_streams;
mod placement;
pub(crate) mod plan;
mod programs;
pub(crate) mod rack_file;
pub(crate) mod refusal;
mod refusals;
pub(crate) mod remains;
mod roster;
mod serve;
mod settings;
mod shelf;
mod spawner;
mod watch;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use socket2::{Domain, Socket, Type};

use self::agent::Agent;
use self::cache::Cache;
use self::folder::{Folder, FolderError};
use self::link::Links;
use self::lobby::Proven;
use self::programs::Programs;
use self::refusals::Refusals;
use self::roster::Roster;
use self::settings::{Settings, SettingsError};
use self::spawner::Spawner;
use crate::control::connection::halves;
use crate::control::message::{Card, Facts, HostState};
use crate::guard::Guard;
use crate::key::RackKey;
use crate::options::Daemon as Options;
use crate::{rack, signals};

/// Why there is no daemon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DaemonError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(
        "{address} cannot be listened on: {source}; name an address of this host with --listen"
    )]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("the rack at {address} does not take this host: {cause}")]
    Join { address: SocketAddr, cause: String },
    #[error("{doing}: {source}")]
    System {
        doing: &'static str,
        source: io::Error,
    },
}

/// What all threads of a daemon know.
pub(crate) struct Daemon {
    settings: Settings,
    key: RackKey,
    card: Card,
    folder: Folder,
    cache: Arc<Cache>,
    agent: Agent,
    programs: Programs,
    links: Arc<Links>,
    spawner: Spawner,
    guard: Guard,
    /// What stands in the environment of the nodes of this daemon and none before or after it.
    life: String,
    roster: Mutex<Roster>,
    refusals: Mutex<Refusals>,
    /// How many that have proved themselves are connected.
    connections: AtomicUsize,
}

/// Runs until it is told to end, or cannot go on.
pub(crate) fn run(options: &Options) -> Result<u8, DaemonError> {
    let (settings, key) = Settings::of(options)?;
    let folder = Folder::take()?;
    remains::end(&[mark(&folder)]);
    let cache = Cache::open(folder.cache()?, settings.cache_bytes_max);
    let cache = cache.map_err(system("the cache cannot be opened"))?;
    let listener = listen(settings.address).map_err(|source| DaemonError::Listen {
        address: settings.address,
        source,
    })?;
    let address = listener.local_addr();
    let address = address.map_err(system("the port that is listened on is unknown"))?;
    let card = Card {
        name: settings.name.clone(),
        address,
        incarnation: incarnation().map_err(system("the system gives no random numbers"))?,
    };
    let life = format!("{LIFE}={:016x}", card.incarnation);
    let (spawner, orders) = Spawner::new();
    end_on_signals(&spawner).map_err(system("signals cannot be heard"))?;
    let daemon = Arc::new(Daemon {
        key,
        roster: Mutex::new(Roster::new(card.clone())),
        card,
        cache: Arc::new(cache),
        agent: Agent::default(),
        programs: Programs::default(),
        links: Links::listen().map_err(system("nodes cannot be listened to"))?,
        spawner,
        guard: Guard::start(Some(&life)).map_err(system("the guard cannot be started"))?,
        life,
        refusals: Mutex::default(),
        connections: AtomicUsize::new(0),
        settings,
        folder,
    });
    end_with_guard(&daemon).map_err(system("the guard cannot be watched"))?;
    daemon.programs.set_last(daemon.folder.last_program());
    daemon.open(listener)?;
    let why = spawner::attend(&orders);
    daemon.folder.remove_address();
    daemon.log("ends, and with it its nodes");
    match why {
        // What is left is the guard's to end, as if this process had been killed.
        None => Ok(0),
        Some(source) => Err(DaemonError::System {
            doing: "the daemon cannot go on",
            source,
        }),
    }
}

impl Daemon {
    /// Lets others in, and meets those that it is told of.
    fn open(self: &Arc<Self>, listener: TcpListener) -> Result<(), DaemonError> {
        let daemon = self.clone();
        let attend = move || {
            let let_in = |proven| daemon.let_in(proven);
            let refuse = |source, reason| {
                let told = lock(&daemon.refusals).handle(Instant::now(), source, reason);
                if let Some(told) = told {
                    daemon.log(&told);
                }
            };
            let error = lobby::attend(&listener, &daemon.key, let_in, refuse);
            daemon.spawner.end(Some(error));
        };
        let started = thread::Builder::new().spawn(attend);
        started.map_err(system("no thread can be started"))?;
        for host in &self.settings.hosts {
            watch::meet(self, &host.name, host.address);
        }
        if let Some(address) = self.settings.join {
            let joined = watch::join(self, address);
            joined.map_err(|cause| DaemonError::Join { address, cause })?;
        }
        let written = self.folder.set_address(self.card.address);
        written.map_err(system("the address cannot be written down"))?;
        let Card { name, address, .. } = &self.card;
        let cores = self.settings.cores;
        self.log(&format!("host {name} at {address}, {cores} cores"));
        Ok(())
    }

    fn let_in(self: &Arc<Self>, proven: Proven) {
        let Some(counted) = Counted::new(self) else {
            return; // who knows the key knows what a connection costs
        };
        let started = thread::Builder::new().spawn(move || {
            let Proven {
                stream,
                sealer,
                opener,
            } = proven;
            if let Ok((sender, receiver)) = halves(stream, sealer, opener) {
                serve::serve(&counted.0, sender, receiver);
            }
        });
        if let Err(error) = started {
            self.log(&format!("a connection cannot be served: {error}"));
        }
    }

    /// What this machine has now.
    fn facts(&self) -> Facts {
        let (memory_bytes, memory_free_bytes) = machine::memory_bytes();
        Facts {
            cores: self.settings.cores,
            memory_bytes,
            memory_free_bytes,
            load: machine::load(),
            fabrics: machine::fabrics(),
            architecture: std::env::consts::ARCH.to_owned(),
            nodes: self.agent.count(),
            refused: lock(&self.refusals).total(),
            cache_bytes: self.cache.bytes(),
        }
    }

    /// All hosts, this one first.
    fn hosts(&self) -> Vec<HostState> {
        let mine = self.facts();
        self.roster().states(mine)
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        lock(&self.roster)
    }

    fn guard(&self) -> &Guard {
        &self.guard
    }

    /// A program of this id has begun: a successor begins behind it.
    fn remember(&self, id: &str) {
        if let Some((_, number)) = id.rsplit_once('-')
            && let Err(error) = self.folder.set_last_program(number)
        {
            self.log(&format!(
                "the number of a program cannot be written down: {error}"
            ));
        }
    }

    /// What stands in the environment of all nodes: by the one a daemon that comes after this finds
    /// what it has left, by the other the guard.
    fn marks(&self) -> [String; 2] {
        [mark(&self.folder), self.life.clone()]
    }

    /// For the operator.
    fn log(&self, text: &str) {
        // A terminal may have gone; the daemon does not need it.
        let _ = writeln!(io::stderr(), "gossamer daemon: {text}");
    }
}

/// One of those that are connected, for as long as this.
struct Counted(Arc<Daemon>);

impl Counted {
    /// If there are not too many.
    fn new(daemon: &Arc<Daemon>) -> Option<Self> {
        let counted = Self(daemon.clone());
        // SeqCst: a figure that bounds memory, once a connection.
        let before = daemon.connections.fetch_add(1, Ordering::SeqCst);
        (before < CONNECTIONS_MAX).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst); // as above
    }
}

fn mark(folder: &Folder) -> String {
    format!("{MARK}={}", folder.identity())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A daemon that is started again must not wait for its last connections.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Without a guard, what it starts may be left behind.
fn end_with_guard(daemon: &Arc<Daemon>) -> io::Result<()> {
    let daemon = daemon.clone();
    thread::Builder::new().spawn(move || {
        let why = match rack::wait(daemon.guard.process()) {
            Ok(_) => io::Error::other("its guard has ended; start it again"),
            Err(error) => error,
        };
        daemon.spawner.end(Some(why));
    })?;
    Ok(())
}

fn end_on_signals(spawner: &Spawner) -> io::Result<()> {
    // Programs inherit what is ignored, as under `nohup`, but not what is heard and does nothing.
    for signal in signals::ignored(&[SIGHUP, SIGINT, SIGQUIT, SIGTERM]) {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let spawner = spawner.clone();
    thread::Builder::new().spawn(move || {
        if signals.forever().next().is_some() {
            spawner.end(None);
        }
    })?;
    Ok(())
}

fn incarnation() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn system(doing: &'static str) -> impl FnOnce(io::Error) -> DaemonError {
    move |source| DaemonError::System { doing, source }
}

impl DaemonError {
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Settings(SettingsError::Join { .. }) | Self::Join { .. } => {
                refusal::STATUS_UNREACHABLE
            }
            Self::Settings(_) => 2,
            _ => refusal::STATUS_REFUSED,
        }
    }
}

const BACKLOG: i32 = 1024;

/// How many that know the key may be connected at a time.
const CONNECTIONS_MAX: usize = 2048;

const MARK: &str = "GOSSAMER_DAEMON_FOLDER";
const LIFE: &str = "GOSSAMER_DAEMON_LIFE";
