//! The file that lists the hosts of a rack.
//!
//! ```toml
//! silence = 5                # seconds, optional
//!
//! [[host]]
//! name = "a"
//! address = "10.0.0.1"       # or with a port: "10.0.0.1:7410"
//!
//! [[host]]
//! name = "b"
//! address = "b.example.org"
//! ```

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    silence: Option<f64>,
    #[serde(default)]
    host: Vec<HostText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HostText {
    name: String,
    address: String,
}

#[derive(Debug)]
pub(crate) struct RackFile {
    pub(crate) silence: Option<f64>,
    pub(crate) hosts: Vec<Host>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

/// Why a rack file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RackFileError {
    #[error("`{path}` cannot be read: {source}; name the file of the rack with --config")]
    Read { path: PathBuf, source: io::Error },
    #[error("`{path}`: {what}")]
    Text { path: PathBuf, what: String },
    #[error("`{path}`: host {name}: `{address}` leads nowhere: {cause}; write IP or IP:PORT")]
    Address {
        path: PathBuf,
        name: String,
        address: String,
        cause: String,
    },
    #[error("`{path}`: host {name} is there twice: give each a name of its own")]
    Twice { path: PathBuf, name: String },
    #[error(
        "`{path}`: none of its hosts has an address of this machine: add it, or say which it is \
         with --name"
    )]
    NotHere { path: PathBuf },
    #[error("`{path}`: there is no host {name}: add it, or correct --name")]
    NoName { path: PathBuf, name: String },
}

impl RackFile {
    pub(crate) fn read(path: &Path) -> Result<Self, RackFileError> {
        let read = fs::read_to_string(path);
        let text = read.map_err(|source| RackFileError::Read {
            path: path.into(),
            source,
        })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, RackFileError> {
        let parsed: Text = toml::from_str(text).map_err(|error| {
            let line = |span: std::ops::Range<usize>| text[..span.start].lines().count().max(1);
            let line = error.span().map_or(1, line);
            RackFileError::Text {
                path: path.into(),
                what: format!("line {line}: {}", error.message().replace('\n', "; ")),
            }
        })?;
        let mut hosts: Vec<Host> = Vec::new();
        for HostText { name, address } in parsed.host {
            if !is_name(&name) {
                let what = format!("`{name}` is no name of a host: {NAME_ALLOWED}");
                let path = path.into();
                return Err(RackFileError::Text { path, what });
            }
            if hosts.iter().any(|host| host.name == name) {
                let path = path.into();
                return Err(RackFileError::Twice { path, name });
            }
            match resolve(&address) {
                Ok(address) => hosts.push(Host { name, address }),
                Err(error) => {
                    return Err(RackFileError::Address {
                        path: path.into(),
                        name,
                        address,
                        cause: error.to_string(),
                    });
                }
            }
        }
        Ok(Self {
            silence: parsed.silence,
            hosts,
        })
    }

    /// Which of the hosts this machine is: that of the name, or else the only one whose address it
    /// has.
    pub(crate) fn here(&self, path: &Path, name: Option<&str>) -> Result<&Host, RackFileError> {
        if let Some(name) = name {
            let found = self.hosts.iter().find(|host| host.name == name);
            return found.ok_or_else(|| RackFileError::NoName {
                path: path.into(),
                name: name.into(),
            });
        }
        let is_here = |host: &&Host| TcpListener::bind((host.address.ip(), 0)).is_ok();
        let found = self.hosts.iter().find(is_here);
        found.ok_or_else(|| RackFileError::NotHere { path: path.into() })
    }
}

/// An address, with the port that daemons have unless told otherwise.
pub(crate) fn resolve(text: &str) -> io::Result<SocketAddr> {
    if let Ok(ip) = text.parse() {
        return Ok(SocketAddr::new(ip, PORT));
    }
    let found = match text.rsplit_once(':') {
        Some(_) => text.to_socket_addrs(),
        None => (text, PORT).to_socket_addrs(),
    };
    found?.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Names stand in the ids of programs and in lists with commas.
pub(crate) fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}

pub(crate) const NAME_ALLOWED: &str = "1 to 64 letters, digits, `-`, `_` and `.`";

/// Where daemons listen.
pub(crate) const PORT: u16 = 7410;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RackFile, String> {
        RackFile::parse(Path::new("rack.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn hosts_and_ports() {
        let text = "silence = 2.5\n[[host]]\nname='a'\naddress='127.0.0.1'\n[[host]]\nname = \
                    'b'\naddress = '[::1]:99'\n[[host]]\nname='c'\naddress='198.51.100.7:7411'\n";
        let file = parse(text).expect("it is right");
        assert_eq!(file.silence, Some(2.5));
        let addresses: Vec<_> = file
            .hosts
            .iter()
            .map(|host| host.address.to_string())
            .collect();
        assert_eq!(
            addresses,
            ["127.0.0.1:7410", "[::1]:99", "198.51.100.7:7411"]
        );
        let here = |name| {
            file.here(Path::new("rack.toml"), name)
                .map(|host| &*host.name)
        };
        assert_eq!(here(None).expect("every machine has it"), "a");
        assert_eq!(here(Some("c")).expect("whatever its address"), "c");
        assert!(here(Some("d")).is_err());
    }

    #[test]
    fn what_is_wrong_is_named_in_one_line() {
        for (text, says) in [
            ("[[host]]\nname = 'a'\n", "line 1: missing field `address`"),
            ("host = 3", "line 1: invalid type"),
            (
                "[[host]]\nname='a'\naddress='::1'\nport=3",
                "line 3: unknown field `port`",
            ),
            (
                "[[host]]\nname='a b'\naddress='::1'",
                "`a b` is no name of a host",
            ),
            (
                "[[host]]\nname='a'\naddress='::1'\n[[host]]\nname='a'\naddress='::2'",
                "host a is there twice",
            ),
            (
                "[[host]]\nname='a'\naddress='10.0.0.1:x'",
                "host a: `10.0.0.1:x` leads nowhere",
            ),
            ("[[host", "line 1: "),
        ] {
            let error = parse(text).expect_err("refused");
            assert!(error.starts_with("`rack.toml`: "), "{error}");
            assert!(error.contains(says), "{text:?}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn nobody_is_here() {
        let file = parse("[[host]]\nname='a'\naddress='198.51.100.7'").expect("it is right");
        let error = file
            .here(Path::new("rack.toml"), None)
            .expect_err("elsewhere");
        assert!(error.to_string().contains("--name"), "{error}");
    }
}
