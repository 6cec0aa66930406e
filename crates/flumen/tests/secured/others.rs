//! ACLs that `flumen provision` would never make: by patterns, of every operation, denials. Sent in the clear to the inner listener.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    CreateAclsRequest, CreateAclsResponse, RequestHeader, ResponseHeader,
    create_acls_request::AclCreation,
};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, HeaderVersion as _, StrBytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const LITERAL: i8 = 3;
pub(crate) const PREFIXED: i8 = 4;
const TOPIC: i8 = 2;
const GROUP: i8 = 3;
const EVERY_OPERATION: i8 = 2;
const DENY: i8 = 2;
const ALLOW: i8 = 3;
const VERSION: i16 = 3;

/// What an ACL is about.
pub(crate) struct Pattern {
    kind: i8,
    name: String,
    pattern: i8,
}

pub(crate) fn topic(name: &str, pattern: i8) -> Pattern {
    let (kind, name) = (TOPIC, name.to_owned());
    Pattern {
        kind,
        name,
        pattern,
    }
}

pub(crate) fn group(name: &str, pattern: i8) -> Pattern {
    let kind = GROUP;
    Pattern {
        kind,
        ..topic(name, pattern)
    }
}

impl Pattern {
    pub(crate) fn allow(self, principal: &str) -> AclCreation {
        self.acl(principal, ALLOW)
    }

    pub(crate) fn deny(self, principal: &str) -> AclCreation {
        self.acl(principal, DENY)
    }

    fn acl(self, principal: &str, permission: i8) -> AclCreation {
        AclCreation::default()
            .with_resource_type(self.kind)
            .with_resource_name(text(&self.name))
            .with_resource_pattern_type(self.pattern)
            .with_principal(text(principal))
            .with_host(text("*"))
            .with_operation(EVERY_OPERATION)
            .with_permission_type(permission)
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Makes an ACL as the broker's own super user.
pub(crate) async fn acl(broker: &str, acl: AclCreation) {
    let header = RequestHeader::default()
        .with_request_api_key(30)
        .with_request_api_version(VERSION)
        .with_correlation_id(1);
    let mut body = BytesMut::new();
    header
        .encode(&mut body, CreateAclsRequest::header_version(VERSION))
        .expect("a header");
    CreateAclsRequest::default()
        .with_creations(vec![acl])
        .encode(&mut body, VERSION)
        .expect("a request");
    let mut stream = TcpStream::connect(broker).await.expect("a broker");
    let length = u32::try_from(body.len()).expect("short");
    stream.write_u32(length).await.expect("sent");
    stream.write_all(&body).await.expect("sent");
    let length = usize::try_from(stream.read_u32().await.expect("an answer")).expect("short");
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.expect("an answer");
    let mut answer = Bytes::from(answer);
    ResponseHeader::decode(&mut answer, CreateAclsResponse::header_version(VERSION))
        .expect("a header");
    let answer = CreateAclsResponse::decode(&mut answer, VERSION).expect("an answer");
    assert_eq!(answer.results[0].error_code, 0, "{answer:?}");
}
