//! What plain threads do: atomics, locks and a concurrent map around the same objects.

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use mcslock::raw::{MutexNode, spins};

use super::STRIDE;
use crate::delegate::load::{Load, Object, act};
use crate::harness::machine::{Machine, on_threads};
use crate::harness::meter::Sample;

/// Objects that plain threads share.
pub(crate) trait Shared<const N: usize>: Sync {
    fn new(objects: usize) -> Self;

    /// Does something to one of them.
    fn with<U>(&self, place: usize, f: impl FnOnce(&mut Object<N>) -> U) -> U;
}

/// Does the load from plain threads.
pub(crate) fn run<const N: usize, S: Shared<N>>(
    machine: &Machine,
    load: &Load,
    millis: u64,
) -> Sample {
    let shared = S::new(load.objects);
    on_threads(machine, load.threads, millis, |thread, clock| {
        let mut places = load.places(thread, 0);
        let mut done = 0;
        while !clock.is_over() {
            for _ in 0..STRIDE {
                let before = shared.with(places.next(), |object| {
                    act(object, black_box([1; N]), load.section)
                });
                black_box(before);
            }
            done += STRIDE;
        }
        done
    })
}

/// Fetch-and-add by the processor; only for one word and nothing else to do.
pub(crate) fn atomics(machine: &Machine, load: &Load, millis: u64) -> Sample {
    let counters: Vec<Padded<AtomicU64>> = (0..load.objects).map(|_| Padded::default()).collect();
    on_threads(machine, load.threads, millis, |thread, clock| {
        let mut places = load.places(thread, 0);
        let mut done = 0;
        while !clock.is_over() {
            for _ in 0..STRIDE {
                // Relaxed: nothing is published by it.
                black_box(counters[places.next()].0.fetch_add(1, Ordering::Relaxed));
            }
            done += STRIDE;
        }
        done
    })
}

/// Operations one after another on one thread, with nothing to share: nobody can do more of them
/// on one object.
pub(crate) fn alone<const N: usize>(machine: &Machine, load: &Load, millis: u64) -> Sample {
    on_threads(machine, 1, millis, |_, clock| {
        let mut object = [0; N];
        let mut done = 0;
        while !clock.is_over() {
            for _ in 0..STRIDE {
                black_box(act(black_box(&mut object), black_box([1; N]), load.section));
            }
            done += STRIDE;
        }
        done
    })
}

/// So that neighbours do not share a cache line.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

fn padded<T>(objects: usize, new: impl Fn() -> T) -> Box<[Padded<T>]> {
    (0..objects).map(|_| Padded(new())).collect()
}

pub(crate) type Std<const N: usize> = Box<[Padded<Mutex<Object<N>>>]>;

impl<const N: usize> Shared<N> for Std<N> {
    fn new(objects: usize) -> Self {
        padded(objects, || Mutex::new([0; N]))
    }

    #[inline(always)]
    fn with<U>(&self, place: usize, f: impl FnOnce(&mut Object<N>) -> U) -> U {
        f(&mut self[place].0.lock().expect("no holder panics"))
    }
}

pub(crate) type ParkingLot<const N: usize> = Box<[Padded<parking_lot::Mutex<Object<N>>>]>;

impl<const N: usize> Shared<N> for ParkingLot<N> {
    fn new(objects: usize) -> Self {
        padded(objects, || parking_lot::Mutex::new([0; N]))
    }

    #[inline(always)]
    fn with<U>(&self, place: usize, f: impl FnOnce(&mut Object<N>) -> U) -> U {
        f(&mut self[place].0.lock())
    }
}

pub(crate) type Spin<const N: usize> = Box<[Padded<spin::Mutex<Object<N>>>]>;

impl<const N: usize> Shared<N> for Spin<N> {
    fn new(objects: usize) -> Self {
        padded(objects, || spin::Mutex::new([0; N]))
    }

    #[inline(always)]
    fn with<U>(&self, place: usize, f: impl FnOnce(&mut Object<N>) -> U) -> U {
        f(&mut self[place].0.lock())
    }
}

pub(crate) type Mcs<const N: usize> = Box<[Padded<spins::Mutex<Object<N>>>]>;

impl<const N: usize> Shared<N> for Mcs<N> {
    fn new(objects: usize) -> Self {
        padded(objects, || spins::Mutex::new([0; N]))
    }

    #[inline(always)]
    fn with<U>(&self, place: usize, f: impl FnOnce(&mut Object<N>) -> U) -> U {
        let mut node = MutexNode::new();
        self[place].0.lock_with_then(&mut node, f)
    }
}

impl<const N: usize> Shared<N> for DashMap<usize, Object<N>> {
    fn new(objects: usize) -> Self {
        (0..objects).map(|place| (place, [0; N])).collect()
    }

    #[inline(always)]
    fn with<U>(&self, place: usize, f: impl FnOnce(&mut Object<N>) -> U) -> U {
        f(&mut self.get_mut(&place).expect("all objects are there"))
    }
}
