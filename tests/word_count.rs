//! The example `word_count`: as a process, and with its own unit tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

#[path = "common/example.rs"]
mod example;
// So that `cargo test` runs its unit tests, too.
#[path = "../examples/word_count/main.rs"]
#[expect(dead_code, reason = "here it is run by its tests only")]
mod word_count;

#[test]
fn files_and_folders() {
    let folder = Folder::new("files_and_folders");
    let file = folder.write("one.txt", "One two, TWO; three\n");
    folder.write("sub/two.txt", "three Three\u{a0}ÉTÉ été");
    let output = run(&[&file, &folder.path("sub")], &["--top", "3"]);
    assert_eq!(
        lines(&output)[..3],
        [
            "           3  three",
            "           2  two",
            "           2  été"
        ]
    );
    assert_eq!(counts(&output), (8, 4));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "", "no bar where there is no terminal");
}

#[test]
fn current_folder_without_what_is_no_text() {
    let folder = Folder::new("current_folder");
    folder.write("sub/text.md", "a b");
    folder.write("target/debug/built.d", "c");
    folder.write(".git/config", "d");
    folder.write(".hidden", "a");
    folder.write("binary", b"e\0f");
    let output = output(command().current_dir(&folder.0));
    assert_eq!(counts(&output), (3, 2));
    let given = run(&[&folder.0], &[]);
    assert_eq!(counts(&given), (7, 6), "what is given is counted");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_counted() {
    let folder = Folder::new("cannot_be_read");
    folder.write("good.txt", "still counted");
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", folder.path("dangling")).unwrap();
    for more in [&[][..], &["--compare"]] {
        let output = run(&[&folder.path("missing"), &folder.0], more);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(counts(&output), (2, 2));
        let stderr = stderr(&output);
        let named = |name| stderr.lines().filter(|line| line.contains(name)).count();
        assert_eq!(named("missing: No such file or directory"), 1, "{stderr}");
        #[cfg(unix)]
        assert_eq!(named("dangling: No such file or directory"), 1, "{stderr}");
    }
}

#[test]
fn invalid_utf8_is_counted() {
    let folder = Folder::new("invalid_utf8");
    let file = folder.write("invalid", b"ab\xFFcd \xE2\x82 \xF0\x90");
    let output = run(&[&file], &[]);
    assert_eq!(counts(&output), (2, 2));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn nothing_to_count() {
    let folder = Folder::new("nothing");
    folder.write("empty", "");
    for more in [&[][..], &["--compare"]] {
        let output = run(&[&folder.0], more);
        assert_eq!(counts(&output), (0, 0));
        assert_eq!(output.status.code(), Some(0));
    }
}

/// Of several megabytes, so that it is cut into pieces which all workers share.
#[test]
fn large_file_in_pieces() {
    let folder = Folder::new("large");
    let words = (0..1_100_000_u64).map(|n| n * n % 999_983 % 5000);
    let text: String = words.map(|word| format!("wörd{word} ")).collect();
    let file = folder.write("large.txt", &text);
    let mut distinct: Vec<_> = text.split_whitespace().collect();
    distinct.sort_unstable();
    distinct.dedup();
    for (workers, more) in [("1", &[][..]), ("3", &["--compare"])] {
        let output = output(
            command()
                .arg(&file)
                .args(more)
                .env("GOSSAMER_WORKERS", workers),
        );
        assert_eq!(counts(&output), (1_100_000, distinct.len() as u64));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
}

#[test]
fn dedicated_trustees_own_the_shards() {
    let folder = Folder::new("dedicated");
    let file = folder.write("text", "a b a");
    let output = output(
        command()
            .arg(&file)
            .env("GOSSAMER_WORKERS", "3")
            .env("GOSSAMER_DEDICATED_TRUSTEES", "2"),
    );
    assert_eq!(counts(&output), (3, 2));
}

#[test]
fn wrong_argument() {
    assert_eq!(run(&[], &["--tpo", "3"]).status.code(), Some(2));
    let output = output(command().env("GOSSAMER_WORKERS", "none"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("GOSSAMER_WORKERS=none: must be from 1"));
}

fn run(paths: &[&Path], more: &[&str]) -> Output {
    output(command().args(paths).args(more))
}

fn output(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .expect("the example starts")
}

fn command() -> Command {
    static EXAMPLE: LazyLock<PathBuf> =
        LazyLock::new(|| example::example("word_count", "word_count"));
    let mut command = Command::new(&*EXAMPLE);
    command
        .env_remove("GOSSAMER_WORKERS")
        .env_remove("GOSSAMER_DEDICATED_TRUSTEES");
    command
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone())
        .expect("words are UTF-8")
        .lines()
        .map(str::to_owned)
        .collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("messages are UTF-8")
}

/// The total and the distinct words that were printed.
fn counts(output: &Output) -> (u64, u64) {
    let lines = lines(output);
    let count = |name: &str| {
        let found = lines.iter().find_map(|line| line.strip_prefix(name));
        let found = found.unwrap_or_else(|| panic!("{name:?} in {lines:?}\n{}", stderr(output)));
        found.parse().expect("a number")
    };
    (count("total words: "), count("distinct words: "))
}

/// A folder of its own for a test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("gossamer_word_count.{}.{test}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let parent = path.parent().expect("in the folder");
        fs::create_dir_all(parent).expect("a folder");
        fs::write(&path, content).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("it is there");
    }
}
