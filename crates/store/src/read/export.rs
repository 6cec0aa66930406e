//! Exports: every event that matches, in order, as the server comes upon them.
//!
//! One statement reads along an index and is never held as a whole, neither here nor by the server: rows wait in the socket while nobody takes
//! them. It sees one moment of the table, so what is stored meanwhile is not in it.

use std::ops::ControlFlow;
use std::pin::Pin;

use futures_util::TryStreamExt;
use tokio_postgres::RowStream;
use tokio_postgres::types::Type;

use super::fields::Fields;
use super::page::{PageQuery, conditions, order_by};
use super::row::EventRow;
use super::session::Lease;
use super::sql::Statement;
use super::{ReadError, Reader};

const DOING: &str = "export events";

/// Up to so many sources are read each along its own index range; of more, the table is read in order and the others are left out.
const MAX_MERGED_SOURCES: usize = 16;

/// An export under way. Dropped before its end, its statement is cancelled on the server.
pub struct Export {
    rows: Option<(Pin<Box<RowStream>>, Lease)>,
}

impl Reader {
    /// Begins to read every event that a query means, from its position on; `max_bytes` does not matter.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn export(&self, query: &PageQuery) -> Result<Export, ReadError> {
        if query.filter.sources.is_nothing() || query.limit == 0 {
            return Ok(Export { rows: None });
        }
        let lease = self.lease(self.budgets.export).await?;
        let merged = self
            .sources
            .resolve(&lease, &query.filter.sources, MAX_MERGED_SOURCES)
            .await?;
        let statement = statement(query, merged.as_deref());
        let rows = lease.rows(DOING, statement).await?;
        Ok(Export {
            rows: Some((Box::pin(rows), lease)),
        })
    }
}

impl Export {
    /// Hands on rows until `take` has had enough, and says whether there may be more. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`ReadError`]; what was handed on until then is not all.
    pub async fn read(
        &mut self,
        mut take: impl FnMut(&EventRow<'_>) -> ControlFlow<()>,
    ) -> Result<bool, ReadError> {
        let Some((rows, lease)) = &mut self.rows else {
            return Ok(false);
        };
        while let Some(row) = rows
            .try_next()
            .await
            .map_err(|error| lease.error(DOING, &error))?
        {
            if take(&EventRow::of(&row, 0)?).is_break() {
                return Ok(true);
            }
        }
        if let Some((_, lease)) = self.rows.take() {
            lease.finish();
        }
        Ok(false)
    }
}

fn statement(query: &PageQuery, merged: Option<&[String]>) -> Statement {
    let mut sql = Statement::new("");
    // Any number of sources is a shape of its own, and exports are few.
    sql.is_common = false;
    match merged {
        Some(names) => {
            for (index, name) in names.iter().enumerate() {
                sql.push(if index == 0 {
                    "(SELECT "
                } else {
                    " UNION ALL (SELECT "
                });
                sql.push_columns(query.fields)
                    .push(" FROM events WHERE source = ")
                    .bind(name.clone(), Type::TEXT);
                conditions(&mut sql, query);
                sql.push(")");
            }
            if names.is_empty() {
                sql.push("SELECT ")
                    .push_columns(Fields::ALL)
                    .push(" FROM events WHERE false");
            }
        }
        None => {
            sql.push("SELECT ")
                .push_columns(query.fields)
                .push(" FROM events WHERE true")
                .push_patterns("source", &query.filter.sources);
            conditions(&mut sql, query);
        }
    }
    sql.push(order_by(query));
    if let Ok(limit) = i64::try_from(query.limit) {
        sql.push(" LIMIT ").bind(limit, Type::INT8);
    }
    sql
}
