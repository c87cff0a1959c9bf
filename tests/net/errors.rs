//! Errors name the address, or the path, and what was to be done with it.

use std::io::ErrorKind;

use gossamer::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};

use crate::run;

#[test]
fn port_in_use() {
    run(1, || async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let error = TcpListener::bind(address).await.expect_err("in use");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let text = format!("cannot listen on {address}: ");
        assert!(error.to_string().starts_with(&text), "{error}");
    });
}

#[test]
fn address_of_another_machine() {
    run(1, || async {
        let error = TcpListener::bind("192.0.2.1:80")
            .await
            .expect_err("not ours");
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(error.to_string().contains("192.0.2.1:80"), "{error}");
        let error = UdpSocket::bind("192.0.2.1:80").await.expect_err("not ours");
        assert!(error.to_string().contains("192.0.2.1:80"), "{error}");
    });
}

#[test]
fn connection_refused() {
    run(1, || async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let error = TcpStream::connect(address).await.expect_err("nobody there");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let text = format!("cannot connect to {address}: ");
        assert!(error.to_string().starts_with(&text), "{error}");
    });
}

#[test]
fn second_address_is_tried() {
    run(1, || async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let all = [&closed, &listener].map(|one| one.local_addr().expect("an address"));
        drop(closed);
        let stream = TcpStream::connect(&all[..]).await.expect("the second");
        assert_eq!(stream.peer_addr().expect("connected"), all[1]);
    });
}

#[test]
fn names() {
    run(1, || async {
        let error = TcpStream::connect("no port").await.expect_err("no port");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = TcpStream::connect("host.invalid:80").await;
        let error = error.expect_err("no such host").to_string();
        assert!(
            error.starts_with("cannot look up host.invalid:80: "),
            "{error}"
        );
    });
}

#[test]
fn paths() {
    run(1, || async {
        let path = "/no/such/folder/socket";
        let error = UnixListener::bind(path).expect_err("no folder");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(path), "{error}");
        let error = UnixStream::connect(path).await.expect_err("nobody there");
        assert!(error.to_string().contains(path), "{error}");
    });
}

#[test]
fn port_shared_with_another_process_is_in_use() {
    use socket2::{Domain, Socket, Type};
    let stranger = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    stranger.set_reuse_port(true).expect("a socket");
    stranger.set_reuse_address(true).expect("a socket");
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
    stranger.bind(&any.into()).expect("a port");
    stranger.listen(1).expect("bound");
    let address = stranger.local_addr().expect("bound").as_socket();
    let address = address.expect("of TCP");
    run(2, || async move {
        let error = TcpListener::bind_shared(address).await.expect_err("in use");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(stranger);
        let first = TcpListener::bind_shared(address).await.expect("free");
        let second = gossamer::spawn_on(1, move || TcpListener::bind_shared(address));
        let second = second.await.expect("no panic").expect("of this process");
        drop((first, second));
        TcpListener::bind(address).await.expect("free again");
    });
}
