//! Hosts, and what connects them.

use std::io::Write;
use std::net::Ipv4Addr;

use crate::namespace::Namespace;
use crate::proxy::{self, Pace};

/// Some hosts and what lies between them.
pub(crate) struct Network {
    hosts: Vec<Host>,
    middle: Middle,
}

/// A namespace with one interface, `eth0`.
pub(crate) struct Host {
    pub(crate) namespace: Namespace,
    pub(crate) address: Ipv4Addr,
}

enum Middle {
    /// To which each host has a link, `port0` and so on.
    Switch(Namespace),
    /// One for each host, which has the addresses of all others, and by a proxy leads to them.
    Gateways(#[expect(dead_code, reason = "they live as long")] Vec<Namespace>),
}

impl Network {
    /// So many hosts on a switch; `None` if the system does not let us, which is said.
    pub(crate) fn switched(hosts: usize) -> Option<Self> {
        or_skipped(Self::try_switched(hosts))
    }

    /// So many hosts, between any two of which is a proxy; `None` if the system does not let us,
    /// which is said.
    pub(crate) fn proxied(hosts: usize, pace: Pace) -> Option<Self> {
        or_skipped(Self::try_proxied(hosts, pace))
    }

    fn try_switched(count: usize) -> Result<Self, String> {
        let switch = namespace()?;
        switch.try_ip("link add switch type bridge")?;
        switch.ip("link set switch up");
        let mut hosts = Vec::new();
        for number in 0..count {
            let host = Host::new(number)?;
            let to = host.namespace.path();
            switch.try_ip(&format!(
                "link add port{number} type veth peer name eth0 netns {to}"
            ))?;
            switch.ip(&format!("link set port{number} master switch up"));
            host.bring_up();
            hosts.push(host);
        }
        Ok(Self {
            hosts,
            middle: Middle::Switch(switch),
        })
    }

    fn try_proxied(count: usize, pace: Pace) -> Result<Self, String> {
        let mut hosts = Vec::new();
        let mut gateways = Vec::new();
        for number in 0..count {
            let host = Host::new(number)?;
            let gateway = namespace()?;
            let to = host.namespace.path();
            gateway.try_ip(&format!(
                "link add inner type veth peer name eth0 netns {to}"
            ))?;
            gateway.ip("link set inner up");
            for other in (0..count).filter(|other| *other != number) {
                gateway.ip(&format!("address add {}/24 dev inner", address(other)));
            }
            host.bring_up();
            hosts.push(host);
            gateways.push(gateway);
        }
        for from in 0..count {
            for to in (0..count).filter(|to| *to != from) {
                let ways = [
                    (&gateways[from], address(from)),
                    (&gateways[to], address(to)),
                ];
                proxy::start(ways, PORT, pace);
            }
        }
        Ok(Self {
            hosts,
            middle: Middle::Gateways(gateways),
        })
    }

    pub(crate) fn host(&self, number: usize) -> &Host {
        &self.hosts[number]
    }

    pub(crate) fn count(&self) -> usize {
        self.hosts.len()
    }

    /// Takes the switch's end of a host's link down, or up again: the host is told that it has no
    /// carrier.
    pub(crate) fn set_port(&self, host: usize, state: &str) {
        self.switch().ip(&format!("link set port{host} {state}"));
    }

    /// Takes the link of a host away for good.
    pub(crate) fn cut_for_good(&self, host: usize) {
        self.switch().ip(&format!("link delete port{host}"));
    }

    fn switch(&self) -> &Namespace {
        match &self.middle {
            Middle::Switch(switch) => switch,
            Middle::Gateways(_) => panic!("there is no switch"),
        }
    }
}

impl Host {
    fn new(number: usize) -> Result<Self, String> {
        Ok(Self {
            namespace: namespace()?,
            address: address(number),
        })
    }

    fn bring_up(&self) {
        let address = self.address;
        self.namespace.ip("link set lo up");
        self.namespace.ip("link set eth0 up");
        self.namespace
            .ip(&format!("address add {address}/24 dev eth0"));
    }

    /// Takes its own end of its link down, or up again: it forgets its routes meanwhile.
    pub(crate) fn set_link(&self, state: &str) {
        self.namespace.ip(&format!("link set eth0 {state}"));
    }

    /// From now on, what it sends to another is lost on the way.
    pub(crate) fn lose_all_to(&self, other: &Self) {
        let address = other.address;
        self.namespace.ip(&format!(
            "neighbour replace {address} lladdr {NOBODY} nud permanent dev eth0"
        ));
    }
}

fn namespace() -> Result<Namespace, String> {
    Namespace::new().map_err(|error| format!("network namespaces cannot be made: {error}"))
}

/// Says, past whatever collects the output of tests, that one is skipped.
fn or_skipped<T>(made: Result<T, String>) -> Option<T> {
    made.inspect_err(|why| {
        // Where all that is needed was installed, nothing may be left out.
        let is_required = std::env::var_os("GOSSAMER_TEST_HOSTS_REQUIRED").is_some();
        assert!(!is_required, "it needs hosts of its own: {why}");
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        let mut error = std::io::stderr().lock();
        writeln!(error, "SKIPPED {test}, as it needs hosts of its own: {why}")
            .expect("standard error is open");
    })
    .ok()
}

fn address(host: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, host as u8 + 1)
}

/// Where every node listens, each at the address of its host.
pub(crate) const PORT: u16 = 7411;

/// An address of hardware that nobody has.
const NOBODY: &str = "02:00:00:00:00:ff";
