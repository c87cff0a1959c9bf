//! Call entries: what a call is, as a constant of the executable that every process of one build
//! has at the same place, counted from where its executable begins.
//!
//! A word that has come from elsewhere is taken for an entry only if it leads to sealed constants
//! of the executable (image.rs), is aligned, and finds there an entry's mark and the types that
//! the sender has seen. This is the only file that turns words into entries, and that makes a
//! closure that captures nothing out of its type.
//!
//! # Unsafe
//!
//! | what | who may do it | in which state |
//! |---|---|---|
//! | read a mark at a place of the image | `Entry::of_word` | the place is aligned and all of it lies in sealed memory, which nobody writes and nobody unmaps while the program runs |
//! | read what would be its functions, as numbers | the same | as above |
//! | take the place for an `Entry` | the same | the mark is there, which of the sealed constants only entries hold; all functions begin in the code of the executable |
//! | make a value of `F` | `conjure`, in an entry's function | `F` has no bytes and is `Copy`; a node that had such a value has sent the call, which stands for that value. **Not checked**, as nothing stable tells it: that `F` captures no value without bytes, which would be made here as well |
//! | read `MASKED` | `is_mark` | always: it is a constant |
//!
//! Rows 1 to 3 need no pointer to the entry to have been exposed: a node that only serves has never
//! made one, and what would expose it is run only where the call is made. They rest on what the
//! place is: an immutable constant of this image, mapped by the loader for as long as the program
//! runs, at an address that the system has told (image.rs), as of any memory that comes from
//! outside the language.

use std::any::{TypeId, type_name};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::mem::offset_of;
use std::ptr;

use gossamer_transport::rack::TrusteeLink;

use crate::rack::calls::Travels;
use crate::rack::codec;
use crate::rack::error::Refusal;
use crate::rack::handles::Handle;
use crate::rack::image::Image;
use crate::rack::typed::Typed;
use crate::rack::visit::{DueReply, Failure, Phase, Served, Site, Visit};
use crate::worker::Worker;

/// What a call is: the function that decodes its arguments, runs it and encodes its result; the one
/// that does that with all that are alike; and the one that does the first part alone, of large
/// arguments.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry {
    mark: [u64; 2],
    types: TypeId,
    run: fn(&mut Visit<'_, '_>, Option<&Typed>, &[u8]) -> Served,
    run_alike: fn(&Worker, &mut Site, Option<&Typed>, &mut TrusteeLink, bool) -> Served,
    decode: fn(&[u8], &mut Vec<Handle>) -> Result<Decoded, Failure>,
    name: fn() -> &'static str,
}

/// A call whose arguments have been decoded beside the workers, to be run on one.
pub(crate) type Decoded = Box<dyn FnOnce(&mut Visit<'_, '_>, Option<&Typed>) -> Served + Send>;

/// An entry as it travels: how far it lies from the start of the executable, and the word of its
/// types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallWord(pub(crate) u64);

/// A kind of call: all that tells it apart is its type.
pub(crate) trait Visits: 'static {
    /// What it takes along.
    type Args: Travels;

    /// What it is on.
    type Target<'p>: Copy;

    /// Finds what a call is on that has come, once for all that are alike.
    fn find<'p>(
        worker: &'p Worker,
        property: Option<&'p Typed>,
    ) -> Result<Self::Target<'p>, Failure>;

    /// Runs a call that has come.
    fn visit(visit: &mut Visit<'_, '_>, target: Self::Target<'_>, args: Self::Args) -> Served;
}

/// Decodes the arguments of a call, and runs it.
fn run<V: Visits>(visit: &mut Visit<'_, '_>, property: Option<&Typed>, args: &[u8]) -> Served {
    let target = V::find(visit.worker, property);
    let found = target.and_then(|target| Ok((target, visit.arguments(args)?)));
    match found {
        Ok((target, args)) => V::visit(visit, target, args),
        Err(failure) => Served::Failed(failure),
    }
}

/// Runs calls that are alike, and answers them, until one has no small and plain result: its
/// response is due then. One loop for each kind of call: what is asked and answered by a function
/// that is not known goes through memory.
fn run_alike<V: Visits>(
    worker: &Worker,
    site: &mut Site,
    property: Option<&Typed>,
    link: &mut TrusteeLink,
    is_post: bool,
) -> Served {
    let mut serving = link.serve_alike();
    let target = match V::find(worker, property) {
        Ok(target) => target,
        Err(failure) => {
            serving.take();
            return Served::Failed(failure);
        }
    };
    loop {
        let Some(args) = serving.take() else {
            return Served::Now;
        };
        let mut visit = Visit {
            worker,
            site,
            phase: Phase::Decoding,
            reply: None,
        };
        let args = match visit.plain_arguments(args) {
            Ok(args) => args,
            Err(failure) => return Served::Failed(failure),
        };
        visit.reply = Some(DueReply {
            serving: &mut serving,
            is_post,
        });
        let served = V::visit(&mut visit, target, args);
        drop(visit);
        match served {
            Served::Now if !serving.is_due() => {}
            Served::Now if site.answer.is_plain() => {
                let serving = &mut serving;
                DueReply { serving, is_post }.send(&site.answer.bytes);
            }
            served => return served,
        }
    }
}

/// Decodes large arguments of a call.
fn decode<V: Visits>(bytes: &[u8], handles: &mut Vec<Handle>) -> Result<Decoded, Failure> {
    let args = codec::decode_large::<V::Args>(bytes, handles);
    let args = args.map_err(|_| Failure::Refused(Refusal::Arguments))?;
    Ok(Box::new(|visit, property| {
        let target = V::find(visit.worker, property);
        target.map_or_else(Served::Failed, |target| V::visit(visit, target, args))
    }))
}

/// The entry of `V`. Its name is that of `F`, the user's closure.
pub(crate) const fn entry<V: Visits, F: 'static>() -> &'static Entry {
    const { &Of::<V, F>::ENTRY }
}

struct Of<V, F>(PhantomData<(V, F)>);

impl<V: Visits, F: 'static> Of<V, F> {
    const ENTRY: Entry = Entry {
        mark: MARK,
        types: TypeId::of::<(V, F)>(),
        run: run::<V>,
        run_alike: run_alike::<V>,
        decode: decode::<V>,
        name: type_name::<F>,
    };
}

impl Entry {
    /// As it travels; `None` if it is no constant of the executable.
    pub(crate) fn to_word(&'static self) -> Option<CallWord> {
        let address = ptr::from_ref(self).expose_provenance();
        let image = Image::of_this_process()?;
        let offset = image.offset_of(address, size_of::<Self>())?;
        // Who reads it looks at the same.
        let functions = [
            self.run as usize,
            self.run_alike as usize,
            self.decode as usize,
            self.name as usize,
        ];
        if !functions
            .into_iter()
            .all(|function| image.is_code(function))
        {
            return None;
        }
        Some(CallWord(
            u64::from(offset) | u64::from(word_of_id(self.types)) << 32,
        ))
    }

    /// What a word from elsewhere names, if it is an entry.
    pub(crate) fn of_word(CallWord(word): CallWord) -> Option<&'static Self> {
        let (offset, types) = (word as u32, (word >> 32) as u32);
        let image = Image::of_this_process()?;
        let address = image.address_of(offset, size_of::<Self>())?;
        if !address.is_multiple_of(align_of::<Self>()) {
            return None;
        }
        let place = ptr::with_exposed_provenance::<Self>(address);
        // SAFETY: row 1 of the table: just checked; any bytes are a mark.
        let mark = unsafe { place.cast::<[u64; 2]>().read() };
        if !is_mark(mark) {
            return None;
        }
        for function in [
            offset_of!(Self, run),
            offset_of!(Self, run_alike),
            offset_of!(Self, decode),
            offset_of!(Self, name),
        ] {
            let function = ptr::with_exposed_provenance::<usize>(address + function);
            // SAFETY: row 2 of the table: within the place; any bytes are a number.
            let function = unsafe { function.read() };
            if !image.is_code(function) {
                return None;
            }
        }
        // SAFETY: row 3 of the table: just checked.
        let entry = unsafe { &*place };
        (word_of_id(entry.types) == types).then_some(entry)
    }

    /// Runs a call that has come.
    pub(crate) fn run(
        &self,
        visit: &mut Visit<'_, '_>,
        property: Option<&Typed>,
        args: &[u8],
    ) -> Served {
        (self.run)(visit, property, args)
    }

    /// Runs calls that have come on a link and are alike, as far as their results are small and
    /// plain. If a response is due then, this says which.
    #[inline(always)]
    pub(crate) fn run_alike(
        &self,
        worker: &Worker,
        site: &mut Site,
        property: Option<&Typed>,
        link: &mut TrusteeLink,
        is_post: bool,
    ) -> Served {
        (self.run_alike)(worker, site, property, link, is_post)
    }

    /// Decodes large arguments of such a call, with the trusts in them; on any thread.
    pub(crate) fn decode(
        &self,
        bytes: &[u8],
        handles: &mut Vec<Handle>,
    ) -> Result<Decoded, Failure> {
        (self.decode)(bytes, handles)
    }

    /// The type of the closure, for people.
    pub(crate) fn name(&self) -> &'static str {
        (self.name)()
    }
}

/// Whether these words are the mark. Comparing with [`MARK`] itself would put a copy of it among
/// the sealed constants, where a word from elsewhere can lead.
fn is_mark(words: [u64; 2]) -> bool {
    // SAFETY: row 5 of the table. Volatile, so that the compiler knows no value to fold back.
    let masked = unsafe { ptr::read_volatile(&raw const MASKED) };
    words[0] ^ ODD == masked[0] && words[1] ^ ODD == masked[1]
}

/// Says at compile time, with a text, that `F` has captured something.
pub(crate) struct CapturesNothing<F>(PhantomData<F>);

impl<F: Copy + Send + 'static> CapturesNothing<F> {
    /// To be evaluated in whatever takes such a closure.
    pub(crate) const CHECKED: () = assert!(
        size_of::<F>() == 0,
        "a closure for the rack has captured a variable: it may run in another process, where only \
         its code is. Give the variable as an argument: `apply_with(|property, variable| ..., \
         variable)`"
    );
}

/// The closure of a call that has come: captures nothing, so its type is all of it.
///
/// # Safety
/// A node that had a value of `F` has sent the call.
pub(crate) unsafe fn conjure<F: Copy + Send + 'static>() -> F {
    let () = CapturesNothing::<F>::CHECKED;
    // SAFETY: row 4 of the table: it has no bytes, and the caller's word is that one exists.
    unsafe { ptr::NonNull::<F>::dangling().as_ptr().read() }
}

/// What tells `T` apart from other types, in every process of one build.
pub(crate) fn word_of<T: 'static>() -> u32 {
    word_of_id(TypeId::of::<T>())
}

fn word_of_id(id: TypeId) -> u32 {
    let mut word = Fold(0);
    id.hash(&mut word);
    (word.0 ^ word.0 >> 32) as u32
}

/// Folds what a `TypeId` says of itself, which is a hash already.
struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(size_of::<u64>()) {
            let mut word = [0; size_of::<u64>()];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(ODD);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A number without bits in common with its neighbours', from the golden ratio.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
/// Random, and nowhere else in the executable's sealed constants: so it is named in entries alone.
const MARK: [u64; 2] = [0x7C1B_5E0D_A94F_3826, 0xE1D4_0F97_62B8_C35A];
/// The mark as it may be compared with.
static MASKED: [u64; 2] = [MARK[0] ^ ODD, MARK[1] ^ ODD];
const _: () = assert!(align_of::<Entry>() >= align_of::<u64>());

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Visits for Nothing {
        type Args = ();
        type Target<'p> = ();

        fn find<'p>(_: &'p Worker, _: Option<&'p Typed>) -> Result<(), Failure> {
            unreachable!("never run")
        }

        fn visit(_: &mut Visit<'_, '_>, (): (), (): ()) -> Served {
            unreachable!("never run")
        }
    }

    #[test]
    fn an_entry_comes_back_from_its_word() {
        let entry = entry::<Nothing, u32>();
        let word = entry.to_word().expect("in the executable");
        let back = Entry::of_word(word).expect("an entry");
        assert!(ptr::eq(entry, back));
        assert_eq!(back.name(), "u32");
    }

    #[test]
    fn words_that_are_none_are_refused() {
        let CallWord(word) = entry::<Nothing, u32>()
            .to_word()
            .expect("in the executable");
        for wrong in [
            word + 1,                     // not aligned
            word + 8,                     // no mark
            word ^ 1 << 40,               // other types
            word | 0xFFFF_FFFF,           // outside
            word & 0xFFFF_FFFF_0000_0000, // the start of the file
            0,
            u64::MAX,
        ] {
            assert!(Entry::of_word(CallWord(wrong)).is_none(), "{wrong:x}");
        }
    }

    /// A mark among the sealed constants that is no entry's.
    static STRAY: [u64; size_of::<Entry>() / 8] = {
        let mut words = [0; size_of::<Entry>() / 8];
        words[0] = MARK[0];
        words[1] = MARK[1];
        words
    };

    /// A word from elsewhere may lead to any mark of the sealed constants, with the types that
    /// the bytes behind it happen to say: at each is an entry, or it is refused.
    #[test]
    fn no_word_leads_astray() {
        let entry = entry::<Nothing, i64>();
        let stray = (&raw const STRAY).expose_provenance();
        let (mut found, mut refused) = (Vec::new(), Vec::new());
        let image = Image::of_this_process().expect("Linux tells");
        for part in image.sealed() {
            let words = ptr::with_exposed_provenance::<u64>(part.start.next_multiple_of(8));
            let count = (part.end - words.addr()) / 8;
            // SAFETY: row 1 of the table.
            let words = unsafe { std::slice::from_raw_parts(words, count) };
            for place in words.windows(size_of::<Entry>() / 8) {
                if !is_mark([place[0], place[1]]) {
                    continue;
                }
                // SAFETY: row 1 of the table; any bytes are a number.
                let types = unsafe { place[2..].as_ptr().cast::<TypeId>().read() };
                let types = u64::from(word_of_id(types));
                let address = place.as_ptr().addr();
                let offset = image.offset_of(address, 8).expect("a sealed constant");
                match Entry::of_word(CallWord(types << 32 | u64::from(offset))) {
                    Some(entry) => found.push((ptr::from_ref(entry).addr(), entry.name())),
                    None => refused.push(address),
                }
            }
        }
        assert!(found.contains(&(ptr::from_ref(entry).addr(), "i64")));
        assert_eq!(refused, [stray]);
    }

    #[test]
    fn a_constant_of_the_heap_is_not_of_the_executable() {
        let entry = Box::leak(Box::new(Of::<Nothing, u8>::ENTRY));
        assert_eq!(entry.to_word(), None);
    }
}
