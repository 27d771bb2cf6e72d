//! Hostile TLS servers, which keep a client busy without ever sending data.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVersion};
use openssl::x509::{X509, X509Name};

/// A client that has not closed the connection by then has lost control. The server closes it, so that the test fails
/// instead of hanging.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A record with one HelloRequest, which a client must ignore during a handshake (RFC 5246 section 7.4.1.1).
const HELLO_REQUEST: &[u8] = &[22, 3, 3, 0, 4, 0, 0, 0, 0];

/// Answers the ClientHello with HelloRequests until the client closes the connection.
pub fn hello_requests(mut stream: TcpStream) {
    // The ClientHello may be longer than this, or arrive in pieces; the rest is not needed.
    let _ = stream.read(&mut [0; 4096]);
    shut_down_later(&stream);
    let block = HELLO_REQUEST.repeat(7000);
    while stream.write_all(&block).is_ok() {}
}

/// Completes a TLS 1.3 handshake, then sends session tickets until the client closes the connection.
pub fn tickets(stream: TcpStream) {
    shut_down_later(&stream);
    let ssl = Ssl::new(&ticket_context()).expect("a TLS state");
    // Tickets are part of the server's handshake, which ends only when the client closes the connection.
    let _ = ssl.accept(stream);
}

fn shut_down_later(stream: &TcpStream) {
    let stream = stream.try_clone().expect("a descriptor");
    std::thread::spawn(move || {
        std::thread::sleep(TIME_LIMIT);
        let _ = stream.shutdown(Shutdown::Both);
    });
}

fn ticket_context() -> SslContext {
    let key = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)
        .and_then(|group| EcKey::generate(&group))
        .and_then(PKey::from_ec_key)
        .expect("a key");
    let mut name = X509Name::builder().expect("a name");
    name.append_entry_by_text("CN", "hostile.example.com").expect("a name");
    let name = name.build();
    let mut certificate = X509::builder().expect("a certificate");
    let from = Asn1Time::days_from_now(0).expect("a time");
    let until = Asn1Time::days_from_now(1).expect("a time");
    let made = certificate
        .set_version(2)
        .and_then(|()| certificate.set_subject_name(&name))
        .and_then(|()| certificate.set_issuer_name(&name))
        .and_then(|()| certificate.set_not_before(&from))
        .and_then(|()| certificate.set_not_after(&until))
        .and_then(|()| certificate.set_pubkey(&key))
        .and_then(|()| certificate.sign(&key, MessageDigest::sha256()));
    made.expect("a certificate");
    let mut context = SslContext::builder(SslMethod::tls_server()).expect("a context");
    let made = context
        .set_min_proto_version(Some(SslVersion::TLS1_3))
        .and_then(|()| context.set_num_tickets(usize::MAX))
        .and_then(|()| context.set_certificate(&certificate.build()))
        .and_then(|()| context.set_private_key(&key));
    made.expect("a context");
    context.build()
}
