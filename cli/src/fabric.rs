//! `gossamer fabric`: by what this host can reach others, and why not by the rest.

use std::fmt::{self, Display};
use std::net::{Ipv4Addr, TcpListener};

use clap::Args;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;

/// How it is to be told.
#[derive(Debug, Args)]
pub(crate) struct FabricOptions {
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What there is.
#[derive(Debug, Serialize)]
struct Report {
    fabrics: [Fabric; 3],
    /// How many bytes of memory a process may lock, which RDMA has to; without any limit, none.
    memlock_bytes: Option<u64>,
    devices: Vec<Device>,
}

#[derive(Debug, Serialize)]
struct Fabric {
    name: &'static str,
    is_usable: bool,
    why: String,
}

#[derive(Debug, Serialize)]
struct Device {
    name: String,
    inline_bytes: u32,
    is_in_order: bool,
    requests_max: u32,
    ports: Vec<Port>,
}

#[derive(Debug, Serialize)]
struct Port {
    number: u8,
    state: &'static str,
    link: &'static str,
    mtu: u32,
    gids: Vec<Gid>,
}

#[derive(Debug, Serialize)]
struct Gid {
    index: u32,
    address: String,
    is_roce_v2: bool,
}

/// Prints what there is.
pub(crate) fn run(options: &FabricOptions) {
    let report = Report::of_this_host();
    match options.json {
        true => {
            let text = serde_json::to_string_pretty(&report);
            println!("{}", text.expect("it has nothing that JSON has not"));
        }
        false => print!("{report}"),
    }
}

impl Report {
    fn of_this_host() -> Self {
        let found = devices();
        let fabrics = [shm(), tcp(), rdma(&found)];
        Self {
            fabrics,
            memlock_bytes: getrlimit(Resource::Memlock).current,
            devices: found.unwrap_or_default(),
        }
    }
}

impl Fabric {
    fn of(name: &'static str, found: Result<&str, String>) -> Self {
        Self {
            name,
            is_usable: found.is_ok(),
            why: found.map_or_else(|why| why, str::to_owned),
        }
    }
}

fn shm() -> Fabric {
    let made = memfd_create("gossamer", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
    let found = match made {
        Ok(_) => Ok("between processes of one user on this host"),
        Err(error) => Err(format!("memory that can be shared cannot be made: {error}")),
    };
    Fabric::of("shm", found)
}

fn tcp() -> Fabric {
    let found = match TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)) {
        Ok(_) => Ok("everywhere"),
        Err(error) => Err(format!("nothing can be listened on: {error}")),
    };
    Fabric::of("tcp", found)
}

fn rdma(found: &Result<Vec<Device>, String>) -> Fabric {
    let found = match found {
        Err(why) => Err(why.clone()),
        Ok(devices) if devices.is_empty() => Err("there is no device".to_owned()),
        Ok(devices) => {
            let mut ports = devices.iter().flat_map(|device| &device.ports);
            match ports.any(Port::is_usable) {
                true => Ok("with hosts that have a device, too"),
                false => Err("no port is active and has an address".to_owned()),
            }
        }
    };
    Fabric::of("rdma", found)
}

impl Port {
    fn is_usable(&self) -> bool {
        let has_address = self.link == INFINIBAND || self.gids.iter().any(|gid| gid.is_roce_v2);
        self.state == "active" && has_address
    }
}

#[cfg(not(feature = "rdma"))]
fn devices() -> Result<Vec<Device>, String> {
    Err("this command was built without the feature `rdma`".to_owned())
}

#[cfg(feature = "rdma")]
fn devices() -> Result<Vec<Device>, String> {
    use gossamer_transport::rack::rdma::{DeviceFound, GidFound, PortFound, survey};

    let gid = |gid: GidFound| Gid {
        index: gid.index,
        address: gid.address,
        is_roce_v2: gid.is_roce_v2,
    };
    let port = |port: PortFound| Port {
        number: port.number,
        state: port.state,
        link: if port.is_ethernet {
            "ethernet"
        } else {
            INFINIBAND
        },
        mtu: port.mtu,
        gids: port.gids.into_iter().map(gid).collect(),
    };
    let device = |device: DeviceFound| Device {
        name: device.name,
        inline_bytes: device.inline_bytes,
        is_in_order: device.is_in_order,
        requests_max: device.requests_max,
        ports: device.ports.into_iter().map(port).collect(),
    };
    match survey() {
        Ok(devices) => Ok(devices.into_iter().map(device).collect()),
        Err(error) => Err(with_causes(&error)),
    }
}

#[cfg(feature = "rdma")]
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fabric in &self.fabrics {
            let word = if fabric.is_usable { "yes" } else { "no" };
            writeln!(f, "{:<5} {word:<4} {}", fabric.name, fabric.why)?;
        }
        for device in &self.devices {
            write!(f, "{device}")?;
        }
        match self.memlock_bytes {
            Some(bytes) => writeln!(f, "memory that a process may lock: {bytes} bytes"),
            None => writeln!(f, "memory that a process may lock: all"),
        }
    }
}

impl Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.is_in_order {
            "in order"
        } else {
            "in any order"
        };
        writeln!(
            f,
            "device {}: {} bytes inline, bytes of a WRITE seen {order}, {} WRITEs under way",
            self.name, self.inline_bytes, self.requests_max
        )?;
        for port in &self.ports {
            let Port {
                number,
                state,
                link,
                mtu,
                ..
            } = port;
            writeln!(
                f,
                "  port {number}: {state}, {link}, packets of {mtu} bytes"
            )?;
            for gid in &port.gids {
                let kind = if gid.is_roce_v2 { ", RoCE v2" } else { "" };
                writeln!(f, "    gid {}: {}{kind}", gid.index, gid.address)?;
            }
        }
        Ok(())
    }
}

const INFINIBAND: &str = "infiniband";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_not_has_a_reason() {
        let report = Report::of_this_host();
        for fabric in &report.fabrics {
            assert!(!fabric.why.is_empty(), "{}", fabric.name);
        }
        let [shm, tcp, rdma] = &report.fabrics;
        assert!(shm.is_usable && tcp.is_usable, "{report}");
        let text = report.to_string();
        assert!(text.contains(&rdma.why), "{text}");
        if !cfg!(feature = "rdma") {
            assert!(!rdma.is_usable && rdma.why.contains("feature"), "{text}");
        }
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["fabrics"][1]["name"], "tcp");
    }

    #[test]
    fn a_port_that_is_down_is_of_no_use() {
        let port = |state, is_roce_v2| Port {
            number: 1,
            state,
            link: "ethernet",
            mtu: 4096,
            gids: vec![Gid {
                index: 0,
                address: "10.0.0.7".to_owned(),
                is_roce_v2,
            }],
        };
        assert!(port("active", true).is_usable());
        assert!(!port("active", false).is_usable());
        assert!(!port("down", true).is_usable());
    }
}
