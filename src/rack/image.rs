//! The executable as it lies in memory: where its constants are, whatever address they have today.
//!
//! Read once from `/proc/self/maps`, and recognised by the address of the program's entry point,
//! which the kernel tells in `/proc/self/auxv`. What counts are the parts that cannot be written:
//! constants without addresses, and those with addresses, which the loader seals once it has
//! filled them in (`relro`).

use std::fs;
use std::ops::Range;
use std::sync::OnceLock;

/// The sealed constants of the executable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    base: usize,
    sealed: Vec<Range<usize>>,
}

impl Image {
    /// That of this process; `None` if the system does not tell.
    pub(crate) fn of_this_process() -> Option<&'static Self> {
        static IMAGE: OnceLock<Option<Image>> = OnceLock::new();
        let read = || {
            let maps = fs::read_to_string("/proc/self/maps").ok()?;
            Self::parse(&maps, entry_point(&fs::read("/proc/self/auxv").ok()?)?)
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

    fn contains(&self, address: usize, bytes: usize) -> bool {
        let Some(end) = address.checked_add(bytes) else {
            return false;
        };
        self.sealed
            .iter()
            .any(|part| part.start <= address && end <= part.end)
    }

    fn parse(maps: &str, entry_point: usize) -> Option<Self> {
        let mappings: Vec<_> = maps.lines().filter_map(Mapping::parse).collect();
        let text = mappings
            .iter()
            .find(|mapping| mapping.range.contains(&entry_point))?;
        let own = || mappings.iter().filter(|mapping| mapping.file == text.file);
        let base = own().map(|mapping| mapping.range.start).min()?;
        let mut sealed: Vec<Range<usize>> = Vec::new();
        for mapping in own().filter(|mapping| mapping.permissions == "r--p") {
            match sealed.last_mut() {
                // A constant may lie across two mappings that touch.
                Some(last) if last.end == mapping.range.start => last.end = mapping.range.end,
                _ => sealed.push(mapping.range.clone()),
            }
        }
        Some(Self { base, sealed })
    }
}

/// A line of `/proc/self/maps` that maps a file.
struct Mapping<'a> {
    range: Range<usize>,
    permissions: &'a str,
    /// Device and number of the file.
    file: (&'a str, &'a str),
}

impl<'a> Mapping<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let hex = |text| usize::from_str_radix(text, 16).ok();
        let range = hex(start)?..hex(end)?;
        let permissions = words.next()?;
        let _offset = words.next()?;
        let file = (words.next()?, words.next()?);
        (file.1 != "0").then_some(Self {
            range,
            permissions,
            file,
        })
    }
}

/// Where the kernel has begun to run the program.
fn entry_point(auxiliary: &[u8]) -> Option<usize> {
    let words: Vec<usize> = auxiliary
        .chunks_exact(size_of::<usize>())
        .map(|word| usize::from_ne_bytes(word.try_into().expect("of the size of a word")))
        .collect();
    words
        .chunks_exact(2)
        .find(|pair| pair[0] == AT_ENTRY)
        .map(|pair| pair[1])
}

/// The kind of the word that is the entry point, in the auxiliary vector.
const AT_ENTRY: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
        1000-3000 r--p 00000000 fe:00 7 /bin/of ours\n\
        3000-9000 r-xp 00002000 fe:00 7 /bin/of ours\n\
        9000-a000 r--p 00008000 fe:00 7 /bin/of ours\n\
        a000-b000 r--p 00009000 fe:00 7 /bin/of ours\n\
        b000-c000 rw-p 0000a000 fe:00 7 /bin/of ours\n\
        c000-d000 rw-p 00000000 00:00 0 [heap]\n\
        f000-ff00 r--p 00000000 fe:00 8 /lib/another\n";

    #[test]
    fn only_what_is_sealed_in_the_executable() {
        let image = Image::parse(MAPS, 0x4000).expect("its text is mapped");
        assert_eq!(image.sealed, [0x1000..0x3000, 0x9000..0xb000]);
        assert_eq!(image.offset_of(0x9ff8, 16), Some(0x8ff8));
        assert_eq!(image.address_of(0x8ff8, 16), Some(0x9ff8));
        assert_eq!(image.offset_of(0xaff8, 16), None); // into what is written
        assert_eq!(image.offset_of(0x3000, 8), None); // code
        assert_eq!(image.offset_of(0xf000, 8), None); // another object
        assert_eq!(image.address_of(u32::MAX, 8), None);
        assert_eq!(image.offset_of(usize::MAX, 8), None);
    }

    #[test]
    fn nothing_where_the_program_is_not_to_be_found() {
        assert_eq!(Image::parse(MAPS, 0x2_0000), None);
        assert_eq!(Image::parse("nonsense\n\n0-", 0), None);
        assert_eq!(entry_point(&[1, 2, 3]), None);
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
}
