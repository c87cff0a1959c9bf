//! Question: what does a cache cost that is shared over sockets, next to memcached, and next to
//! the same server with its items behind locks?
//!
//! Each server is a process with two threads; a third process, this one, asks it over loopback, on
//! the same cores. Where those are few, how much is answered in a second says as much of the one
//! that asks; what counts is the server's own processor time for a request. Times to answer are
//! those of pipelines that fall due at random: at half the rate that the server itself can keep, and
//! at half the rate that the slowest of them can, which is the same for all. A stall of the machine
//! of some milliseconds is all of the last hundredth of the second in which it comes: so rounds are
//! short and many, and the median one has none.

mod load;
mod server;
mod traffic;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;

use self::load::Load;
use self::server::Server;
use self::traffic::{KEY_BYTES, Traffic};
use crate::harness::Options;
use crate::harness::bench::{Bench, Effort};
use crate::harness::picks::Skew;
use crate::harness::sweep::{Kind, Metric, Sweep};

/// Measures, prints, and writes the files that are asked for.
pub fn run(options: &Options) {
    let settings = format!(
        "keys of {KEY_BYTES} bytes over loopback, servers of two threads; nothing is pinned"
    );
    let mut bench = Bench::start("kv", &settings, options);
    let contenders: Vec<_> = CONTENDERS
        .into_iter()
        .filter(|(_, name, server)| match Server::check(*server) {
            Ok(()) => true,
            Err(error) => {
                println!("{name}: skipped: {error}");
                false
            }
        })
        .collect();
    println!();
    if contenders.is_empty() {
        return;
    }
    let effort = if options.quick {
        Effort {
            rounds: 3,
            millis: 60,
        }
    } else {
        Effort {
            rounds: 15,
            millis: 300,
        }
    };
    for sweep in sweeps(options.quick) {
        sweep.run(&contenders, &mut bench, effort);
    }
}

/// One of the things that differ between its points.
struct Question {
    title: String,
    x: &'static str,
    points: Vec<(String, Traffic)>,
}

fn sweeps(is_quick: bool) -> Vec<Question> {
    let keys = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let keys = if is_quick { &keys[..4] } else { &keys[..] };
    let mut questions = Vec::new();
    for (skew, how) in [
        (Skew::Uniform, "picked alike"),
        (Skew::Zipf, "by Zipf's law"),
    ] {
        questions.push(Question::new(
            format!("keys {how}; 5 % writes, values of 16 bytes, pipelines of 8"),
            "keys",
            keys.iter()
                .map(|&keys| (keys, Traffic::new(keys, skew, 5, 16, 8))),
        ));
        let shares = [1, 5, 10, 50];
        questions.push(Question::new(
            format!("writes, in %, to 100,000 keys {how}; values of 16 bytes, pipelines of 8"),
            "writes",
            shares.map(|share| (share, Traffic::new(100_000, skew, share, 16, 8))),
        ));
    }
    for (value_bytes, skew, how) in [
        (16, Skew::Zipf, "by Zipf's law"),
        (16, Skew::Uniform, "picked alike"),
        (100, Skew::Uniform, "picked alike"),
    ] {
        let pipelines = [1, 8, 48];
        questions.push(Question::new(
            format!("pipelines; values of {value_bytes} bytes, 100,000 keys {how}, 5 % writes"),
            "requests in a pipeline",
            pipelines.map(|pipeline| {
                let traffic = Traffic::new(100_000, skew, 5, value_bytes, pipeline);
                (pipeline, traffic)
            }),
        ));
    }
    questions
}

impl Question {
    fn new(
        title: String,
        x: &'static str,
        points: impl IntoIterator<Item = (usize, Traffic)>,
    ) -> Self {
        let points = points.into_iter();
        Self {
            title,
            x,
            points: points
                .map(|(point, traffic)| (point.to_string(), traffic))
                .collect(),
        }
    }

    fn run(&self, contenders: &[(Kind, &str, server::Kind)], bench: &mut Bench, effort: Effort) {
        let names = self.points.iter().map(|(name, _)| name);
        // By point, what each contender has last kept.
        let rates = RefCell::new(vec![HashMap::new(); self.points.len()]);
        let mut sweep = Sweep::new(&self.title, self.x, names, &METRICS);
        for &(kind, name, server) in contenders {
            // One for each point, which sleeps while others are measured.
            let servers = RefCell::new(HashMap::new());
            let rates = &rates;
            sweep.add(kind, name, move |point, millis| {
                let traffic = &self.points[point].1;
                traffic.prepare();
                let mut servers = servers.borrow_mut();
                let server = servers.entry(point).or_insert_with(|| {
                    Server::with_keys(server, traffic).expect("it has started before")
                });
                let mut keep = |rate: f64| {
                    let rates = &mut rates.borrow_mut()[point];
                    rates.insert(name, rate);
                    rates.values().copied().fold(rate, f64::min)
                };
                let measured = server.awake(|server| measure(server, traffic, millis, &mut keep));
                measured
                    .inspect_err(|error| println!("{name}: {error}"))
                    .ok()
            });
        }
        sweep.run(bench, effort);
    }
}

/// As `METRICS` says; of the rate that the server keeps comes the one that the slowest does.
fn measure(
    server: &Server,
    traffic: &Traffic,
    millis: u64,
    keep: &mut dyn FnMut(f64) -> f64,
) -> io::Result<Vec<f64>> {
    let mut load = Load::connect(server, traffic)?;
    let capacity = load.as_fast_as_possible(millis)?;
    let slowest = keep(capacity.rate);
    let mut values = vec![capacity.server_ns, capacity.rate / 1e3];
    for rate in [capacity.rate, slowest] {
        let quantiles = load.at_rate(rate / 2.0, millis)?.quantiles();
        values.extend(&quantiles[..3]);
    }
    Ok(values)
}

/// What is measured, each by its name, and the first is compared with the others.
const CONTENDERS: [(Kind, &str, server::Kind); 4] = [
    (
        Kind::Ours,
        "delegated",
        server::Kind::Ours {
            backend: "delegated",
        },
    ),
    (Kind::Lock, "mutex", server::Kind::Ours { backend: "mutex" }),
    (
        Kind::Lock,
        "dashmap",
        server::Kind::Ours { backend: "dashmap" },
    ),
    (Kind::Messages, "memcached", server::Kind::Memcached),
];

const METRICS: [Metric; 8] = [
    metric("server's processor time, ns a request", true, true),
    metric("thousand requests a second", false, true),
    metric("at half of that: median, µs", true, false),
    metric("at half of that: 99 % within, µs", true, true),
    metric("at half of that: 99.9 % within, µs", true, false),
    metric("half the slowest's: median, µs", true, false),
    metric("half the slowest's: 99 % within, µs", true, true),
    metric("half the slowest's: 99.9 % within, µs", true, false),
];

const fn metric(name: &'static str, is_cost: bool, is_drawn: bool) -> Metric {
    Metric {
        name,
        is_drawn,
        is_cost,
        is_extreme: false,
    }
}
