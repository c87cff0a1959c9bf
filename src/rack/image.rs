//! The executable as it lies in memory: where its constants are, whatever address they have today.
//!
//! Read once from the program headers of its file, and found in memory by the address of the
//! program's entry point, which the kernel tells in `/proc/self/auxv`. Other mappings of the same
//! file, which whoever prints a backtrace makes and unmaps, are no part of it. What counts are the
//! parts that cannot be written: constants without addresses, and those with addresses, which the
//! loader seals once it has filled them in (`relro`).

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

/// The sealed constants of the executable, and its code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    base: usize,
    sealed: Vec<Range<usize>>,
    code: Vec<Range<usize>>,
}

impl Image {
    /// That of this process; `None` if the system does not tell.
    pub(crate) fn of_this_process() -> Option<&'static Self> {
        static IMAGE: OnceLock<Option<Image>> = OnceLock::new();
        let read = || {
            let file = File::open("/proc/self/exe").ok()?;
            let mut header = [0; HEADER_BYTES];
            file.read_exact_at(&mut header, 0).ok()?;
            let header = Header::parse(&header)?;
            let mut parts = vec![0; usize::from(header.parts) * PART_BYTES];
            file.read_exact_at(&mut parts, header.parts_at).ok()?;
            let auxiliary = fs::read("/proc/self/auxv").ok()?;
            let entry_point = auxiliary_word(&auxiliary, AT_ENTRY)?;
            let page = auxiliary_word(&auxiliary, AT_PAGESZ)?;
            Self::of(&parts, entry_point.checked_sub(header.entry_point)?, page)
        };
        IMAGE.get_or_init(read).as_ref()
    }

    /// How far `address` lies from the start, if `bytes` from there on are sealed constants.
    pub(crate) fn offset_of(&self, address: usize, bytes: usize) -> Option<u32> {
        self.contains(address, bytes)
            .then(|| u32::try_from(address - self.base).ok())?
    }

    /// What [`offset_of`](Self::offset_of) has told, as an address of this process, if `bytes`
    /// from there on are sealed constants.
    pub(crate) fn address_of(&self, offset: u32, bytes: usize) -> Option<usize> {
        let address = self.base.checked_add(offset as usize)?;
        self.contains(address, bytes).then_some(address)
    }

    /// Whether a function may begin at `address`.
    pub(crate) fn is_code(&self, address: usize) -> bool {
        self.code.iter().any(|part| part.contains(&address))
    }

    #[cfg(test)]
    pub(crate) fn sealed(&self) -> &[Range<usize>] {
        &self.sealed
    }

    fn contains(&self, address: usize, bytes: usize) -> bool {
        let Some(end) = address.checked_add(bytes) else {
            return false;
        };
        self.sealed
            .iter()
            .any(|part| part.start <= address && end <= part.end)
    }

    /// That of these program headers, `bias` above the addresses that they tell, with pages of
    /// `page` bytes.
    fn of(parts: &[u8], bias: usize, page: usize) -> Option<Self> {
        let parts: Option<Vec<_>> = parts.chunks_exact(PART_BYTES).map(Part::parse).collect();
        let parts = parts?;
        let loaded = || parts.iter().filter(|part| part.kind == PT_LOAD);
        let moved = |range: &Range<usize>| -> Option<Range<usize>> {
            Some(range.start.checked_add(bias)?..range.end.checked_add(bias)?)
        };
        let base = loaded().map(|part| part.range.start).min()?;
        let constants = loaded().filter(|part| part.flags == PF_R);
        let mut sealed: Vec<_> = constants.filter_map(|part| moved(&part.range)).collect();
        for relro in parts.iter().filter(|part| part.kind == PT_GNU_RELRO) {
            let mut relro = moved(&relro.range)?;
            // The loader seals whole pages.
            relro.end = relro.end.checked_div(page)? * page;
            sealed.push(relro);
        }
        let code = loaded().filter(|part| part.flags == PF_R | PF_X);
        Some(Self {
            base: base.checked_add(bias)?,
            sealed,
            code: code.filter_map(|part| moved(&part.range)).collect(),
        })
    }
}

/// What the start of an ELF file says.
struct Header {
    entry_point: usize,
    parts_at: u64,
    parts: u16,
}

impl Header {
    fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let is_ours = bytes.starts_with(MAGIC_64) && half(bytes, 54)? == PART_BYTES as u16;
        is_ours.then_some(Self {
            entry_point: word(bytes, 24)?,
            parts_at: word(bytes, 32)? as u64,
            parts: half(bytes, 56)?,
        })
    }
}

/// A program header.
struct Part {
    kind: u32,
    flags: u32,
    /// Where it lies, before it is moved: what the file has of it.
    range: Range<usize>,
}

impl Part {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (kind, flags) = bytes.split_first_chunk()?;
        let flags = flags.first_chunk()?;
        let start = word(bytes, 16)?;
        Some(Self {
            kind: u32::from_ne_bytes(*kind),
            flags: u32::from_ne_bytes(*flags),
            range: start..start.checked_add(word(bytes, 32)?)?,
        })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(usize::from_ne_bytes(*bytes))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

/// What the kernel tells the program of this kind.
fn auxiliary_word(auxiliary: &[u8], kind: usize) -> Option<usize> {
    auxiliary
        .chunks_exact(2 * size_of::<usize>())
        .find(|pair| word(pair, 0) == Some(kind))
        .and_then(|pair| word(pair, size_of::<usize>()))
}

/// Kinds of words of the auxiliary vector: the size of a page, and where the program begins.
const AT_PAGESZ: usize = 6;
const AT_ENTRY: usize = 9;
/// Kinds of program headers.
const PT_LOAD: u32 = 1;
const PT_GNU_RELRO: u32 = 0x6474_e552;
/// What may be done with what is loaded.
const PF_X: u32 = 1;
const PF_R: u32 = 4;
/// How an ELF file of 64 bits begins.
const MAGIC_64: &[u8] = b"\x7fELF\x02";
const HEADER_BYTES: usize = 64;
const PART_BYTES: usize = 56;

#[cfg(test)]
mod tests {
    use super::*;

    const PF_W: u32 = 2;

    /// Constants, code, what is sealed of what is written, and the rest of that.
    fn parts() -> Vec<u8> {
        [
            (PT_LOAD, PF_R, 0, 0x2000),
            (PT_LOAD, PF_R | PF_X, 0x2000, 0x5800),
            (PT_LOAD, PF_R | PF_W, 0x9000, 0x2000),
            (PT_GNU_RELRO, PF_R, 0x9000, 0x1800),
        ]
        .into_iter()
        .flat_map(|(kind, flags, start, bytes)| part(kind, flags, start, bytes))
        .collect()
    }

    fn part(kind: u32, flags: u32, start: usize, bytes: usize) -> [u8; PART_BYTES] {
        let mut part = [0; PART_BYTES];
        part[..4].copy_from_slice(&kind.to_ne_bytes());
        part[4..8].copy_from_slice(&flags.to_ne_bytes());
        part[16..24].copy_from_slice(&start.to_ne_bytes());
        part[32..40].copy_from_slice(&bytes.to_ne_bytes());
        part
    }

    #[test]
    fn only_what_is_sealed_in_the_executable() {
        let image = Image::of(&parts(), 0x1_0000, 0x1000).expect("it has parts");
        assert_eq!(image.sealed, [0x1_0000..0x1_2000, 0x1_9000..0x1_a000]);
        assert_eq!(image.offset_of(0x1_9ff0, 16), Some(0x9ff0));
        assert_eq!(image.address_of(0x9ff0, 16), Some(0x1_9ff0));
        assert_eq!(image.offset_of(0x1_9ff8, 16), None); // into a page that is not sealed
        assert_eq!(image.offset_of(0x1_2000, 8), None); // code
        assert_eq!(image.offset_of(0x2000, 8), None); // another object
        assert_eq!(image.address_of(u32::MAX, 8), None);
        assert_eq!(image.offset_of(usize::MAX, 8), None);
    }

    #[test]
    fn code_is_where_it_can_be_run() {
        let image = Image::of(&parts(), 0x1_0000, 0x1000).expect("it has parts");
        assert!(image.is_code(0x1_2000) && image.is_code(0x1_77ff));
        for address in [0, 0x1_1fff, 0x1_7800, 0x1_9000, usize::MAX] {
            assert!(!image.is_code(address), "{address:x}");
        }
    }

    #[test]
    fn nothing_of_what_is_no_program() {
        assert_eq!(Image::of(&[], 0, 0x1000), None);
        assert_eq!(Image::of(&[0xff; PART_BYTES], 0, 0x1000), None);
        assert_eq!(Image::of(&parts(), usize::MAX, 0x1000), None);
        assert_eq!(Image::of(&parts(), 0, 0), None);
        assert!(Header::parse(&[0; HEADER_BYTES]).is_none());
        assert_eq!(auxiliary_word(&[1, 2, 3], AT_ENTRY), None);
    }

    #[test]
    fn constants_of_this_process_are_found() {
        static POINTERS: [fn(); 1] = [constants_of_this_process_are_found];
        let address = (&raw const POINTERS).addr();
        let image = Image::of_this_process().expect("Linux tells");
        let offset = image.offset_of(address, 8).expect("a sealed constant");
        assert_eq!(image.address_of(offset, 8), Some(address));
        let local = 0_u64;
        assert_eq!(image.offset_of((&raw const local).addr(), 8), None);
    }

    #[test]
    fn what_is_found_is_mapped_so() {
        let image = Image::of_this_process().expect("Linux tells");
        let maps = fs::read_to_string("/proc/self/maps").expect("Linux tells");
        let is_mapped = |address: usize, permissions: &str| {
            maps.lines().any(|line| {
                let (range, rest) = line.split_once(' ').expect("a mapping");
                let (start, end) = range.split_once('-').expect("its range");
                let hex = |text| usize::from_str_radix(text, 16).expect("an address");
                (hex(start)..hex(end)).contains(&address) && rest.starts_with(permissions)
            })
        };
        for part in &image.sealed {
            assert!(is_mapped(part.start, "r--p") && is_mapped(part.end - 1, "r--p"));
        }
        for part in &image.code {
            assert!(is_mapped(part.start, "r-xp") && is_mapped(part.end - 1, "r-xp"));
        }
    }

    #[test]
    fn another_mapping_of_the_file_is_no_part_of_it() {
        // As whoever prints a backtrace makes.
        let file = File::open("/proc/self/exe").expect("the executable");
        // SAFETY: a new mapping at an address of the system's choice touches no other memory.
        let place = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                HEADER_BYTES,
                rustix::mm::ProtFlags::READ,
                rustix::mm::MapFlags::PRIVATE,
                &file,
                0,
            )
        };
        let place = place.expect("mapped").addr();
        let image = Image::of_this_process().expect("Linux tells");
        assert_eq!(image.offset_of(place, 8), None);
    }
}
