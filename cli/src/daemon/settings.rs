//! What a daemon is told: by its options, and by the file of its rack.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::machine;
use super::rack_file::{Host, NAME_ALLOWED, PORT, RackFile, RackFileError, is_name, resolve};
use crate::control::connection::{DialError, dial};
use crate::key::{KeyError, RackKey, default_path};
use crate::options::Daemon as Options;

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) cores: u32,
    pub(crate) cache_bytes_max: u64,
    /// For how long nothing may be heard of a host.
    pub(crate) silence: Duration,
    /// Other hosts, by the file.
    pub(crate) hosts: Vec<Host>,
    /// Another host, which knows the rest.
    pub(crate) join: Option<SocketAddr>,
}

/// Why a daemon cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SettingsError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    File(#[from] RackFileError),
    #[error("`{address}` leads nowhere: {source}; write IP, IP:PORT or HOST:PORT")]
    Address {
        address: String,
        source: std::io::Error,
    },
    #[error("`{name}` is no name of a host: {NAME_ALLOWED}; give it one with --name")]
    Name { name: String },
    #[error("no daemon can be joined at {address}: {source}; start one there, or correct --join")]
    Join {
        address: SocketAddr,
        source: DialError,
    },
    #[error(
        "`{listen}` is no address by which others reach this host: name one of this host with \
         --listen"
    )]
    Listen { listen: String },
    #[error("a silence of {seconds} seconds: must be from 0.5 to 3600")]
    Silence { seconds: f64 },
}

impl Settings {
    pub(crate) fn of(options: &Options) -> Result<(Self, RackKey), SettingsError> {
        let path = match &options.key {
            Some(path) => path.clone(),
            None => default_path()?,
        };
        let key = RackKey::read(&path)?;
        let file = options.config.as_deref();
        let file = file.map(|path| RackFile::read(path).map(|file| (path, file)));
        let file = file.transpose()?;
        let seconds = file.as_ref().and_then(|(_, file)| file.silence);
        let seconds = options.silence.or(seconds).unwrap_or(SILENCE_DEFAULT);
        if !SILENCE_ALLOWED.contains(&seconds) {
            return Err(SettingsError::Silence { seconds });
        }
        let address_of = |text: &String| {
            resolve(text).map_err(|source| SettingsError::Address {
                address: text.clone(),
                source,
            })
        };
        let mut name = options.name.clone().unwrap_or_else(machine::name);
        let mut address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);
        let mut hosts = Vec::new();
        let join = options.join.as_ref().map(address_of).transpose()?;
        if let Some((path, file)) = file {
            let here = file.here(path, options.name.as_deref())?;
            (name, address) = (here.name.clone(), here.address);
            hosts = file
                .hosts
                .iter()
                .filter(|host| host.name != name)
                .cloned()
                .collect();
        }
        if let Some(join) = join {
            // The address by which this host reaches others is the one by which they reach it.
            let limit = Duration::from_secs_f64(seconds);
            let dialled = dial(join, &key, limit);
            let dialled = dialled.map_err(|source| SettingsError::Join {
                address: join,
                source,
            })?;
            if let Ok(local) = dialled.0.local_address() {
                address = SocketAddr::new(local.ip(), PORT);
            }
        }
        if let Some(listen) = &options.listen {
            address = address_of(listen)?;
            if address.ip().is_unspecified() {
                return Err(SettingsError::Listen {
                    listen: listen.clone(),
                });
            }
        }
        if !is_name(&name) {
            return Err(SettingsError::Name { name });
        }
        let settings = Self {
            name,
            address,
            cores: options.cores.unwrap_or_else(machine::cores),
            cache_bytes_max: options.cache_bytes,
            silence: Duration::from_secs_f64(seconds),
            hosts,
            join,
        };
        Ok((settings, key))
    }

    /// How often it is said that one lives.
    pub(crate) fn interval(&self) -> Duration {
        (self.silence / 5).min(INTERVAL_MAX)
    }
}

const SILENCE_DEFAULT: f64 = 5.0;
const SILENCE_ALLOWED: std::ops::RangeInclusive<f64> = 0.5..=3600.0;
const INTERVAL_MAX: Duration = Duration::from_secs(10);
