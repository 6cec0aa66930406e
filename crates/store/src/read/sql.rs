//! Statements from fixed fragments and bound values.
//!
//! No text that came from outside ever becomes part of a statement: [`Statement::push`] takes only what was written in this program.

use event::Timestamp;
use tokio_postgres::types::{ToSql, Type};

use super::fields::{Field, Fields};
use super::filter::{DataFilter, Filter, PatternSet};
use super::row::{COLUMNS, COLUMNS_WITHOUT_DATA};
use crate::indexes::Column;
use crate::pg::PgTime;

/// A value to bind.
pub(super) type Value = Box<dyn ToSql + Sync + Send>;

/// How the server is to plan a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planning {
    /// Once for all values, along the index that leads past the fewest rows.
    Once,
    /// For the values it has.
    Anew,
}

/// A statement under construction.
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) params: Vec<(Value, Type)>,
    pub(super) planning: Planning,
    /// Whether there are few statements of this shape, so that it is worth being remembered by the server.
    pub(super) is_common: bool,
}

impl Statement {
    /// A statement that reads along an index.
    pub(super) fn new(text: &'static str) -> Self {
        Self {
            sql: text.to_owned(),
            params: Vec::new(),
            planning: Planning::Once,
            is_common: true,
        }
    }

    /// A statement whose plan depends on its values.
    pub(super) fn planned_anew(text: &'static str) -> Self {
        Self {
            planning: Planning::Anew,
            is_common: false,
            ..Self::new(text)
        }
    }

    /// Adds text of the program's own.
    pub(super) fn push(&mut self, text: &'static str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    /// Adds the columns that [`super::row`] reads.
    pub(super) fn push_columns(&mut self, fields: Fields) -> &mut Self {
        self.push(if fields.has(Field::Data) {
            COLUMNS
        } else {
            COLUMNS_WITHOUT_DATA
        })
    }

    /// Adds a bound value.
    pub(super) fn bind(
        &mut self,
        value: impl ToSql + Sync + Send + 'static,
        kind: Type,
    ) -> &mut Self {
        self.params.push((Box::new(value), kind));
        self.sql.push('$');
        self.sql.push_str(&self.params.len().to_string());
        self
    }

    pub(super) fn bind_time(&mut self, time: Timestamp) -> &mut Self {
        self.bind(PgTime(time), Type::TIMESTAMPTZ)
    }

    /// Adds `AND ..` for every condition of a filter but the sources, which the caller places.
    pub(super) fn push_filter(&mut self, filter: &Filter) -> &mut Self {
        self.push_patterns("type", &filter.types);
        self.push_patterns("subject", &filter.subjects);
        self.push_data(&filter.data)
    }

    /// Adds what an added index begins with: text of the program's own, and names that are checked to hold nothing that means something in SQL.
    pub(super) fn push_column(&mut self, column: &Column) -> &mut Self {
        self.sql.push_str(&column.key());
        self
    }

    /// Adds `AND ..` for the condition of an added index on which rows it holds.
    pub(super) fn push_condition(&mut self, column: &Column) -> &mut Self {
        if let Some(condition) = column.condition() {
            self.push(" AND ").sql.push_str(&condition);
        }
        self
    }

    /// Adds `AND ..` for each condition on the data.
    pub(super) fn push_data(&mut self, filters: &[DataFilter]) -> &mut Self {
        for DataFilter { path, equals } in filters {
            self.is_common = false;
            self.push(" AND data #> ")
                .bind(path.clone(), Type::TEXT_ARRAY);
            match equals {
                // Bound as text and read by the server, which keeps every digit of a number.
                Some(json) => self
                    .push(" = ")
                    .bind(json.clone(), Type::TEXT)
                    .push("::jsonb"),
                None => self.push(" IS NOT NULL"),
            };
        }
        self
    }

    /// Adds `AND ..` for the values that a column may have. A prefix goes through `^@`, which knows no metacharacters.
    pub(super) fn push_patterns(
        &mut self,
        column: &'static str,
        patterns: &PatternSet,
    ) -> &mut Self {
        if patterns.is_any() {
            return self;
        }
        self.push(" AND (");
        let exact: Vec<String> = patterns.exact().map(str::to_owned).collect();
        match exact.as_slice() {
            // Nothing at all may be seen.
            [] if patterns.prefixes().next().is_none() => drop(self.push("false")),
            [] => {}
            [one] => drop(self.push(column).push(" = ").bind(one.clone(), Type::TEXT)),
            _ => drop(
                self.push(column)
                    .push(" = ANY (")
                    .bind(exact.clone(), Type::TEXT_ARRAY)
                    .push(")"),
            ),
        }
        for (index, prefix) in patterns.prefixes().enumerate() {
            self.is_common = false;
            if index > 0 || !exact.is_empty() {
                self.push(" OR ");
            }
            self.push(column)
                .push(" ^@ ")
                .bind(prefix.to_owned(), Type::TEXT);
        }
        self.push(")")
    }
}
