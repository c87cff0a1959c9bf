//! [`ToSocketAddrs`]: addresses, and names that are resolved off the workers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// What names one or more addresses, as [`std::net::ToSocketAddrs`] does.
///
/// A name is looked up on a thread beside the workers, as the system's resolver blocks.
///
/// ```
/// use gossamer::net::TcpListener;
///
/// # gossamer::Builder::new().workers(1).build()?.block_on(async {
/// TcpListener::bind("localhost:0").await?;
/// TcpListener::bind(("127.0.0.1", 0)).await?;
/// TcpListener::bind(([127, 0, 0, 1], 0)).await?;
/// # Ok::<_, std::io::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ToSocketAddrs: sealed::Sealed {}

impl<T: sealed::Sealed + ?Sized> ToSocketAddrs for T {}

/// The addresses that `named` stands for; at least one.
pub(super) async fn resolve(named: &(impl ToSocketAddrs + ?Sized)) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = match named.to_address()? {
        Address::Known(addresses) => return Ok(addresses),
        Address::Name(host, port) => (host, port),
    };
    let text = format!("{host}:{port}");
    let lookup = move || {
        let addresses = std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port));
        addresses.map(Vec::from_iter)
    };
    let addresses = blocking::unblock(lookup)
        .await
        .map_err(super::name("look up", &text))?;
    if addresses.is_empty() {
        let nothing = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return Err(super::name("look up", text)(nothing));
    }
    Ok(addresses)
}

/// What a text or a pair says.
#[derive(Debug)]
pub enum Address {
    /// Addresses that need no lookup.
    Known(Vec<SocketAddr>),
    /// A host's name, and a port.
    Name(String, u16),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Known(vec![address])
    }
}

fn parse_host(host: &str, port: u16) -> Address {
    match host.parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, port).into(),
        Err(_) => Address::Name(host.to_owned(), port),
    }
}

fn parse(text: &str) -> io::Result<Address> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address.into());
    }
    let parts = text.rsplit_once(':');
    let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts.ok_or_else(|| {
        let advice = format!("{text:?} is no address: write HOST:PORT, as in \"localhost:80\"");
        io::Error::new(io::ErrorKind::InvalidInput, advice)
    })?;
    Ok(parse_host(host, port))
}

mod sealed {
    use super::*;

    pub trait Sealed: Send + Sync {
        fn to_address(&self) -> io::Result<Address>;
    }

    impl Sealed for str {
        fn to_address(&self) -> io::Result<Address> {
            parse(self)
        }
    }

    impl Sealed for String {
        fn to_address(&self) -> io::Result<Address> {
            parse(self)
        }
    }

    impl Sealed for (&str, u16) {
        fn to_address(&self) -> io::Result<Address> {
            Ok(parse_host(self.0, self.1))
        }
    }

    impl Sealed for (String, u16) {
        fn to_address(&self) -> io::Result<Address> {
            Ok(parse_host(&self.0, self.1))
        }
    }

    impl Sealed for [SocketAddr] {
        fn to_address(&self) -> io::Result<Address> {
            if self.is_empty() {
                let error = "no address to choose from: give one at least";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
            }
            Ok(Address::Known(self.to_vec()))
        }
    }

    impl<T: Sealed + ?Sized> Sealed for &T {
        fn to_address(&self) -> io::Result<Address> {
            (**self).to_address()
        }
    }

    macro_rules! known {
        ($($name:ty),*) => { $(
            impl Sealed for $name {
                fn to_address(&self) -> io::Result<Address> {
                    Ok(SocketAddr::from(*self).into())
                }
            }
        )* };
    }

    known!(SocketAddr, SocketAddrV4, SocketAddrV6);
    known!((IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));
    known!(([u8; 4], u16), ([u16; 8], u16));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let known = |text| matches!(parse(text), Ok(Address::Known(all)) if all.len() == 1);
        assert!(known("127.0.0.1:80"));
        assert!(known("[::1]:80"));
        assert!(matches!(parse("host:80"), Ok(Address::Name(host, 80)) if host == "host"));
        for text in ["", "host", "host:", "host:99999", "host:http"] {
            let error = parse(text).expect_err("no port");
            assert!(error.to_string().contains("HOST:PORT"), "{error}");
        }
    }
}
