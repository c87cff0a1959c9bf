//! How far it is, as a bar: the tasks of all nodes add to one counter, which node 0 looks at.

use std::time::Duration;

use gossamer::JoinHandle;
use gossamer::rack::{self, Trust};
use indicatif::{ProgressBar, ProgressStyle};

/// A bar that grows by itself.
pub(crate) struct Progress {
    bar: ProgressBar,
    done: Trust<u64>,
    watching: JoinHandle<()>,
}

impl Progress {
    pub(crate) fn start(name: &str, all: u64) -> Self {
        let bar = ProgressBar::new(all).with_message(name.to_owned());
        let style = ProgressStyle::with_template("{msg:>5} {wide_bar} {pos}/{len} {per_sec}");
        bar.set_style(style.expect("the template is one"));
        let done = rack::entrust(0);
        let (watched, drawn) = (done.clone(), bar.clone());
        let watching = gossamer::spawn(async move {
            loop {
                gossamer::time::sleep(PAUSE).await;
                drawn.set_position(watched.apply(|done| *done).await);
            }
        });
        Self {
            bar,
            done,
            watching,
        }
    }

    pub(crate) fn counter(&self) -> Trust<u64> {
        self.done.clone()
    }

    pub(crate) async fn finish(self) {
        self.watching.abort();
        self.bar.finish_and_clear();
    }
}

const PAUSE: Duration = Duration::from_millis(100);
