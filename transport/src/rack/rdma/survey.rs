//! What RDMA this host has, for people.

use crate::rack::rdma::adapter::{Gid, Limits, Port, ROCE_V2, Traits, gids, limits};
use crate::rack::rdma::card::text_of;
use crate::rack::rdma::error::RdmaError;
use crate::rack::rdma::verbs::{Device, Domain};
use std::sync::Arc;

/// A device of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceFound {
    /// Its name.
    pub name: String,
    /// The most bytes of a WRITE that its request carries itself.
    pub inline_bytes: u32,
    /// Whether the bytes of a WRITE become visible in their order.
    pub is_in_order: bool,
    /// The most WRITEs that one connection may have under way.
    pub requests_max: u32,
    /// Its ports.
    pub ports: Vec<PortFound>,
}

/// A port of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortFound {
    /// Its number; the first is 1.
    pub number: u8,
    /// How it is: `active` is what it must be.
    pub state: &'static str,
    /// Whether it speaks RoCE, and not InfiniBand.
    pub is_ethernet: bool,
    /// The bytes of a packet.
    pub mtu: u32,
    /// Its addresses.
    pub gids: Vec<GidFound>,
}

/// An address of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GidFound {
    /// Under which index it is in the port's table.
    pub index: u32,
    /// The address, as an IP address.
    pub address: String,
    /// Whether it is one of RoCE v2, which is the one that is used on Ethernet.
    pub is_roce_v2: bool,
}

/// Looks at all devices.
///
/// ```
/// match gossamer_transport::rack::rdma::survey() {
///     Ok(devices) => println!("{} devices", devices.len()),
///     Err(error) => println!("none: {error}"),
/// }
/// ```
///
/// # Errors
/// If there is no library, or no support by the system, or a device does not answer.
pub fn survey() -> Result<Vec<DeviceFound>, RdmaError> {
    let mut devices = Vec::new();
    let failed = Device::find(|name, open| {
        let found = open().and_then(|device| look_at(name, device));
        match found {
            Ok(found) => {
                devices.push(found);
                None
            }
            Err(error) => Some(error),
        }
    });
    match failed {
        Ok(None) => Ok(devices),
        Ok(Some(error)) => Err(error),
        Err(RdmaError::System { source, .. }) => Err(RdmaError::Unsupported { source }),
        Err(error) => Err(error),
    }
}

fn look_at(name: &str, device: Arc<Device>) -> Result<DeviceFound, RdmaError> {
    let Limits {
        ports, requests, ..
    } = limits(&device)?;
    let gids = gids(&device)?;
    let ports = (1..=ports).map(|number| {
        let port = Port::of(&device, number)?;
        Ok(PortFound {
            number,
            state: port.state_name(),
            is_ethernet: port.is_ethernet,
            mtu: 128 << port.mtu,
            gids: gids_of(&gids, number),
        })
    });
    let ports = ports.collect::<Result<_, RdmaError>>()?;
    let traits = Traits::of(&Domain::new(device)?)?;
    Ok(DeviceFound {
        name: name.to_owned(),
        inline_bytes: traits.inline_bytes,
        is_in_order: traits.is_in_order,
        requests_max: requests,
        ports,
    })
}

fn gids_of(gids: &[Gid], port: u8) -> Vec<GidFound> {
    let of_port = gids.iter().filter(|gid| gid.port == port.into());
    let found = of_port.map(|gid| GidFound {
        index: gid.index,
        address: text_of(gid.bytes),
        is_roce_v2: gid.kind == ROCE_V2,
    });
    found.collect()
}
