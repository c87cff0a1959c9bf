//! What cannot be run is said in one line, with the status that the help documents.

use std::fs;

use crate::launched::{finish, gossamer};

fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let output = finish(gossamer(arguments));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty());
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code(), text.trim_end().to_owned())
}

#[test]
fn program_that_cannot_be_executed() {
    let folder = std::env::temp_dir().join(format!("gossamer-cli-{}", std::process::id()));
    fs::create_dir(&folder).expect("nothing is there yet");
    let file = folder.join("program");
    fs::write(&file, "no program").expect("there is room");
    let file = file.to_str().expect("text");
    let place = folder.to_str().expect("text");
    let missing = format!("{place}/other");
    for (program, status, says) in [
        (
            "no-such-program",
            127,
            "gossamer: there is no program `no-such-program` in any folder of PATH: check its \
             name, or give a path"
                .to_owned(),
        ),
        (
            "",
            127,
            "gossamer: there is no program `` in any folder of PATH: check its name, or give a path"
                .to_owned(),
        ),
        (
            &missing,
            127,
            format!("gossamer: there is no file `{missing}`: build the program, or correct the path"),
        ),
        (
            place,
            126,
            format!("gossamer: `{place}` is a folder: name the program in it"),
        ),
        (
            file,
            126,
            format!(
                "gossamer: `{file}` may not be executed: make it executable (`chmod +x`), or name \
                 its interpreter before it"
            ),
        ),
    ] {
        let refused = refused(&["run", "-n", "2", "--", program]);
        assert_eq!(refused, (Some(status), says));
    }
    fs::remove_dir_all(&folder).expect("it is ours");
}

/// It may be executed, and what it says it is cannot be: only the system knows.
#[test]
fn program_whose_interpreter_is_missing() {
    use std::os::unix::fs::PermissionsExt;
    let file = std::env::temp_dir().join(format!("gossamer-script-{}", std::process::id()));
    fs::write(&file, "#!/no/such/interpreter\n").expect("there is room");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let (status, text) = refused(&["run", "-n", "1", "--", file.to_str().expect("text")]);
    fs::remove_file(&file).expect("it is ours");
    assert_eq!(status, Some(126));
    assert!(text.starts_with("[0] gossamer: `") && text.contains("cannot be executed: No such"));
}

#[test]
fn options_that_cannot_be_used() {
    for arguments in [
        &["run", "-n", "0", "--", "true"][..],
        &["run", "-n", "2", "--workers", "0", "--", "true"],
        &["run", "-n", "2", "--fabric", "udp", "--", "true"],
        &["run", "-n", "2", "--on-node-loss", "x", "--", "true"],
        &["run", "-n", "2"],
        &["run", "--threads", "0", "--", "true"],
        &["run", "-n", "2", "--threads", "2", "--", "true"],
    ] {
        let (status, text) = refused(arguments);
        assert_eq!(status, Some(2), "{text}");
        assert!(
            text.ends_with("; see `gossamer run --help`"),
            "{arguments:?}: {text}"
        );
    }
}

#[test]
fn commands_that_do_not_exist() {
    let (status, text) = refused(&["walk"]);
    assert_eq!(status, Some(2));
    assert_eq!(
        text,
        "gossamer: unrecognized subcommand 'walk'; see `gossamer --help`"
    );
}

#[test]
fn grace_that_is_no_time() {
    let mut command = gossamer(&["run", "-n", "1", "--", "true"]);
    command.env("GOSSAMER_GRACE", "-1");
    let output = finish(command);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "gossamer: GOSSAMER_GRACE=-1: must be a number of seconds from 0 to 86400\n"
    );
}

#[test]
fn help_is_no_error() {
    for arguments in [&["--help"][..], &["run", "--help"], &["--version"]] {
        let output = finish(gossamer(arguments));
        assert!(output.status.success() && output.stderr.is_empty());
        assert!(!output.stdout.is_empty());
    }
}
