//! What this machine has: read from the system, each time anew.

use std::fs;

/// Cores, unless told otherwise: those that this process may use.
pub(crate) fn cores() -> u32 {
    let cores = std::thread::available_parallelism();
    cores.map_or(1, |cores| cores.get().try_into().unwrap_or(u32::MAX))
}

/// All memory and what of it could be had now, in bytes.
pub(crate) fn memory_bytes() -> (u64, u64) {
    let table = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let figure = |name| kibibytes(&table, name).unwrap_or(0) << 10;
    (figure("MemTotal:"), figure("MemAvailable:"))
}

fn kibibytes(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// How many processes wanted to run, over the last minute.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next();
    first.and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// By what nodes here and elsewhere can reach each other.
pub(crate) fn fabrics() -> Vec<String> {
    let mut fabrics = vec!["shm".to_owned(), "tcp".to_owned()];
    let devices = fs::read_dir("/sys/class/infiniband");
    if devices.is_ok_and(|mut devices| devices.next().is_some()) {
        fabrics.push("rdma".to_owned());
    }
    fabrics
}

/// As the system calls this host.
pub(crate) fn name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Resident memory in bytes and processor time in seconds of a process, if it runs.
pub(crate) fn usage(process: u32) -> Option<(u64, f64)> {
    let pages = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let resident = pages * rustix::param::page_size() as u64;
    Some((resident, processor_ticks(&stat)? / TICKS_A_SECOND))
}

/// User and system time, which stand behind the name of the program, whatever that is.
fn processor_ticks(stat: &str) -> Option<f64> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_whitespace().skip(11);
    let mut field = || fields.next()?.parse::<f64>().ok();
    Some(field()? + field()?)
}

/// Of what the system tells to users, everywhere.
const TICKS_A_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_system() {
        let table = "MemTotal:       24689616 kB\nMemFree: 1 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(kibibytes(table, "MemTotal:"), Some(24_689_616));
        assert_eq!(kibibytes(table, "Swap:"), None);
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 1 0 5";
        assert_eq!(processor_ticks(stat), Some(200.0));
        let (all, free) = memory_bytes();
        assert!(all >= free && free > 0);
        assert!(usage(std::process::id()).is_some_and(|(resident, _)| resident > 0));
    }
}
