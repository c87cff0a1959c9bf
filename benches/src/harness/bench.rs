//! A benchmark under way: what it has measured, and its files, which grow with each table.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::Options;
use super::chart::{self, Panel};
use super::machine::Machine;

pub(crate) struct Bench {
    name: &'static str,
    settings: String,
    pub(crate) machine: Machine,
    pub(crate) options: Options,
    tables: Vec<Value>,
    panels: Vec<Panel>,
}

impl Bench {
    /// Prints what is measured on, and how; ends the process if a file that is asked for cannot be
    /// written.
    pub(crate) fn start(name: &'static str, settings: &str, options: &Options) -> Self {
        let machine = Machine::detect();
        println!("{name}: {machine}; {settings}\n");
        let bench = Self {
            name,
            settings: settings.to_owned(),
            machine,
            options: options.clone(),
            tables: Vec::new(),
            panels: Vec::new(),
        };
        for file in [&options.json, &options.svg].into_iter().flatten() {
            let folder = file.parent().unwrap_or(Path::new(""));
            std::fs::create_dir_all(folder).or_exit(folder);
        }
        bench.write();
        bench
    }

    /// Adds a table to the files.
    pub(crate) fn keep(&mut self, table: Value, panels: impl IntoIterator<Item = Panel>) {
        self.tables.push(table);
        self.panels.extend(panels);
        self.write();
    }

    /// Writes the files that the options ask for, with what there is so far.
    fn write(&self) {
        let Options { json, svg, .. } = &self.options;
        if let Some(path) = json {
            let whole = json!({
                "benchmark": self.name,
                "machine": self.machine,
                "settings": self.settings,
                "quick": self.options.quick,
                "tables": self.tables,
            });
            let written = serde_json::to_string_pretty(&whole).map_err(std::io::Error::other);
            written
                .and_then(|text| std::fs::write(path, text))
                .or_exit(path);
        }
        if let Some(path) = svg {
            let title = format!("{}: {}", self.name, self.machine);
            chart::draw(path, &title, &self.panels).or_exit(path);
        }
    }
}

/// How often and how long each thing of a table is measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) millis: u64,
}

trait OrExit {
    fn or_exit(self, path: &Path);
}

impl<E: std::fmt::Display> OrExit for Result<(), E> {
    fn or_exit(self, path: &Path) {
        if let Err(error) = self {
            eprintln!("error: {}: {error}", path.display());
            std::process::exit(1);
        }
    }
}
