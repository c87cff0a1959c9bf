//! [`Inbox`]: the queue by which other threads reach an executor.
//!
//! A stack of boxed nodes; the consumer takes all of it at once and turns it round, so messages
//! come out in the order in which they went in. A push never waits, and there is no bound: a
//! waker that has to wait for room in a queue is a deadlock.
//!
//! ```text
//!            push                       take
//!   null ───────────► node ► … ► node ────────► null        close: any ─► CLOSED
//!                                                           reopen: CLOSED ─► null
//! ```
//!
//! | field          | touched by                 | in which state                                  |
//! |----------------|----------------------------|-------------------------------------------------|
//! | `head`         | any thread, atomically     | always                                          |
//! | `Node.next`    | the pushing thread         | before the push succeeds                        |
//! |                | the owner of the [`Batch`] | after it was taken off `head`                   |
//! | `Node.message` | the same two               | the same                                        |
//!
//! Nobody follows `head` while nodes hang on it: a list is taken off whole and only then read.
//! So a node's address may be reused under a push or a take without harm (no ABA): whichever node
//! is found there was put there by a push, with everything below it.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;

use crate::contain::contain;
use crate::sync::{AtomicPtr, Ordering};

/// An unbounded queue, many producers to one consumer, whose producers never wait.
///
/// ```
/// let inbox = gossamer_executor::Inbox::new();
/// inbox.push(1).unwrap();
/// inbox.push(2).unwrap();
/// assert_eq!(inbox.take().collect::<Vec<_>>(), [1, 2]);
///
/// inbox.close();
/// assert_eq!(inbox.push(3), Err(3));
/// ```
pub struct Inbox<M> {
    head: AtomicPtr<Node<M>>,
    owns: PhantomData<M>,
}

/// Messages that were taken from an [`Inbox`], oldest first.
///
/// What is left of it when it is dropped is dropped.
pub struct Batch<M> {
    next: *mut Node<M>,
    owns: PhantomData<M>,
}

struct Node<M> {
    next: *mut Node<M>,
    message: M,
}

// SAFETY: an inbox owns its messages and hands each to one consumer (table: after it was taken off
// `head`); no reference to a message is shared.
unsafe impl<M: Send> Send for Inbox<M> {}
// SAFETY: as above; producers and consumer meet at `head` only, which is atomic.
unsafe impl<M: Send> Sync for Inbox<M> {}
// SAFETY: a batch owns its nodes alone (table: the owner of the batch).
unsafe impl<M: Send> Send for Batch<M> {}

// No push, take or close is ever half done: they run no foreign code.
impl<M> UnwindSafe for Inbox<M> {}
impl<M> RefUnwindSafe for Inbox<M> {}

impl<M> Inbox<M> {
    /// An empty, open inbox.
    pub fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            owns: PhantomData,
        }
    }

    /// Adds `message`, without waiting.
    ///
    /// # Errors
    ///
    /// Gives the message back if the inbox is closed.
    pub fn push(&self, message: M) -> Result<(), M> {
        let node = Box::into_raw(Box::new(Node {
            next: ptr::null_mut(),
            message,
        }));
        // Relaxed: the value is compared and linked, and never followed here.
        let mut head = self.head.load(Ordering::Relaxed);
        while head != closed() {
            // SAFETY: `Node.next`, the pushing thread, before the push succeeds.
            unsafe { (*node).next = head };
            // Release: pairs with the Acquire of `take` and `close`, which then see this node and,
            // as each push continues the release sequence of those below it, all of them.
            // Relaxed on failure: as the load above.
            match self
                .head
                .compare_exchange_weak(head, node, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(now) => head = now,
            }
        }
        // SAFETY: `node` came from `Box::into_raw` above and was never on `head`.
        let node = unsafe { Box::from_raw(node) };
        Err(node.message)
    }

    /// Whether there is nothing to take, in one load.
    #[inline]
    pub fn is_empty(&self) -> bool {
        // Acquire: pairs with the Release of `push`, so that who saw a message here also sees what
        // was done before it was sent.
        let head = self.head.load(Ordering::Acquire);
        head.is_null() || head == closed()
    }

    /// Takes everything that is in the inbox, oldest first.
    ///
    /// An empty inbox costs one load. Any thread may call it, but only one consumer gets a
    /// meaningful order.
    #[inline]
    pub fn take(&self) -> Batch<M> {
        // Relaxed: only compared; the exchange below acquires.
        let mut head = self.head.load(Ordering::Relaxed);
        while !head.is_null() && head != closed() {
            // Acquire: pairs with the Release of every `push` whose node is on the list.
            // Relaxed on failure: as the load above.
            match self.head.compare_exchange_weak(
                head,
                ptr::null_mut(),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Batch::from_newest(head),
                Err(now) => head = now,
            }
        }
        Batch::empty()
    }

    /// Closes the inbox and returns what was in it; every later push fails.
    pub fn close(&self) -> Batch<M> {
        // Acquire: pairs with the Release of every `push` whose node is on the list.
        // Release: pairs with the Acquire of `reopen`, so that a new life starts after this one.
        let head = self.head.swap(closed(), Ordering::AcqRel);
        if head == closed() {
            Batch::empty()
        } else {
            Batch::from_newest(head)
        }
    }

    /// Opens a closed inbox again; an open one stays as it is.
    pub(crate) fn reopen(&self) {
        // Acquire: pairs with the Release of `close`. Release: a push that finds the inbox open
        // again comes after the end of its last life. The outcome is ignored: not closed is open.
        // Relaxed on failure: nothing is read through the value.
        let _ = self.head.compare_exchange(
            closed(),
            ptr::null_mut(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
    }
}

impl<M> Default for Inbox<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Drop for Inbox<M> {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl<M> fmt::Debug for Inbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("is_empty", &self.is_empty())
            .finish()
    }
}

impl<M> Batch<M> {
    /// A batch of nothing.
    pub fn empty() -> Self {
        Self {
            next: ptr::null_mut(),
            owns: PhantomData,
        }
    }

    /// Whether nothing is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.next.is_null()
    }

    /// The batch of a list that was just taken off `head`, newest first, which it turns round.
    fn from_newest(mut newest: *mut Node<M>) -> Self {
        let mut oldest = ptr::null_mut();
        while !newest.is_null() {
            // SAFETY: `Node.next`, the owner of the batch, after it was taken off `head`.
            let older = unsafe { std::mem::replace(&mut (*newest).next, oldest) };
            oldest = newest;
            newest = older;
        }
        Self {
            next: oldest,
            owns: PhantomData,
        }
    }
}

impl<M> Iterator for Batch<M> {
    type Item = M;

    #[inline]
    fn next(&mut self) -> Option<M> {
        if self.next.is_null() {
            return None;
        }
        // SAFETY: the owner of the batch, after it was taken off `head`; the node came from
        // `Box::into_raw` in `push`, and leaves the list here.
        let node = unsafe { Box::from_raw(self.next) };
        self.next = node.next;
        Some(node.message)
    }
}

impl<M> FusedIterator for Batch<M> {}

impl<M> Drop for Batch<M> {
    fn drop(&mut self) {
        // Contained, so that one bad destructor leaks none of the others.
        for message in self.by_ref() {
            contain(|| drop(message));
        }
    }
}

impl<M> fmt::Debug for Batch<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("is_empty", &self.is_empty())
            .finish()
    }
}

/// What `head` holds when the inbox is closed: no node is at an odd address.
fn closed<M>() -> *mut Node<M> {
    const { assert!(align_of::<Node<M>>() > 1) };
    ptr::without_provenance_mut(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn first_in_first_out() {
        let inbox = Inbox::new();
        assert!(inbox.is_empty());
        for i in 0..5 {
            inbox.push(i).expect("open");
        }
        assert!(!inbox.is_empty());
        assert_eq!(inbox.take().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(inbox.take().is_empty());
    }

    #[test]
    fn push_after_close_and_after_reopen() {
        let inbox = Inbox::new();
        inbox.push(1).expect("open");
        assert_eq!(inbox.close().collect::<Vec<_>>(), [1]);
        assert!(inbox.close().is_empty());
        assert_eq!(inbox.push(2), Err(2));
        assert!(inbox.take().is_empty());
        assert!(inbox.is_empty());
        inbox.reopen();
        inbox.push(3).expect("open again");
        inbox.reopen();
        assert_eq!(inbox.take().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn rest_is_dropped_with_batch_and_inbox() {
        let witness = Rc::new(());
        let inbox = Inbox::new();
        for _ in 0..3 {
            inbox.push(Rc::clone(&witness)).expect("open");
        }
        let mut batch = inbox.take();
        drop(batch.next());
        inbox.push(Rc::clone(&witness)).expect("open");
        assert_eq!(Rc::strong_count(&witness), 4);
        drop(batch);
        assert_eq!(Rc::strong_count(&witness), 2);
        drop(inbox);
        assert_eq!(Rc::strong_count(&witness), 1);
    }

    #[test]
    fn panic_in_drop_of_message_leaks_no_other() {
        struct Bomb(Rc<()>);
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop of one of {}", Rc::strong_count(&self.0));
            }
        }
        let witness = Rc::new(());
        let inbox = Inbox::new();
        for _ in 0..3 {
            assert!(inbox.push(Bomb(Rc::clone(&witness))).is_ok());
        }
        drop(inbox);
        assert_eq!(Rc::strong_count(&witness), 1);
    }
}
