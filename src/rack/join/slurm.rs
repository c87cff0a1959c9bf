//! What Slurm says to a process that `srun` has started.

use std::env::VarError;

use super::identity::{Environment, IdentityError, NODES_MAX, is_within};

/// A task of a step.
pub(crate) struct Step {
    pub(crate) task: u32,
    pub(crate) tasks: u32,
    pub(crate) first_host: Option<String>,
}

impl Step {
    /// Reads it, if `srun` started this process.
    ///
    /// Only steps have a list of their own nodes: a batch script has `SLURM_PROCID` and
    /// `SLURM_NTASKS` too, but what it starts plainly is one process, not a rack.
    pub(crate) fn read<E>(env: &Environment<E>) -> Result<Option<Self>, IdentityError>
    where
        E: Fn(&str) -> Result<String, VarError>,
    {
        if !env.is_set(NODELIST) || !env.is_set(PROCID) {
            return Ok(None);
        }
        let allowed = || format!("from 1 to {NODES_MAX}, as a rack has that many nodes at most");
        let tasks = match env.parse(STEP_TASKS, is_within(1, NODES_MAX), allowed)? {
            Some(tasks) => Some(tasks),
            None => env.parse(NTASKS, is_within(1, NODES_MAX), allowed)?,
        };
        let Some(tasks) = tasks else {
            return Ok(None);
        };
        let task = env.parse(
            PROCID,
            |task| *task < tasks,
            || format!("from 0 to {}, as the step has {tasks} tasks", tasks - 1),
        )?;
        let hosts = env.parse::<String>(NODELIST, |_| true, String::new)?;
        Ok(task.map(|task| Self {
            task,
            tasks,
            first_host: hosts.as_deref().and_then(first_host),
        }))
    }
}

/// The first host of a list like `rack[03-07,11],gpu2`.
fn first_host(list: &str) -> Option<String> {
    let end = list.find(['[', ',']).unwrap_or(list.len());
    let (prefix, rest) = list.split_at(end);
    let host = match rest.strip_prefix('[') {
        Some(numbers) => {
            let first = numbers.split(['-', ',', ']']).next()?;
            // What stands behind the numbers belongs to the name: `rack[1-4]-ib`.
            let (_, suffix) = numbers.split_once(']')?;
            let suffix = suffix.split(',').next()?;
            format!("{prefix}{first}{suffix}")
        }
        None => prefix.to_owned(),
    };
    (!host.is_empty() && !host.contains('[')).then_some(host)
}

const PROCID: &str = "SLURM_PROCID";
const STEP_TASKS: &str = "SLURM_STEP_NUM_TASKS";
const NTASKS: &str = "SLURM_NTASKS";
const NODELIST: &str = "SLURM_STEP_NODELIST";

#[cfg(test)]
mod tests {
    use super::first_host;

    #[test]
    fn first_host_of_lists() {
        for (list, host) in [
            ("rack[03-07,11],gpu2", Some("rack03")),
            ("rack[7,9]", Some("rack7")),
            ("rack[1-4]-ib", Some("rack1-ib")),
            ("alone", Some("alone")),
            ("one,two", Some("one")),
            ("", None),
            ("rack[1-4][1-2]", None),
            ("rack[1-4", None),
        ] {
            assert_eq!(first_host(list).as_deref(), host, "{list}");
        }
    }
}
