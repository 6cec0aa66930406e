//! What of the added indexes is there, as the catalogue shows it.

use super::column::{Column, short_hash};
use crate::{StoreError, pool::Session};

const DOING: &str = "look at the indexes";

/// What the comment of an added index begins with; what it is on follows.
pub(crate) const COMMENT: &str = "flumen index on ";

/// Longer names are cut by PostgreSQL.
const MOST_NAME_BYTES: usize = 63;

/// An added index of the parent.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) column: Column,
    pub(super) name: String,
    /// Whether every partition has it.
    pub(super) is_valid: bool,
}

/// A partition, as far as one column is concerned.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) schema: String,
    pub(super) name: String,
    /// What its index is called when it is built here.
    pub(super) index: String,
    /// Whether an index of that name is there, and whether its build was finished.
    pub(super) is_built: Option<bool>,
    /// Whether some index of its own, by whatever name, belongs to the parent's.
    pub(super) is_attached: bool,
}

/// The schema of the tables.
pub(super) async fn schema(session: &Session) -> Result<String, StoreError> {
    let rows = session
        .query(
            "SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass('events')",
            &[],
        )
        .await
        .map_err(|error| StoreError::from_pg(DOING, &error))?;
    rows.first()
        .map(|row| row.get(0))
        .ok_or_else(|| StoreError::Fatal {
            doing: DOING,
            reason: "table events does not exist".to_owned(),
            sqlstate: None,
            advice: Some("run `flumen migrate` first"),
        })
}

/// The added indexes of the parent.
pub(super) async fn added(session: &Session) -> Result<Vec<Found>, StoreError> {
    let rows = session
        .query(
            "SELECT obj_description(c.oid, 'pg_class'), c.relname::text, i.indisvalid \
               FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
              WHERE i.indrelid = to_regclass('events') AND starts_with(obj_description(c.oid, 'pg_class'), $1) ORDER BY 2",
            &[&COMMENT],
        )
        .await
        .map_err(|error| StoreError::from_pg(DOING, &error))?;
    Ok(rows
        .iter()
        .filter_map(|row| {
            let comment: String = row.get(0);
            Some(Found {
                column: Column::parse(comment.strip_prefix(COMMENT)?).ok()?,
                name: row.get(1),
                is_valid: row.get(2),
            })
        })
        .collect())
}

/// The partitions, the oldest first: what retention takes away next is not what a broken run leaves undone.
pub(super) async fn parts(session: &Session, column: &Column) -> Result<Vec<Part>, StoreError> {
    let rows = session
        .query(
            "SELECT n.nspname::text, c.relname::text, x.relname::text, i.indisvalid, coalesce(p.relname = $1, false) \
               FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
               LEFT JOIN pg_index i ON i.indrelid = c.oid LEFT JOIN pg_class x ON x.oid = i.indexrelid \
               LEFT JOIN pg_inherits xh ON xh.inhrelid = x.oid LEFT JOIN pg_class p ON p.oid = xh.inhparent \
              WHERE h.inhparent = to_regclass('events') AND NOT h.inhdetachpending ORDER BY 2",
            &[&parent_name(column)],
        )
        .await
        .map_err(|error| StoreError::from_pg(DOING, &error))?;
    let mut parts: Vec<Part> = Vec::new();
    for row in rows {
        let name: String = row.get(1);
        if parts.last().is_none_or(|last| last.name != name) {
            parts.push(Part {
                schema: row.get(0),
                index: child_name(&name, column),
                name,
                is_built: None,
                is_attached: false,
            });
        }
        let Some(part) = parts.last_mut() else {
            continue;
        };
        let index: Option<String> = row.get(2);
        if index.as_deref() == Some(part.index.as_str()) {
            part.is_built = row.get(3);
        }
        part.is_attached |= row.get::<_, bool>(4);
    }
    Ok(parts)
}

/// The name of the parent's index.
pub(super) fn parent_name(column: &Column) -> String {
    format!("events_{}", column.suffix())
}

fn child_name(partition: &str, column: &Column) -> String {
    let name = format!("{partition}_{}", column.suffix());
    if name.len() <= MOST_NAME_BYTES {
        name
    } else {
        format!("events_{}_{}", short_hash(partition), column.suffix())
    }
}

pub(super) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_longer_than_postgresql_keeps() {
        let data = Column::parse("data.a").expect("valid");
        for (partition, column) in [
            ("events_20260101_20260201", &Column::Subject),
            ("events_20260101_20260201", &data),
            (&"p".repeat(63), &data),
        ] {
            let name = child_name(partition, column);
            assert!(name.len() <= MOST_NAME_BYTES, "{name}");
            assert_ne!(name, parent_name(column));
        }
    }
}
