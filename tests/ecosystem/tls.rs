//! TLS by `futures-rustls`, server and client.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::sync::Arc;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use futures_rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use futures_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, RootCertStore, ServerConfig, crypto,
};
use futures_rustls::{TlsAcceptor, TlsConnector, client, server};
use gossamer::net::TcpStream;

use crate::{bytes, pair, run};

/// A server with a certificate that it has signed itself.
fn acceptor() -> (TlsAcceptor, CertificateDer<'static>) {
    let names = ["localhost".to_owned()];
    let signed = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let certificate = signed.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(signed.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions that it has")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a key of this certificate");
    (Arc::new(config).into(), certificate)
}

/// A client that trusts these certificates.
fn connector(trusted: impl IntoIterator<Item = CertificateDer<'static>>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(certificate).expect("a certificate");
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions that it has")
        .with_root_certificates(roots);
    Arc::new(config.with_no_client_auth()).into()
}

/// By name, as there is no default where another is built in as well.
fn provider() -> Arc<crypto::CryptoProvider> {
    Arc::new(crypto::ring::default_provider())
}

fn localhost() -> ServerName<'static> {
    "localhost".try_into().expect("a name")
}

type ClientStream = client::TlsStream<TcpStream>;
type ServerStream = server::TlsStream<TcpStream>;

/// Two ends of which the client trusts the server.
async fn tls_pair() -> (ClientStream, ServerStream) {
    let (one, other) = pair().await;
    let (acceptor, certificate) = acceptor();
    let connecting = connector([certificate]).connect(localhost(), one);
    let (one, other) = futures::join!(connecting, acceptor.accept(other));
    (one.expect("trusted"), other.expect("taken"))
}

#[test]
fn megabytes_there_and_back_with_each_half_on_another_worker() {
    run(2, || async {
        let (client, server) = tls_pair().await;
        let echoing = gossamer::spawn(async move {
            let (read, mut write) = server.split();
            futures::io::copy(read, &mut write).await?;
            write.close().await
        });
        let (mut read, mut write) = client.split();
        let sent = bytes(3 << 20);
        let sending = sent.clone();
        let writing = gossamer::spawn_on(1, || async move {
            write.write_all(&sending).await?;
            write.close().await
        });
        let mut received = Vec::new();
        read.read_to_end(&mut received).await.expect("a clean end");
        assert!(received == sent);
        writing.await.expect("no panic").expect("open");
        echoing.await.expect("no panic").expect("open");
    });
}

#[test]
fn client_that_does_not_trust_the_certificate() {
    run(1, || async {
        let (one, other) = pair().await;
        let (acceptor, _) = acceptor();
        // It keeps its stream, so that it is the alert that the server hears of.
        let connecting = connector([]).connect(localhost(), one).into_fallible();
        let (one, other) = futures::join!(connecting, acceptor.accept(other));
        let (here, stream) = one.expect_err("a stranger");
        let there = other.expect_err("refused");
        drop(stream);
        let [here, there] = [here, there].map(|error| error.downcast::<Error>());
        assert_eq!(
            here.expect("from rustls"),
            Error::InvalidCertificate(CertificateError::UnknownIssuer)
        );
        assert_eq!(
            there.expect("from rustls"),
            Error::AlertReceived(AlertDescription::UnknownCA)
        );
    });
}

#[test]
fn close_notify_reads_as_a_clean_end() {
    run(1, || async {
        let (mut client, mut server) = tls_pair().await;
        client.write_all(b"question").await.expect("open");
        client.close().await.expect("open");
        let mut question = String::new();
        let read = server.read_to_string(&mut question).await;
        read.expect("a clean end");
        assert_eq!(question, "question");
        server.write_all(b"answer").await.expect("half open");
        server.close().await.expect("half open");
        let mut answer = String::new();
        client
            .read_to_string(&mut answer)
            .await
            .expect("a clean end");
        assert_eq!(answer, "answer");
    });
}

#[test]
fn stream_cut_without_close_notify_reads_as_an_unexpected_end() {
    run(1, || async {
        let (mut client, mut server) = tls_pair().await;
        client.write_all(b"quest").await.expect("open");
        client.flush().await.expect("open");
        let (stream, _) = client.get_ref();
        stream.shutdown(Shutdown::Write).expect("open");
        let mut question = Vec::new();
        let read = server.read_to_end(&mut question).await;
        assert_eq!(read.expect_err("cut").kind(), ErrorKind::UnexpectedEof);
        assert_eq!(question, b"quest");
        server.write_all(b"ans").await.expect("half open");
        server.flush().await.expect("half open");
        drop(server);
        let mut answer = Vec::new();
        let read = client.read_to_end(&mut answer).await;
        assert_eq!(read.expect_err("cut").kind(), ErrorKind::UnexpectedEof);
        assert_eq!(answer, b"ans");
    });
}
