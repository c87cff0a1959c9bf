//! What the nodes of a program say, printed behind their names.

use std::collections::BTreeMap;
use std::io;

use crate::control::message::{Chunk, Placed};
use crate::output::{PrintedLines, Printer, Stream};

/// Streams of nodes that come in chunks.
pub(crate) struct Printing<'a> {
    printer: &'a Printer,
    names: Vec<String>,
    streams: BTreeMap<(u32, Stream), PrintedLines<'a>>,
}

impl<'a> Printing<'a> {
    pub(crate) fn new(printer: &'a Printer, nodes: &[Placed]) -> Self {
        let name = |node: &Placed| format!("{}@{}", node.node, node.host);
        Self {
            printer,
            names: nodes.iter().map(name).collect(),
            streams: BTreeMap::new(),
        }
    }

    /// An empty chunk ends its stream.
    pub(crate) fn print(&mut self, chunk: &Chunk) -> io::Result<()> {
        let name = self.names.get(chunk.node as usize).map_or("?", |name| name);
        let key = (chunk.node, chunk.stream);
        let printer = self.printer;
        let new = || printer.lines(name, chunk.stream);
        let lines = self.streams.entry(key).or_insert_with(new);
        match chunk.bytes.0.is_empty() {
            false => lines.take(&chunk.bytes.0),
            true => lines.finish(),
        }
    }

    /// Nothing more comes.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.streams.values_mut().try_for_each(PrintedLines::finish)
    }
}
