//! What a broker's error codes mean to an operator.

use kafka_protocol::{error::ResponseError, protocol::StrBytes};

use crate::Error;

/// An error code with the text that came along.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    code: ResponseError,
    message: Option<String>,
}

impl Failure {
    /// None when the code says that all is well.
    pub(crate) fn of(code: i16, message: Option<&StrBytes>) -> Option<Self> {
        use kafka_protocol::error::ParseResponseErrorCode as _;
        Some(Self {
            code: code.err()?,
            message: message
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty()),
        })
    }

    /// A failure is an error, which says what was being done.
    pub(crate) fn check(doing: &str, code: i16, message: Option<&StrBytes>) -> Result<(), Error> {
        Self::of(code, message).map_or(Ok(()), |failure| Err(failure.error(doing)))
    }

    /// True when there is no user of that name.
    pub(crate) fn is_not_found(&self) -> bool {
        self.code == ResponseError::ResourceNotFound
    }

    /// The error for the caller, with the way out where there is one.
    pub(crate) fn error(&self, doing: &str) -> Error {
        let way_out = match self.code {
            ResponseError::SecurityDisabled => {
                "the brokers have no authorizer, so that ACLs mean nothing: set `authorizer.class.name`, or leave the ACLs out"
            }
            ResponseError::ClusterAuthorizationFailed => {
                "this user may not: use one with ALTER, DESCRIBE, ALTER_CONFIGS and DESCRIBE_CONFIGS on the cluster, or a super user"
            }
            ResponseError::SaslAuthenticationFailed => {
                "the broker does not know this user name with this password"
            }
            ResponseError::UnsupportedSaslMechanism => {
                "this listener takes another way to authenticate: see `kafka.security.authentication`, and the port"
            }
            ResponseError::UnsupportedVersion => {
                "the brokers do not have this request, or do not let clients make it"
            }
            _ => "",
        };
        let code = format!("{:?}", self.code);
        let said = self.message.as_deref().unwrap_or(&code);
        Error::Refused(match way_out {
            "" => format!("{doing}: {said}"),
            way_out => format!("{doing}: {said} ({way_out})"),
        })
    }
}
