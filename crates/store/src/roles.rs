//! The roles and what they may do, as a desired state.
//!
//! Three group roles without login; a login role is made a member of one:
//!
//! | role | for | may |
//! |---|---|---|
//! | `flumen_writer` | the writer | add events, dead letters and counts, move checkpoints, make partitions; not drop or change a table |
//! | `flumen_reader` | query-api | read events, counts, checkpoints and, for operators, dead letters |
//! | `flumen_analyst` | people with SQL | read events, counts and the views of `analytics` |
//!
//! Nobody is granted anything on a single partition. Nothing is ever revoked or dropped here.

use tokio_postgres::types::Type;

use crate::{Pool, StoreError, pool::Session};

/// One thing to be done so that the database is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What, in words.
    pub what: String,
    /// The statement that does it.
    pub sql: String,
}

struct Grant {
    role: &'static str,
    privileges: &'static [&'static str],
    on: Object,
}

#[derive(Clone, Copy)]
enum Object {
    Table(&'static str),
    Schema(Schema),
    Function(&'static str),
}

#[derive(Clone, Copy)]
enum Schema {
    /// The one the tables are in.
    Tables,
    Analytics,
}

const ROLES: [(&str, &str); 3] = [
    ("flumen_writer", "stores events"),
    ("flumen_reader", "reads events for the query API"),
    ("flumen_analyst", "reads events with SQL"),
];

const SELECT: &[&str] = &["SELECT"];
const USAGE: &[&str] = &["USAGE"];

const fn grant(role: &'static str, privileges: &'static [&'static str], on: Object) -> Grant {
    Grant {
        role,
        privileges,
        on,
    }
}

const GRANTS: &[Grant] = &[
    grant("flumen_writer", USAGE, Object::Schema(Schema::Tables)),
    grant(
        "flumen_writer",
        &["SELECT", "INSERT"],
        Object::Table("events"),
    ),
    grant(
        "flumen_writer",
        &["SELECT", "INSERT", "UPDATE"],
        Object::Table("event_counts"),
    ),
    grant(
        "flumen_writer",
        &["SELECT", "INSERT", "UPDATE"],
        Object::Table("checkpoints"),
    ),
    grant(
        "flumen_writer",
        &["SELECT", "INSERT"],
        Object::Table("dead_letters"),
    ),
    grant(
        "flumen_writer",
        &["SELECT", "INSERT", "UPDATE", "DELETE"],
        Object::Table("recent_ids"),
    ),
    grant("flumen_writer", SELECT, Object::Table("flumen_partitions")),
    grant(
        "flumen_writer",
        &["EXECUTE"],
        Object::Function("flumen_ensure_partition(timestamptz, timestamptz, timestamptz)"),
    ),
    grant("flumen_reader", USAGE, Object::Schema(Schema::Tables)),
    grant("flumen_reader", SELECT, Object::Table("events")),
    grant("flumen_reader", SELECT, Object::Table("event_counts")),
    grant("flumen_reader", SELECT, Object::Table("checkpoints")),
    grant("flumen_reader", SELECT, Object::Table("dead_letters")),
    grant("flumen_reader", SELECT, Object::Table("flumen_partitions")),
    grant("flumen_analyst", USAGE, Object::Schema(Schema::Tables)),
    grant("flumen_analyst", USAGE, Object::Schema(Schema::Analytics)),
    grant("flumen_analyst", SELECT, Object::Table("events")),
    grant("flumen_analyst", SELECT, Object::Table("event_counts")),
    grant("flumen_analyst", SELECT, Object::Table("checkpoints")),
];

/// A login role that should be a member of one of the groups. It must exist: passwords are not made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `flumen_writer`, `flumen_reader` or `flumen_analyst`.
    pub group: String,
    /// The login role.
    pub login: String,
}

impl Member {
    /// Reads `GROUP=LOGIN`, where the group may be written without its `flumen_`.
    ///
    /// # Errors
    /// Says what is possible.
    pub fn parse(text: &str) -> Result<Self, String> {
        let groups = || ROLES.map(|(role, _)| role);
        let (group, login) = text
            .split_once('=')
            .filter(|(_, login)| !login.is_empty())
            .ok_or_else(|| format!("`{text}` is not GROUP=LOGIN, such as writer=flumen_app"))?;
        groups()
            .into_iter()
            .find(|known| *known == group || known.strip_prefix("flumen_") == Some(group))
            .map(|known| Self {
                group: known.to_owned(),
                login: login.to_owned(),
            })
            .ok_or_else(|| format!("`{group}` is not one of {}", groups().join(", ")))
    }
}

/// What is missing: roles, grants, the grants that later views will get, and these memberships.
///
/// # Errors
/// An outage, or fatal without the schema.
pub async fn difference(pool: &Pool, members: &[Member]) -> Result<Vec<Change>, StoreError> {
    let session = pool.session().await?;
    let changes = missing(&session, members).await?;
    session.release();
    Ok(changes)
}

/// Makes what is missing, and answers what was done. Safe to repeat.
///
/// # Errors
/// An outage; fatal without the schema, a login role that is named, or the right to do it.
pub async fn apply(pool: &Pool, members: &[Member]) -> Result<Vec<Change>, StoreError> {
    let session = pool.session().await?;
    let changes = missing(&session, members).await?;
    for change in &changes {
        session
            .batch_execute(&change.sql)
            .await
            .map_err(|error| StoreError::from_pg("set up the roles", &error))?;
    }
    session.release();
    Ok(changes)
}

/// Makes what is missing as far as this user may; answers what was done and what is left.
pub(crate) async fn apply_what_we_may(
    session: &Session,
) -> Result<(Vec<Change>, Vec<Change>), StoreError> {
    let mut left = Vec::new();
    let mut done = Vec::new();
    for change in missing(session, &[]).await? {
        match session.batch_execute(&change.sql).await {
            Ok(()) => done.push(change),
            Err(error) => match StoreError::from_pg("set up the roles", &error) {
                // May not, or the role it is for could not be made.
                other if matches!(other.sqlstate(), Some("42501" | "42704")) => left.push(change),
                other => return Err(other),
            },
        }
    }
    Ok((done, left))
}

async fn missing(session: &Session, members: &[Member]) -> Result<Vec<Change>, StoreError> {
    let fail = |error| StoreError::from_pg("compare the roles", &error);
    let schema: Option<String> = session
        .query_typed_opt(
            "SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.oid = to_regclass('events')",
            &[],
        )
        .await
        .map_err(fail)?
        .map(|row| row.get(0));
    let Some(schema) = schema else {
        return Err(StoreError::Fatal {
            doing: "compare the roles",
            reason: "table events does not exist".to_owned(),
            sqlstate: None,
            advice: Some("run `flumen migrate` first"),
        });
    };
    let exist: Vec<String> = session
        .query_typed(
            "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'flumen\\_%'",
            &[],
        )
        .await
        .map_err(fail)?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let mut changes: Vec<Change> = ROLES
        .iter()
        .filter(|(role, _)| !exist.iter().any(|known| known == role))
        .map(|(role, purpose)| Change {
            what: format!("create role {role}, which {purpose}"),
            sql: create_role(role),
        })
        .collect();
    for grant in GRANTS {
        if !exist.iter().any(|known| known == grant.role)
            || !has(session, grant, &schema).await.map_err(fail)?
        {
            changes.push(grant.change(&schema));
        }
    }
    if !exist.iter().any(|known| known == "flumen_analyst")
        || !views_readable(session).await.map_err(fail)?
    {
        changes.push(Change {
            what: "let flumen_analyst read every view of analytics, also later ones".to_owned(),
            sql: "GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO flumen_analyst; \
                  ALTER DEFAULT PRIVILEGES IN SCHEMA analytics GRANT SELECT ON TABLES TO flumen_analyst"
                .to_owned(),
        });
    }
    for member in members {
        if !is_member(session, member).await.map_err(fail)? {
            changes.push(Change {
                what: format!("make {} a member of {}", member.login, member.group),
                sql: format!("GRANT {} TO {}", member.group, quoted(&member.login)),
            });
        }
    }
    Ok(changes)
}

async fn is_member(session: &Session, member: &Member) -> Result<bool, tokio_postgres::Error> {
    let row = session
        .query_typed_opt(
            "SELECT EXISTS (SELECT FROM pg_auth_members m \
               JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles l ON l.oid = m.member \
              WHERE g.rolname = $1 AND l.rolname = $2)",
            &[(&member.group, Type::TEXT), (&member.login, Type::TEXT)],
        )
        .await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// Roles belong to the whole cluster: two databases may be migrated at once, and one of them comes second.
fn create_role(role: &str) -> String {
    format!(
        "DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
}

async fn has(
    session: &Session,
    grant: &Grant,
    schema: &str,
) -> Result<bool, tokio_postgres::Error> {
    let function = match grant.on {
        Object::Table(_) => "has_table_privilege",
        Object::Schema(_) => "has_schema_privilege",
        Object::Function(_) => "has_function_privilege",
    };
    let object = match grant.on {
        Object::Schema(Schema::Tables) => schema.to_owned(),
        Object::Schema(Schema::Analytics) => "analytics".to_owned(),
        Object::Table(name) | Object::Function(name) => format!("{}.{name}", quoted(schema)),
    };
    let checks: Vec<String> = grant
        .privileges
        .iter()
        .map(|privilege| {
            format!(
                "{function}('{}', {}, '{privilege}')",
                grant.role,
                literal(&object)
            )
        })
        .collect();
    let row = session
        .query_typed_one(&format!("SELECT {}", checks.join(" AND ")), &[])
        .await?;
    Ok(row.get(0))
}

async fn views_readable(session: &Session) -> Result<bool, tokio_postgres::Error> {
    let row = session
        .query_typed_one(
            "SELECT coalesce(bool_and(has_table_privilege('flumen_analyst', c.oid, 'SELECT')), true) \
               AND EXISTS (SELECT FROM pg_default_acl d JOIN pg_namespace s ON s.oid = d.defaclnamespace \
                            CROSS JOIN aclexplode(d.defaclacl) a \
                            WHERE s.nspname = 'analytics' AND d.defaclobjtype = 'r' \
                              AND a.grantee = 'flumen_analyst'::regrole AND a.privilege_type = 'SELECT') \
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
              WHERE n.nspname = 'analytics' AND c.relkind IN ('r', 'v', 'm', 'p')",
            &[],
        )
        .await?;
    Ok(row.get(0))
}

impl Grant {
    fn change(&self, schema: &str) -> Change {
        let privileges = self.privileges.join(", ");
        let object = match self.on {
            Object::Table(name) => format!("TABLE {}.{name}", quoted(schema)),
            Object::Schema(Schema::Tables) => format!("SCHEMA {}", quoted(schema)),
            Object::Schema(Schema::Analytics) => "SCHEMA analytics".to_owned(),
            Object::Function(name) => format!("FUNCTION {}.{name}", quoted(schema)),
        };
        let sql = format!("GRANT {privileges} ON {object} TO {}", self.role);
        Change {
            what: sql.to_lowercase(),
            sql,
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
