//! [`Adapter`]: the port of a device that a process uses, and how it is chosen.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;

use rdma_mummy_sys::{ibv_event_type, ibv_port_state};

use crate::rack::mapping::Mapping;
use crate::rack::rdma::card::{Card, NUMBER_MAX, gid_of, is_ipv4};
use crate::rack::rdma::error::RdmaError;
use crate::rack::rdma::queue_pair::QueuePair;
use crate::rack::rdma::settings::Settings;
use crate::rack::rdma::verbs::{Device, Domain, Region};

/// A port of a device, with all that its queue pairs have in common; a clone is the same.
///
/// ```
/// use gossamer_transport::rack::rdma::{Adapter, Settings};
///
/// let address = "10.99.0.1".parse()?;
/// match Adapter::open(&Settings::default(), address) {
///     Ok(adapter) => println!("{} has {address}", adapter.device()),
///     Err(error) => println!("by TCP, then: {error}"),
/// }
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Adapter(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    domain: Arc<Domain>,
    device: String,
    /// Where the system shows the device, as long as there is one.
    shown: Option<PathBuf>,
    port: Port,
    gid: Gid,
    limits: Limits,
    traits: Traits,
}

/// How a port is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    pub(super) number: u8,
    pub(super) state: u32,
    pub(super) mtu: u8,
    pub(super) lid: u16,
    pub(super) is_ethernet: bool,
}

/// An entry of a device's table of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gid {
    pub(super) bytes: [u8; 16],
    pub(super) index: u32,
    pub(super) port: u32,
    pub(super) kind: u32,
}

/// What a device can do at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) ports: u8,
    pub(super) requests: u32,
    pub(super) completions: u32,
}

/// What a queue pair of the device is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    pub(super) inline_bytes: u32,
    pub(super) is_in_order: bool,
}

impl Adapter {
    /// Opens the port that the settings name, or the one that has the address.
    ///
    /// # Errors
    /// If there is none that can be used; see [`RdmaError`].
    pub fn open(settings: &Settings, address: IpAddr) -> Result<Self, RdmaError> {
        let (mut has_device, mut reason) = (false, None);
        let found = Device::find(|name, open| {
            has_device = true;
            if settings
                .device
                .as_ref()
                .is_some_and(|device| device != name)
            {
                return None;
            }
            match open().and_then(|device| Self::of(device, name, settings, address)) {
                Ok(adapter) => Some(adapter),
                Err(error) => {
                    reason.get_or_insert(error);
                    None
                }
            }
        });
        let found = found.map_err(|error| match error {
            RdmaError::System { source, .. } => RdmaError::Unsupported { source },
            other => other,
        });
        found?.ok_or_else(|| match (has_device, reason, &settings.device) {
            (_, Some(reason), _) => reason,
            (true, None, Some(name)) => RdmaError::NoSuchDevice { name: name.clone() },
            _ => RdmaError::NoDevice,
        })
    }

    fn of(
        device: Arc<Device>,
        name: &str,
        settings: &Settings,
        address: IpAddr,
    ) -> Result<Self, RdmaError> {
        let limits = limits(&device)?;
        let (port, gid) = choose(&device, name, limits, settings, address)?;
        let domain = Domain::new(device)?;
        let traits = Traits::of(&domain)?;
        Ok(Self(Arc::new(Inside {
            domain,
            device: name.to_owned(),
            shown: shown(name),
            port,
            gid,
            limits,
            traits,
        })))
    }

    /// The name of the device.
    pub fn device(&self) -> &str {
        &self.0.device
    }

    /// Whether the bytes of a WRITE become visible in order, as the device promises.
    pub fn is_in_order(&self) -> bool {
        self.0.traits.is_in_order
    }

    /// Looks whether the device is gone; to be called now and then.
    ///
    /// Some drivers say so. Others, as that of soft-RoCE, wait with the end of a device until nobody
    /// uses it, and go on until then; but the system does not show it any more.
    ///
    /// # Errors
    /// [`RdmaError::DeviceGone`].
    pub fn check(&self) -> Result<(), RdmaError> {
        while let Some(event) = self.0.domain.device().poll_event() {
            if event == ibv_event_type::IBV_EVENT_DEVICE_FATAL as u32 {
                return Err(RdmaError::DeviceGone);
            }
        }
        match &self.0.shown {
            Some(path) if !path.exists() => Err(RdmaError::DeviceGone),
            _ => Ok(()),
        }
    }

    pub(super) fn domain(&self) -> &Arc<Domain> {
        &self.0.domain
    }

    pub(super) fn limits(&self) -> Limits {
        self.0.limits
    }

    pub(super) fn port(&self) -> u8 {
        self.0.port.number
    }

    pub(super) fn gid_index(&self) -> u8 {
        self.0.gid.index as u8
    }

    pub(super) fn is_ethernet(&self) -> bool {
        self.0.port.is_ethernet
    }

    /// The card of a queue pair of this port, with a sequence number of its own.
    pub(super) fn card(&self, number: u32, address: u64, key: u32) -> Card {
        let random = RandomState::new().build_hasher().finish();
        Card {
            number,
            sequence: random as u32 & NUMBER_MAX,
            gid: self.0.gid.bytes,
            lid: self.0.port.lid,
            mtu: self.0.port.mtu,
            address,
            key,
        }
    }
}

impl AsFd for Adapter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.domain.device().as_fd()
    }
}

impl Port {
    pub(super) fn of(device: &Device, number: u8) -> Result<Self, RdmaError> {
        let found = device.port(number)?;
        Ok(Self {
            number,
            state: found.state,
            mtu: found.active_mtu.clamp(1, 5) as u8,
            lid: found.lid,
            is_ethernet: found.link_layer == LINK_LAYER_ETHERNET,
        })
    }

    pub(super) fn is_active(&self) -> bool {
        self.state == ibv_port_state::IBV_PORT_ACTIVE
    }

    pub(super) fn state_name(&self) -> &'static str {
        match self.state {
            ibv_port_state::IBV_PORT_DOWN => "down",
            ibv_port_state::IBV_PORT_INIT => "initializing",
            ibv_port_state::IBV_PORT_ARMED => "armed",
            ibv_port_state::IBV_PORT_ACTIVE => "active",
            _ => "in a state of its own",
        }
    }
}

impl Traits {
    /// Made and thrown away: only a queue pair knows.
    pub(super) fn of(domain: &Arc<Domain>) -> Result<Self, RdmaError> {
        let memory = Mapping::private(PROBE_WORDS).map_err(|source| RdmaError::System {
            call: "mmap",
            source,
        })?;
        let region = Region::register(domain, Arc::new(memory))?;
        let probe = QueuePair::new(&region, 1, 1)?;
        Ok(Self {
            inline_bytes: probe.capacity().inline_bytes,
            is_in_order: probe.is_in_order(),
        })
    }
}

pub(super) fn limits(device: &Device) -> Result<Limits, RdmaError> {
    let found = device.attributes()?;
    Ok(Limits {
        ports: found.phys_port_cnt,
        requests: found.max_qp_wr.cast_unsigned(),
        completions: found.max_cqe.cast_unsigned(),
    })
}

pub(super) fn gids(device: &Device) -> Result<Vec<Gid>, RdmaError> {
    let found = device.gids()?.into_iter();
    let gids = found.map(|(bytes, [index, port, kind])| Gid {
        bytes,
        index,
        port,
        kind,
    });
    Ok(gids.collect())
}

/// Where the system shows what programs open of a device.
fn shown(name: &str) -> Option<PathBuf> {
    let all = std::fs::read_dir("/sys/class/infiniband_verbs").ok()?;
    let mut all = all.flatten().map(|entry| entry.path());
    all.find(|path| {
        let of = std::fs::read_to_string(path.join("ibdev"));
        of.is_ok_and(|of| of.trim_end() == name)
    })
}

/// The port, and which of its addresses is ours.
fn choose(
    device: &Device,
    name: &str,
    limits: Limits,
    settings: &Settings,
    address: IpAddr,
) -> Result<(Port, Gid), RdmaError> {
    let gids = gids(device)?;
    let numbers = settings.port.map_or(1..=limits.ports, |port| port..=port);
    let mut reason = None;
    for number in numbers {
        let port = Port::of(device, number)?;
        if !port.is_active() {
            reason.get_or_insert(RdmaError::PortDown {
                device: name.to_owned(),
                port: number,
                state: port.state_name(),
            });
            continue;
        }
        if let Some(gid) = choose_gid(&gids, &port, settings, address) {
            return Ok((port, gid));
        }
        reason.get_or_insert_with(|| match settings.gid {
            Some(index) => RdmaError::NoSuchGid {
                device: name.to_owned(),
                index,
            },
            None => RdmaError::NoAddress { address },
        });
    }
    Err(reason.unwrap_or(RdmaError::NoDevice))
}

/// The address that is asked for; else that of the node by RoCE v2, or, of a device that is asked
/// for, the first that is one of IPv4.
fn choose_gid(gids: &[Gid], port: &Port, settings: &Settings, address: IpAddr) -> Option<Gid> {
    let ours = gids.iter().filter(|gid| gid.port == port.number.into());
    // Tables are no longer than what a number of a byte names.
    let mut ours = ours.filter(|gid| gid.index <= u8::MAX.into());
    let found = match (settings.gid, port.is_ethernet) {
        (Some(index), _) => ours.find(|gid| gid.index == index),
        (None, true) => {
            let mut ours = ours.filter(|gid| gid.kind == ROCE_V2);
            let is_named = settings.device.is_some();
            let exact = ours.clone().find(|gid| gid.bytes == gid_of(address));
            exact.or_else(|| ours.find(|gid| is_named && is_ipv4(gid.bytes)))
        }
        // A port of InfiniBand is known by its number.
        (None, false) => ours.next(),
    };
    found.copied()
}

const LINK_LAYER_ETHERNET: u8 = 2;
/// As the library counts kinds of addresses.
pub(super) const ROCE_V2: u32 = 2;
const PROBE_WORDS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn port(is_ethernet: bool) -> Port {
        Port {
            number: 1,
            state: ibv_port_state::IBV_PORT_ACTIVE,
            mtu: 3,
            lid: 7,
            is_ethernet,
        }
    }

    #[test]
    fn the_address_is_that_of_the_node_by_roce_v2() {
        let address = IpAddr::from([10, 0, 0, 7]);
        let gid = |index, port, kind, address| Gid {
            bytes: gid_of(address),
            index,
            port,
            kind,
        };
        let other = IpAddr::from([10, 0, 0, 8]);
        let gids = [
            gid(0, 1, ROCE_V2, other),
            gid(1, 1, 1, address),
            gid(2, 2, ROCE_V2, address),
            gid(3, 1, ROCE_V2, address),
        ];
        let chosen = |index, is_ethernet| {
            let settings = Settings {
                gid: index,
                ..Settings::default()
            };
            let found = choose_gid(&gids, &port(is_ethernet), &settings, address);
            found.map(|gid| gid.index)
        };
        assert_eq!(chosen(None, true), Some(3));
        assert_eq!(chosen(Some(1), true), Some(1));
        assert_eq!(chosen(Some(2), true), None, "it is of the other port");
        assert_eq!(chosen(None, false), Some(0));
        let nobody = IpAddr::from([10, 0, 0, 9]);
        let mut settings = Settings::default();
        assert_eq!(choose_gid(&gids, &port(true), &settings, nobody), None);
        settings.device = Some("this".to_owned());
        let first = choose_gid(&gids, &port(true), &settings, nobody);
        assert_eq!(first.map(|gid| gid.index), Some(0));
    }
}
