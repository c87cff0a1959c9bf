//! What a phase has come to, as lines.

use std::time::Duration;

use crate::drive::Tally;

pub(crate) fn print(name: &str, tally: &Tally, took: Duration) {
    let count: u64 = tally
        .latencies
        .values()
        .map(|latency| latency.count())
        .sum();
    let rate = count as f64 / took.as_secs_f64();
    print!("{name:>5}: {count} operations in {took:.2?}, {rate:.0}/s");
    match tally.failed {
        0 => println!(),
        failed => println!(", {failed} failed"),
    }
    for (operation, latency) in &tally.latencies {
        let [half, most, nearly_all] = [0.5, 0.99, 0.999].map(|share| latency.quantile(share));
        let (name, count) = (operation.name(), latency.count());
        println!(
            "       {name:<18} {count:>9}   p50 {half:>9.1?}   p99 {most:>9.1?}   p99.9 \
             {nearly_all:>9.1?}"
        );
    }
}
