//! Tables for people.

use std::io::{self, Write};

/// Prints rows under their titles, each column as wide as its widest word.
pub(crate) fn print(titles: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    io::stdout()
        .lock()
        .write_all(lines(titles, rows).as_bytes())
}

fn lines(titles: &[&str], rows: &[Vec<String>]) -> String {
    let titles: Vec<_> = titles.iter().map(|title| (*title).to_owned()).collect();
    let all = || std::iter::once(&titles).chain(rows);
    let width = |column: usize| {
        let words = all().filter_map(|row| row.get(column));
        words.map(|word| word.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..titles.len()).map(width).collect();
    let mut lines = String::new();
    for row in all() {
        let words = row
            .iter()
            .zip(&widths)
            .map(|(word, width)| format!("{word:width$}"));
        let line = words.collect::<Vec<_>>().join("  ");
        lines += line.trim_end();
        lines.push('\n');
    }
    lines
}

/// In the largest unit of which there is at least one.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < units.len() {
        amount /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{amount:.1} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [
            vec!["a".into(), "1".into()],
            vec!["long name".into(), String::new()],
        ];
        let text = "HOST       N\na          1\nlong name\n";
        assert_eq!(lines(&["HOST", "N"], &rows), text);
        assert_eq!(lines(&["HOST"], &[]), "HOST\n");
    }

    #[test]
    fn amounts() {
        for (amount, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (3 << 30, "3.0 GiB"),
        ] {
            assert_eq!(bytes(amount), text);
        }
    }
}
