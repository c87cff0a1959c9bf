//! What the processes of a rack have done, in memory that they share: what a killed one has done
//! is still known.
//!
//! # Unsafe
//!
//! | what | who may touch it | in which state |
//! |---|---|---|
//! | the words of a `Tally` | any process that has mapped its file, atomically | from the mapping to the drop of its `Mapped` |
//! | the mapping itself | its `Mapped` alone | until that is dropped |

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::process::{Pid, Signal, getpid, kill_process};

/// What all processes of one rack have done; it begins as zeros.
#[repr(C)]
pub(crate) struct Tally {
    /// How many steps all have taken together.
    steps: AtomicU64,
    kills: [Kill; 2],
    /// By node, its process.
    pids: [AtomicU32; NODES_MAX],
    /// By node, how many properties it has built.
    built: [AtomicU32; NODES_MAX],
    properties: [[Property; PROPERTIES_MAX]; NODES_MAX],
    calls: [[Call; CALLS_MAX]; TASKS_MAX],
}

/// Whoever takes this step kills that node.
#[repr(C)]
struct Kill {
    at: AtomicU64,
    node: AtomicU32,
}

#[repr(C)]
struct Property {
    drops: AtomicU32,
    /// Calls that found it dropped.
    wild: AtomicU32,
}

#[repr(C)]
struct Call {
    /// A bit for each node that has to do with it: who calls, who is called, and the owners of
    /// what it carries.
    nodes: AtomicU32,
    outcome: AtomicU32,
    /// How often it has run.
    effects: AtomicU32,
}

/// A call, by its task and its number there.
pub(crate) type CallId = (usize, usize);

/// How a call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Outcome {
    /// Not yet, or nobody is left who would know.
    #[expect(dead_code, reason = "it is what is there in the beginning")]
    None,
    Value,
    NotExecuted,
    Unknown,
    /// Nobody has waited for it.
    Unawaited,
}

impl Tally {
    /// Has the process that takes this step of all kill a node.
    pub(crate) fn plan_kill(&self, which: usize, node: usize, at: u64) {
        self.kills[which].node.store(node as u32, SeqCst);
        self.kills[which].at.store(at, SeqCst);
    }

    /// This process is that node.
    pub(crate) fn enter(&self, node: usize) {
        self.pids[node].store(getpid().as_raw_pid() as u32, SeqCst);
    }

    /// A step of any process, at which another may be killed, wherever that is then.
    pub(crate) fn step(&self) {
        self.kill_at(self.steps.fetch_add(1, SeqCst) + 1);
    }

    /// What node 0 does when all is done, before the rack ends.
    pub(crate) fn last_step(&self) {
        self.kill_at(LAST_STEP);
    }

    fn kill_at(&self, step: u64) {
        for kill in self
            .kills
            .iter()
            .filter(|kill| kill.at.load(SeqCst) == step)
        {
            let pid = &self.pids[kill.node.load(SeqCst) as usize];
            let pid = Pid::from_raw(pid.load(SeqCst) as i32).expect("all have entered");
            // It may have ended.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// A property is built on a node; returns its number there.
    pub(crate) fn build(&self, node: usize) -> usize {
        let number = self.built[node].fetch_add(1, SeqCst) as usize;
        assert!(number < PROPERTIES_MAX, "more properties than are counted");
        number
    }

    pub(crate) fn drop_property(&self, node: usize, number: usize) {
        self.properties[node][number].drops.fetch_add(1, SeqCst);
    }

    /// A call has found a property.
    pub(crate) fn touch(&self, node: usize, number: usize) {
        let property = &self.properties[node][number];
        if property.drops.load(SeqCst) > 0 {
            property.wild.fetch_add(1, SeqCst);
        }
    }

    /// How many properties of a node have not been dropped.
    pub(crate) fn undropped(&self, node: usize) -> usize {
        let of_node = self.properties_of(node);
        of_node
            .filter(|property| property.drops.load(SeqCst) == 0)
            .count()
    }

    /// A call is about to be issued.
    pub(crate) fn begin(&self, (task, number): CallId, nodes: impl IntoIterator<Item = usize>) {
        let nodes = nodes.into_iter().fold(0, |set, node| set | 1 << node);
        self.calls[task][number].nodes.store(nodes, SeqCst);
    }

    /// A call runs.
    pub(crate) fn run(&self, (task, number): CallId) {
        self.calls[task][number].effects.fetch_add(1, SeqCst);
    }

    pub(crate) fn end(&self, (task, number): CallId, outcome: Outcome) {
        self.calls[task][number]
            .outcome
            .store(outcome as u32, SeqCst);
    }

    /// What must not be, when all have ended and these nodes were killed before that.
    pub(crate) fn faults(&self, killed: &[usize]) -> Vec<String> {
        let mut faults = Vec::new();
        for node in 0..NODES_MAX {
            for (number, property) in self.properties_of(node).enumerate() {
                let drops = property.drops.load(SeqCst);
                let wild = property.wild.load(SeqCst);
                let is_leaked = drops == 0 && !killed.contains(&node);
                if drops > 1 || wild > 0 || is_leaked {
                    faults.push(format!(
                        "property {number} of node {node}: {drops} drops, {wild} calls after that"
                    ));
                }
            }
        }
        let killed = killed.iter().fold(0, |set, node| set | 1 << node);
        for (task, calls) in self.calls.iter().enumerate() {
            for (number, call) in calls.iter().enumerate() {
                faults.extend(
                    call.fault(killed)
                        .map(|fault| format!("call {task}.{number} {fault}")),
                );
            }
        }
        faults
    }

    fn properties_of(&self, node: usize) -> impl Iterator<Item = &Property> {
        let built = self.built[node].load(SeqCst) as usize;
        self.properties[node].iter().take(built)
    }
}

impl Call {
    fn fault(&self, killed: u32) -> Option<String> {
        let nodes = self.nodes.load(SeqCst);
        let effects = self.effects.load(SeqCst);
        let outcome = self.outcome.load(SeqCst);
        let is = |other: Outcome| outcome == other as u32;
        let is_sound = match nodes {
            0 => effects == 0,
            // All live, so all is known.
            nodes if nodes & killed == 0 => {
                effects == 1 && (is(Outcome::Value) || is(Outcome::Unawaited))
            }
            _ if is(Outcome::Value) => effects == 1,
            _ if is(Outcome::NotExecuted) => effects == 0,
            _ => effects <= 1,
        };
        let fault = || format!("among nodes {nodes:#b}: outcome {outcome}, but {effects} effects");
        (!is_sound).then(fault)
    }
}

/// A tally in the memory of this process.
pub(crate) struct Mapped {
    tally: NonNull<Tally>,
    file: File,
}

// SAFETY: what it leads to are atomics; the mapping is of this value alone (the rows of the table).
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// A new one, which ends with the last process that has it.
    pub(crate) fn new() -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, SeqCst);
        let name = format!("gossamer-tally-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        // From here on it is nowhere but in the processes that have it open.
        std::fs::remove_file(&path)?;
        file.set_len(size_of::<Tally>() as u64)?;
        Self::map(file)
    }

    /// Where other processes find it while this one lives.
    pub(crate) fn path(&self) -> String {
        let (pid, descriptor) = (std::process::id(), self.file.as_raw_fd());
        format!("/proc/{pid}/fd/{descriptor}")
    }

    fn open(path: &Path) -> io::Result<Self> {
        Self::map(File::options().read(true).write(true).open(path)?)
    }

    fn map(file: File) -> io::Result<Self> {
        let (reads_and_writes, shared) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: the system finds a free place, so nothing that is mapped is touched.
        let place = unsafe {
            mmap(
                ptr::null_mut(),
                size_of::<Tally>(),
                reads_and_writes,
                shared,
                &file,
                0,
            )?
        };
        let tally = NonNull::new(place.cast()).expect("nothing is mapped at 0");
        Ok(Self { tally, file })
    }
}

impl Deref for Mapped {
    type Target = Tally;

    fn deref(&self) -> &Tally {
        // SAFETY: it is mapped as long as this value lives, in the length that the file has had
        // from its first mapping on; any words are atomics (the rows of the table).
        unsafe { self.tally.as_ref() }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let place = self.tally.as_ptr().cast();
        // SAFETY: the second row of the table: no reference into it outlives this value.
        let unmapped = unsafe { munmap(place, size_of::<Tally>()) };
        unmapped.expect("it is mapped");
    }
}

/// That of this process, which is a node.
pub(crate) fn tally() -> &'static Tally {
    static TALLY: OnceLock<Mapped> = OnceLock::new();
    TALLY.get_or_init(|| {
        let path = std::env::var_os(VARIABLE).expect("it is told where it is");
        Mapped::open(Path::new(&path)).expect("the test that has it open lives")
    })
}

/// Tells a node where its tally is.
pub(crate) const VARIABLE: &str = "TALLY_OF_A_RACK";
/// More than there ever are.
pub(crate) const LAST_STEP: u64 = u64::MAX;
pub(crate) const NODES_MAX: usize = 4;
pub(crate) const TASKS_MAX: usize = 16;
pub(crate) const CALLS_MAX: usize = 512;
const PROPERTIES_MAX: usize = 4096;
