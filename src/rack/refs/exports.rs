//! The properties that a node has exported.

use super::holders::Holders;
use super::key::Place;
use super::node::Node;

/// The table of exported properties: a place in it is used again, under the next generation.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Exports<P> {
    rows: Vec<Row<P>>,
    /// Indices of empty rows whose generation can still rise.
    free: Vec<u32>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Row<P> {
    /// That of the property that is here, or of the next one.
    generation: u32,
    export: Option<Export<P>>,
}

/// An exported property.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Export<P> {
    pub(super) property: P,
    /// Handles on the owner itself.
    pub(super) handles: u64,
    pub(super) holders: Holders,
}

/// Why a place leads to no property.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum NotThere {
    /// It did once; nobody had a handle any more.
    #[error("property {0} has been let go")]
    Freed(Place),
    /// It never did: the name is damaged, or that of another process.
    #[error("property {0} was never exported")]
    NeverExported(Place),
}

/// Why a property cannot be exported.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ExportError {
    /// All indices are in use.
    #[error("{INDICES_MAX} properties of this node are exported")]
    Full,
    /// The others have declared this node dead.
    #[error("this node was declared dead")]
    Ended,
}

impl<P> Exports<P> {
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Takes in a property with one handle on this node.
    pub(super) fn export(&mut self, property: P) -> Result<Place, ExportError> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.rows.len()).map_err(|_| ExportError::Full)?;
                if index == INDICES_MAX {
                    return Err(ExportError::Full);
                }
                self.rows.push(Row {
                    generation: 0,
                    export: None,
                });
                index
            }
        };
        let row = &mut self.rows[index as usize];
        assert!(row.export.is_none(), "a free row is empty");
        row.export = Some(Export {
            property,
            handles: 1,
            holders: Holders::default(),
        });
        Ok(Place {
            index,
            generation: row.generation,
        })
    }

    pub(super) fn find(&self, place: Place) -> Result<&Export<P>, NotThere> {
        match self.rows.get(place.index as usize) {
            Some(row) if row.generation == place.generation => {
                row.export.as_ref().ok_or_else(|| row.absence(place))
            }
            Some(row) => Err(row.absence(place)),
            None => Err(NotThere::NeverExported(place)),
        }
    }

    pub(super) fn find_mut(&mut self, place: Place) -> Result<&mut Export<P>, NotThere> {
        match self.rows.get_mut(place.index as usize) {
            Some(row) if row.generation == place.generation && row.export.is_some() => {
                Ok(row.export.as_mut().expect("it was just there"))
            }
            Some(row) => Err(row.absence(place)),
            None => Err(NotThere::NeverExported(place)),
        }
    }

    /// Takes the property out, if nobody holds it any more.
    pub(super) fn free_if_unheld(&mut self, place: Place) -> Option<P> {
        let row = self.rows.get_mut(place.index as usize)?;
        if row.generation != place.generation {
            return None;
        }
        let export = row.export.take_if(|export| export.is_unheld())?;
        // A generation that cannot rise retires the index, so that no name is given twice.
        if let Some(next) = row.generation.checked_add(1) {
            row.generation = next;
            self.free.push(place.index);
        }
        Some(export.property)
    }

    /// Drops all that a dead node holds, and says of which properties.
    pub(super) fn forget(&mut self, node: Node) -> Vec<Place> {
        let mut forgotten = Vec::new();
        for (index, row) in (0..).zip(&mut self.rows) {
            if let Some(export) = &mut row.export
                && export.holders.forget(node)
            {
                forgotten.push(Place {
                    index,
                    generation: row.generation,
                });
            }
        }
        forgotten
    }

    /// How many properties there are.
    pub(super) fn len(&self) -> usize {
        let exports = self.rows.iter().filter(|row| row.export.is_some());
        exports.count()
    }
}

impl<P> Row<P> {
    /// Why a place that names this row leads to nothing.
    fn absence(&self, place: Place) -> NotThere {
        let is_retired = self.export.is_none() && self.generation == u32::MAX;
        if place.generation < self.generation || is_retired {
            NotThere::Freed(place)
        } else {
            NotThere::NeverExported(place)
        }
    }
}

impl<P> Export<P> {
    fn is_unheld(&self) -> bool {
        self.handles == 0 && self.holders.is_empty()
    }
}

/// How many properties of one node may be exported at a time.
const INDICES_MAX: u32 = 1 << 31;
