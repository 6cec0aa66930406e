//! ACLs: what is asked of the authorizer, what it has, and whether that suffices.

use std::fmt;

use kafka_protocol::messages::{
    CreateAclsRequest, DescribeAclsRequest, create_acls_request::AclCreation,
};

use super::AccessAdmin;
use crate::{
    Error,
    wire::{Failure, text},
};

const ANY: i8 = 1;
/// Patterns that a name falls under: itself, `*`, and prefixes of it.
const MATCH: i8 = 2;
const LITERAL: i8 = 3;
const DENY: i8 = 2;
const ALLOW: i8 = 3;
/// Everybody.
const EVERYBODY: &str = "User:*";
const EVERYWHERE: &str = "*";

/// What a right is about, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A topic.
    Topic(String),
    /// A group of consumers.
    Group(String),
}

impl Resource {
    fn kind(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Group(_) => 3,
        }
    }

    fn name(&self) -> &str {
        let (Self::Topic(name) | Self::Group(name)) = self;
        name
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Fetch records; of a group: be in it and commit.
    Read,
    /// Produce records, also idempotently.
    Write,
    /// Make the topic.
    Create,
    /// Add partitions.
    Alter,
    /// See that it is there, its partitions and offsets. Whoever may read, write or alter may do this too.
    Describe,
    /// See its settings.
    DescribeConfigs,
    /// Change its settings.
    AlterConfigs,
}

impl Operation {
    const ALL: i8 = 2;

    fn code(self) -> i8 {
        match self {
            Self::Read => 3,
            Self::Write => 4,
            Self::Create => 5,
            Self::Alter => 7,
            Self::Describe => 8,
            Self::DescribeConfigs => 10,
            Self::AlterConfigs => 11,
        }
    }

    /// Whether being allowed this operation lets one do `self`, as the authorizer sees it.
    fn is_allowed_by(self, code: i8) -> bool {
        const READ_WRITE_DELETE_ALTER: [i8; 4] = [3, 4, 6, 7];
        code == self.code()
            || code == Self::ALL
            || self == Self::Describe && READ_WRITE_DELETE_ALTER.contains(&code)
            || self == Self::DescribeConfigs && code == Self::AlterConfigs.code()
    }

    fn is_denied_by(self, code: i8) -> bool {
        code == self.code() || code == Self::ALL
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Create => "CREATE",
            Self::Alter => "ALTER",
            Self::Describe => "DESCRIBE",
            Self::DescribeConfigs => "DESCRIBE_CONFIGS",
            Self::AlterConfigs => "ALTER_CONFIGS",
        })
    }
}

/// A right: this principal may do this with that, from any host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// Who: `User:` and the name of a SCRAM user or the subject of a certificate.
    pub principal: String,
    /// What may be done.
    pub operation: Operation,
    /// To what.
    pub resource: Resource,
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            principal,
            operation,
            resource,
        } = self;
        write!(f, "allow {principal} {operation} on {resource}")
    }
}

/// What the ACLs of the brokers say to a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is given, perhaps by a wider one.
    Allowed,
    /// It is not given.
    Missing,
    /// It is denied, which is stronger than anything that could be given.
    Denied,
}

/// An ACL as a broker has it.
struct Entry<'a> {
    principal: &'a str,
    host: &'a str,
    operation: i8,
    permission: i8,
}

fn effect(wanted: &Acl, entries: &[Entry<'_>]) -> Effect {
    let concerns =
        |entry: &&Entry<'_>| entry.principal == wanted.principal || entry.principal == EVERYBODY;
    let denied = entries
        .iter()
        .filter(concerns)
        .any(|entry| entry.permission == DENY && wanted.operation.is_denied_by(entry.operation));
    let allowed = entries.iter().filter(concerns).any(|entry| {
        entry.permission == ALLOW
            && entry.host == EVERYWHERE
            && wanted.operation.is_allowed_by(entry.operation)
    });
    match (denied, allowed) {
        (true, _) => Effect::Denied,
        (false, true) => Effect::Allowed,
        (false, false) => Effect::Missing,
    }
}

impl AccessAdmin {
    /// What the ACLs of the brokers say to a right; super users, who need none, are not known to this.
    ///
    /// # Errors
    /// [`Error::Refused`] without the right to see ACLs or without an authorizer, [`Error::Unreachable`].
    pub async fn effect(&mut self, wanted: &Acl) -> Result<Effect, Error> {
        let request = DescribeAclsRequest::default()
            .with_resource_type_filter(wanted.resource.kind())
            .with_resource_name_filter(Some(text(wanted.resource.name())))
            .with_pattern_type_filter(MATCH)
            .with_principal_filter(None)
            .with_host_filter(None)
            .with_operation(ANY)
            .with_permission_type(ANY);
        let answer = self.connection.call(&request).await?;
        Failure::check(
            "reading ACLs",
            answer.error_code,
            answer.error_message.as_ref(),
        )?;
        let entries: Vec<Entry<'_>> = answer
            .resources
            .iter()
            .flat_map(|resource| &resource.acls)
            .map(|acl| Entry {
                principal: &acl.principal,
                host: &acl.host,
                operation: acl.operation,
                permission: acl.permission_type,
            })
            .collect();
        Ok(effect(wanted, &entries))
    }

    /// Gives a right. One that is there already stays.
    ///
    /// # Errors
    /// [`Error::Refused`] without the right to give rights or without an authorizer, [`Error::Unreachable`].
    pub async fn allow(&mut self, acl: &Acl) -> Result<(), Error> {
        let creation = AclCreation::default()
            .with_resource_type(acl.resource.kind())
            .with_resource_name(text(acl.resource.name()))
            .with_resource_pattern_type(LITERAL)
            .with_principal(text(&acl.principal))
            .with_host(text(EVERYWHERE))
            .with_operation(acl.operation.code())
            .with_permission_type(ALLOW);
        let request = CreateAclsRequest::default().with_creations(vec![creation]);
        let answer = self.connection.call(&request).await?;
        for result in &answer.results {
            let doing = format!("giving a right ({acl})");
            Failure::check(&doing, result.error_code, result.error_message.as_ref())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> Acl {
        Acl {
            principal: "User:writer".to_owned(),
            operation: Operation::Read,
            resource: Resource::Topic("events".to_owned()),
        }
    }

    fn entry(principal: &'static str, operation: i8, permission: i8) -> Entry<'static> {
        Entry {
            principal,
            host: "*",
            operation,
            permission,
        }
    }

    #[test]
    fn a_wider_right_suffices() {
        for (principal, operation) in [("User:writer", 3), ("User:*", 3), ("User:writer", 2)] {
            let entries = [entry(principal, operation, ALLOW)];
            assert_eq!(effect(&read(), &entries), Effect::Allowed);
        }
        let describe = Acl {
            operation: Operation::Describe,
            ..read()
        };
        let entries = [entry("User:writer", 3, ALLOW)];
        assert_eq!(effect(&describe, &entries), Effect::Allowed);
    }

    #[test]
    fn anothers_right_another_right_and_a_right_from_one_host_do_not_suffice() {
        let from_one_host = Entry {
            host: "10.0.0.1",
            ..entry("User:writer", 3, ALLOW)
        };
        for entries in [
            vec![],
            vec![entry("User:other", 3, ALLOW)],
            vec![entry("User:writer", 4, ALLOW)],
            vec![from_one_host],
        ] {
            assert_eq!(effect(&read(), &entries), Effect::Missing);
        }
    }

    #[test]
    fn a_denial_is_stronger_than_any_right() {
        let entries = [entry("User:writer", 3, ALLOW), entry("User:*", 2, DENY)];
        assert_eq!(effect(&read(), &entries), Effect::Denied);
        let of_another = [entry("User:writer", 3, ALLOW), entry("User:x", 2, DENY)];
        assert_eq!(effect(&read(), &of_another), Effect::Allowed);
    }
}
