//! A task that drives the store, on any worker of the rack.

use std::collections::BTreeMap;
use std::time::Instant;

use gossamer::rack::{CallError, Trust};
use serde::{Deserialize, Serialize};

use crate::latency::Latency;
use crate::store::{Record, Shards, Write};
use crate::workload::{Operation, Workload};
use crate::zipf::{Random, Zipf, scramble};

/// What one task is to do.
#[derive(Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) shards: Shards,
    /// `None`: loads the records.
    pub(crate) workload: Option<Workload>,
    pub(crate) records: u64,
    pub(crate) value_bytes: usize,
    pub(crate) driver: u64,
    pub(crate) drivers: u64,
    /// Of all drivers together.
    pub(crate) operations: u64,
    /// The first key that is inserted, by all drivers in turn.
    pub(crate) first_insert: u64,
    /// Where it says how far it is.
    pub(crate) done: Trust<u64>,
}

/// What was done, and what was acknowledged.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) latencies: BTreeMap<Operation, Latency>,
    /// Acknowledged writes, by key.
    pub(crate) writes: BTreeMap<u64, u64>,
    /// Writes of which it is not known whether they were done, by key.
    pub(crate) unknown: BTreeMap<u64, u64>,
    /// Operations that ended in an error, or had to do with a record that was never acknowledged.
    pub(crate) failed: u64,
    /// Tasks that may have run and were lost, and with them what they had written.
    pub(crate) lost_tasks: u64,
}

/// Does its share of the operations, one after the other.
pub(crate) async fn drive(job: Job) -> Tally {
    let mut driver = Driver {
        random: Random::new(job.driver + (job.first_insert << 20)),
        zipf: Zipf::new(job.records),
        inserted: 0,
        tally: Tally::default(),
        job,
    };
    let Job {
        operations,
        driver: number,
        drivers,
        ..
    } = driver.job;
    let mut since = 0;
    for _ in (number..operations).step_by(drivers as usize) {
        driver.step().await;
        since += 1;
        if since == OPERATIONS_PER_WORD {
            driver.job.done.post_with(|done, more| *done += more, since);
            since = 0;
        }
    }
    driver.job.done.post_with(|done, more| *done += more, since);
    driver.tally
}

struct Driver {
    job: Job,
    random: Random,
    zipf: Zipf,
    inserted: u64,
    tally: Tally,
}

impl Driver {
    async fn step(&mut self) {
        let operation = match self.job.workload {
            None => Operation::Insert,
            Some(workload) => workload.draw(&mut self.random),
        };
        let began = Instant::now();
        let done = self.operate(operation).await;
        if !matches!(done, Ok(true)) {
            self.tally.failed += 1;
            return;
        }
        let latency = self.tally.latencies.entry(operation).or_default();
        latency.record(began.elapsed());
    }

    /// Whether there was a record for it.
    async fn operate(&mut self, operation: Operation) -> Result<bool, CallError> {
        match operation {
            Operation::Read => return Ok(self.read().await?.is_some()),
            Operation::Update => {
                let key = self.key();
                self.write(key).await?;
            }
            Operation::Insert => {
                let key = self.next_insert();
                self.write(key).await?;
            }
            Operation::Scan => {
                let (key, count) = (self.key(), 1 + self.random.below(SCAN_MAX));
                self.job.shards.scan(key, count).await?;
            }
            Operation::ReadModifyWrite => {
                let Some(key) = self.read().await? else {
                    return Ok(false);
                };
                self.write(key).await?;
            }
        }
        Ok(true)
    }

    /// Reads a record, and returns its key. There is none if its insertion was not acknowledged, as
    /// the node of its shard or of who inserted it is lost; whether one is missing that was
    /// acknowledged is found at the end.
    async fn read(&mut self) -> Result<Option<u64>, CallError> {
        let key = self.key();
        let record = self.job.shards.read(key).await?;
        let is_whole = record.as_ref().is_none_or(Record::is_whole);
        assert!(is_whole, "a record is damaged");
        Ok(record.map(|_| key))
    }

    async fn write(&mut self, key: u64) -> Result<(), CallError> {
        let write = Write::new(key, self.random.next(), self.job.value_bytes);
        let written = self.job.shards.write(write).await;
        let counts = match &written {
            Ok(()) => &mut self.tally.writes,
            Err(error) if error.has_run() == Some(false) => return written,
            Err(_) => &mut self.tally.unknown,
        };
        *counts.entry(key).or_default() += 1;
        written
    }

    /// A key that was loaded or that this task has inserted.
    fn key(&mut self) -> u64 {
        let rank = self.zipf.draw(&mut self.random);
        if !self.job.workload.is_some_and(Workload::prefers_latest) {
            return scramble(rank) % self.job.records;
        }
        match self.inserted.checked_sub(rank + 1) {
            Some(nth) => self.insert_at(nth),
            None => self.job.records - 1 - (rank - self.inserted).min(self.job.records - 1),
        }
    }

    fn next_insert(&mut self) -> u64 {
        let key = self.insert_at(self.inserted);
        self.inserted += 1;
        key
    }

    fn insert_at(&self, nth: u64) -> u64 {
        let first = match self.job.workload {
            None => 0,
            Some(_) => self.job.first_insert,
        };
        first + self.job.driver + nth * self.job.drivers
    }
}

impl Tally {
    pub(crate) fn merge(&mut self, other: Self) {
        for (operation, latency) in other.latencies {
            self.latencies.entry(operation).or_default().merge(&latency);
        }
        for (own, others) in [
            (&mut self.writes, other.writes),
            (&mut self.unknown, other.unknown),
        ] {
            for (key, writes) in others {
                *own.entry(key).or_default() += writes;
            }
        }
        self.failed += other.failed;
        self.lost_tasks += other.lost_tasks;
    }
}

const SCAN_MAX: u64 = 100;
const OPERATIONS_PER_WORD: u64 = 64;
