//! The sweeps: what changes with the number of objects, the critical section, the payload, the
//! threads and the share of local requests.

use super::contenders::Contender;
use super::load::Load;
use crate::harness::bench::{Bench, Effort};
use crate::harness::machine::Machine;
use crate::harness::meter::Sample;
use crate::harness::picks::Skew;
use crate::harness::section::{Section, turns_per_micro};
use crate::harness::sweep::{Sweep, THROUGHPUT};

pub(crate) fn run(bench: &mut Bench) {
    let machine = bench.machine.clone();
    let (quick, cores) = (bench.options.quick, machine.cores.len());
    let effort = Effort {
        rounds: 5,
        millis: if quick { 10 } else { 60 },
    };
    for skew in [Skew::Uniform, Skew::Zipf] {
        objects(&machine, cores, skew, quick).run(bench, effort);
    }
    critical_section(&machine, cores).run(bench, effort);
    payload(&machine, cores).run(bench, effort);
    threads(&machine, cores).run(bench, effort);
    own_objects(&machine, cores).run(bench, effort);
}

fn objects(machine: &Machine, cores: usize, skew: Skew, quick: bool) -> Sweep<'_> {
    let counts = [1, 8, 64, 1_000, 32_000, 1_000_000];
    let counts = if quick { &counts[..5] } else { &counts[..] };
    let how = match skew {
        Skew::Uniform => "picked alike",
        Skew::Zipf => "picked by Zipf's law (exponent 1)",
    };
    let title = format!("objects, {how}; {cores} threads");
    let loads = counts
        .iter()
        .map(|&count| Load::on_objects(cores, count, skew));
    let sweep = Sweep::new(&title, "objects", counts, &THROUGHPUT).we_lose_because(
        "a thread that seldom meets another finds lock and object in its own cache, while \
         requests still go to the object's core and back.",
    );
    with_contenders(sweep, machine, &Contender::SHARING, loads.collect())
}

fn critical_section(machine: &Machine, cores: usize) -> Sweep<'_> {
    let micro = turns_per_micro();
    let sections = [
        ("nothing", Section::Nothing),
        ("one pause", Section::Pause),
        ("100 ns", Section::Turns(micro / 10)),
        ("1 µs", Section::Turns(micro)),
    ];
    let title = format!("critical section on one object; {cores} threads");
    let loads = sections.map(|(_, section)| Load::plain(cores).with_section(section));
    let sweep = Sweep::new(
        &title,
        "critical section",
        sections.map(|(name, _)| name),
        &THROUGHPUT,
    )
    .we_lose_because(
        "what is shorter than the way of a request is done sooner than sent; and an unfair lock \
         changes threads seldom: see the fairness.",
    );
    let mut contenders = Contender::SHARING.to_vec();
    contenders.insert(3, Contender::Alone);
    with_contenders(sweep, machine, &contenders, loads.to_vec())
}

fn payload(machine: &Machine, cores: usize) -> Sweep<'_> {
    let sizes = ["8 B", "64 B", "256 B", "1 KiB", "4 KiB"];
    let title = format!("payload each way, 64 objects; {cores} threads");
    let load = Load::on_objects(cores, 64, Skew::Uniform);
    let mut sweep = Sweep::new(&title, "payload of request and answer", sizes, &THROUGHPUT)
        .we_lose_because(
            "a lock moves the object's cache lines and nothing else, where a request and its \
             answer are both copied; what does not fit a slot is boxed besides.",
        );
    for contender in Contender::SHARING {
        let load = load.clone();
        let measure = move |point, millis| -> Option<Sample> {
            match point {
                0 => contender.run::<1>(machine, &load, millis),
                1 => contender.run::<8>(machine, &load, millis),
                2 => contender.run::<32>(machine, &load, millis),
                3 => contender.run::<128>(machine, &load, millis),
                _ => contender.run::<512>(machine, &load, millis),
            }
        };
        sweep.add_samples(contender.kind(), contender.name(), measure);
    }
    sweep
}

fn threads(machine: &Machine, cores: usize) -> Sweep<'_> {
    let mut counts: Vec<_> = std::iter::successors(Some(1), |count| Some(2 * count))
        .take_while(|count| *count < cores)
        .collect();
    counts.extend([cores, 2 * cores, 4 * cores]);
    counts.retain(|count| *count <= WORKERS_MAX);
    let title = format!("threads on one object; {cores} cores");
    let loads = counts.iter().map(|&count| Load::plain(count)).collect();
    let sweep = Sweep::new(&title, "threads", &counts, &THROUGHPUT).we_lose_because(
        "a thread alone pays less for a lock than for a local request; and an unfair lock stays \
         with a thread for many operations: see the fairness.",
    );
    with_contenders(sweep, machine, &Contender::SHARING, loads)
}

fn own_objects(machine: &Machine, cores: usize) -> Sweep<'_> {
    let shares = [0, 25, 50, 75, 90, 100];
    let title = format!("one object a thread, so many operations on its own; {cores} threads");
    let loads = shares.map(|percent| Load::own(cores, percent));
    let points = shares.map(|percent| format!("{percent} %"));
    let sweep = Sweep::new(&title, "share of the thread's own", points, &THROUGHPUT)
        .we_lose_because(
            "the fewer threads want an object, the longer its lock stays in one cache; a local \
             request runs in place only while none of the task's worker waits in its own slots.",
        );
    let contenders = [
        Contender::Apply,
        Contender::ApplyThen,
        Contender::Atomics,
        Contender::Std,
        Contender::ParkingLot,
        Contender::TokioActor,
    ];
    with_contenders(sweep, machine, &contenders, loads.to_vec())
}

/// Adds contenders for objects of one word.
fn with_contenders<'a>(
    mut sweep: Sweep<'a>,
    machine: &'a Machine,
    contenders: &[Contender],
    loads: Vec<Load>,
) -> Sweep<'a> {
    for &contender in contenders {
        let loads = loads.clone();
        sweep.add_samples(contender.kind(), contender.name(), move |point, millis| {
            contender.run::<1>(machine, &loads[point], millis)
        });
    }
    sweep
}

/// What a runtime may have.
const WORKERS_MAX: usize = 1024;
