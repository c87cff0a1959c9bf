//! What a trustee has to serve before a property may go.

use crate::issued::Issued;

/// By client, up to which request it must have been served.
pub(crate) struct Outstanding(Box<[(u32, u64)]>);

impl Outstanding {
    /// What is issued now and not served: of each client its number, what it has issued, and how
    /// much of that was served.
    pub(crate) fn now<'a>(clients: impl Iterator<Item = (u32, &'a Issued, u64)>) -> Self {
        let clients = clients.map(|(client, issued, served)| (client, issued.load(), served));
        let outstanding = clients.filter(|(_, issued, served)| issued > served);
        Self(
            outstanding
                .map(|(client, issued, _)| (client, issued))
                .collect(),
        )
    }

    /// Whether nothing was outstanding from the first.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of it has been served, where `served` says how much of a client's was.
    pub(crate) fn is_served(&self, served: impl Fn(u32) -> u64) -> bool {
        self.0
            .iter()
            .all(|&(client, issued)| served(client) >= issued)
    }
}
