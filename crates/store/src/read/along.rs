//! Along which index a page is read.
//!
//! By source there is always one. An operator may have added others (see [`crate::indexes`]); the catalogue tells which, and is asked once a minute
//! for all pages. Of several that a query could go along, the one whose entries lie furthest apart is taken, as a few of them tell: an index by
//! type is no help for a source of five hundred events, and one by subject is for a source of millions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use tokio::sync::Mutex;
use tokio_postgres::types::Type;

use super::ReadError;
use super::filter::{Filter, PatternSet};
use super::page::MAX_MERGED;
use super::session::Lease;
use super::sql::Statement;
use crate::indexes::{COMMENT, Column};

const DOING: &str = "look for added indexes";

/// One that was added is used, and one that was dropped is given up, so much later.
const KEPT_FOR: Duration = Duration::from_secs(60);

const BUDGET: Duration = Duration::from_secs(1);

/// An index, and the ranges of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Along {
    /// Everything in order.
    Time,
    /// Each of these sources.
    Sources(Vec<String>),
    /// Each of these values of a column.
    Column(Column, Vec<String>),
}

/// How a page is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) along: Along,
    /// Whether other conditions are written so that no other index can answer them: the planner does not know how long a step is.
    pub(super) hides: bool,
}

impl Way {
    /// Without any added index.
    pub(super) fn plain(along: Along) -> Self {
        Self {
            along,
            hides: false,
        }
    }

    /// The values whose ranges are merged; none when there is one range.
    pub(super) fn values(&self) -> Option<&[String]> {
        match &self.along {
            Along::Time => None,
            Along::Sources(values) | Along::Column(_, values) => Some(values),
        }
    }

    /// Whether every entry of the ranges is meant.
    pub(super) fn finds_only(&self, filter: &Filter) -> bool {
        match &self.along {
            Along::Time => filter.is_any(),
            Along::Sources(_) => filter.has_sources_only(),
            Along::Column(column, _) => {
                let is_free =
                    |patterns: &PatternSet, own: &Column| patterns.is_any() || column == own;
                filter.sources.is_any()
                    && is_free(&filter.types, &Column::Type)
                    && is_free(&filter.subjects, &Column::Subject)
                    && filter.data.iter().all(|data| column.is_data(&data.path))
                    && filter.data.len() <= 1
            }
        }
    }

    /// Adds the condition that an entry is in the range of a value.
    pub(super) fn push_range(&self, sql: &mut Statement, mut value: impl FnMut(&mut Statement)) {
        match &self.along {
            Along::Time => {
                sql.push("true");
            }
            Along::Sources(_) => {
                sql.push("source = ");
                value(sql);
            }
            Along::Column(column @ Column::Data(_), _) => {
                // The index holds hashes: what is behind them is compared by the filter itself.
                sql.push_column(column).push(" = jsonb_hash_extended((");
                value(sql);
                sql.push(")::jsonb, 0::int8)").push_condition(column);
            }
            Along::Column(column, _) => {
                sql.push_column(column).push(" = ");
                value(sql);
            }
        }
    }

    /// Adds what the range does not say of the filter already.
    pub(super) fn push_rest(&self, sql: &mut Statement, filter: &Filter) {
        let own = match &self.along {
            Along::Column(column, _) => Some(column),
            _ => None,
        };
        if !matches!(self.along, Along::Sources(_)) {
            let name = if self.hides {
                "(source || '')"
            } else {
                "source"
            };
            sql.push_patterns(name, &filter.sources);
        }
        for (column, name, hidden, patterns) in [
            (Column::Type, "type", "(type || '')", &filter.types),
            (
                Column::Subject,
                "subject",
                "(subject || '')",
                &filter.subjects,
            ),
        ] {
            if own != Some(&column) {
                sql.push_patterns(if self.hides { hidden } else { name }, patterns);
            }
        }
        sql.push_data(&filter.data);
    }
}

/// The columns that are known to be indexed.
#[derive(Debug, Default)]
pub(super) struct KnownIndexes {
    kept: Mutex<Option<(Arc<Vec<Column>>, Instant)>>,
}

impl KnownIndexes {
    /// The ranges of added indexes that a filter is in.
    pub(super) async fn ranges(
        &self,
        lease: &Lease,
        filter: &Filter,
    ) -> Result<Vec<Along>, ReadError> {
        if filter.has_sources_only() {
            return Ok(Vec::new());
        }
        let known = self.known(lease).await?;
        Ok(known
            .iter()
            .filter_map(|column| {
                let values = values(column, filter)?;
                Some(Along::Column(column.clone(), values))
            })
            .collect())
    }

    async fn known(&self, lease: &Lease) -> Result<Arc<Vec<Column>>, ReadError> {
        let mut kept = self.kept.lock().await;
        if let Some((known, until)) = kept.as_ref()
            && Instant::now() < *until
        {
            return Ok(Arc::clone(known));
        }
        let known = match list(lease).await {
            Ok(found) => Arc::new(found),
            // A page can do without, and the catalogue is not asked again for a while.
            Err(ReadError::Timeout { .. }) => kept
                .as_ref()
                .map_or_else(Arc::default, |(known, _)| Arc::clone(known)),
            Err(error) => return Err(error),
        };
        *kept = Some((Arc::clone(&known), Instant::now() + KEPT_FOR));
        Ok(known)
    }
}

/// The values of a column that a filter names; none when it asks for others too.
fn values(column: &Column, filter: &Filter) -> Option<Vec<String>> {
    let named = |patterns: &PatternSet| {
        let values: Vec<String> = patterns.exact().map(str::to_owned).collect();
        let is_short = (1..=MAX_MERGED).contains(&values.len());
        (is_short && patterns.prefixes().next().is_none()).then_some(values)
    };
    match column {
        Column::Subject => named(&filter.subjects),
        Column::Type => named(&filter.types),
        Column::Id => None,
        Column::Data(_) => {
            let mut found = filter.data.iter().filter(|data| column.is_data(&data.path));
            found
                .find_map(|data| data.equals.clone())
                .map(|value| vec![value])
        }
    }
}

async fn list(lease: &Lease) -> Result<Vec<Column>, ReadError> {
    let mut sql = Statement::new(
        "SELECT obj_description(indexrelid, 'pg_class') FROM pg_index \
         WHERE indrelid = to_regclass('events') AND indisvalid AND starts_with(obj_description(indexrelid, 'pg_class'), ",
    );
    sql.bind(COMMENT, Type::TEXT).push(")");
    sql.is_common = false;
    let rows = lease.rows_in(DOING, BUDGET, sql).await?;
    lease
        .within(async {
            let rows: Vec<_> = rows
                .try_collect()
                .await
                .map_err(|error| lease.error(DOING, &error))?;
            let column = |text: &str| Column::parse(text.strip_prefix(COMMENT)?).ok();
            Ok(rows
                .iter()
                .filter_map(|row| column(row.try_get(0).ok()?))
                .collect())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::super::filter::{DataFilter, Pattern};
    use super::*;

    fn filter() -> Filter {
        Filter::of_sources(PatternSet::any())
    }

    fn set(texts: &[&str]) -> PatternSet {
        PatternSet::of(texts.iter().map(|text| Pattern::parse(text)))
    }

    fn data(path: &str, equals: Option<&str>) -> DataFilter {
        DataFilter {
            path: path.split('.').map(str::to_owned).collect(),
            equals: equals.map(str::to_owned),
        }
    }

    #[test]
    fn only_single_values_are_ranges_of_an_added_index() {
        let of = |subjects: &[&str]| {
            let filter = Filter {
                subjects: set(subjects),
                ..filter()
            };
            values(&Column::Subject, &filter)
        };
        assert_eq!(of(&["a"]), Some(vec!["a".to_owned()]));
        assert_eq!(of(&["a", "b"]).map(|values| values.len()), Some(2));
        assert_eq!(of(&["a", "b*"]), None);
        assert_eq!(of(&["*"]), None);
        let many: Vec<String> = (0..=MAX_MERGED).map(|n| n.to_string()).collect();
        assert_eq!(
            of(&many.iter().map(String::as_str).collect::<Vec<_>>()),
            None
        );
        let column = Column::parse("data.a.b").expect("valid");
        let of = |data| values(&column, &Filter { data, ..filter() });
        assert_eq!(of(vec![data("a.b", Some("5"))]), Some(vec!["5".to_owned()]));
        assert_eq!(of(vec![data("a.b", None)]), None);
        assert_eq!(of(vec![data("a", Some("5"))]), None);
    }

    #[test]
    fn a_range_is_a_page_only_when_nothing_else_is_asked() {
        let way = |column| Way::plain(Along::Column(column, vec!["x".to_owned()]));
        let subject = Filter {
            subjects: set(&["x"]),
            ..filter()
        };
        assert!(way(Column::Subject).finds_only(&subject));
        assert!(!way(Column::Type).finds_only(&subject));
        let more = Filter {
            types: set(&["t"]),
            ..subject.clone()
        };
        assert!(!way(Column::Subject).finds_only(&more));
        let restricted = Filter {
            sources: set(&["shop-*"]),
            ..subject
        };
        assert!(!way(Column::Subject).finds_only(&restricted));
        let column = Column::parse("data.a").expect("valid");
        let both = Filter {
            data: vec![data("a", Some("1")), data("a", Some("2"))],
            ..filter()
        };
        assert!(!way(column).finds_only(&both));
    }
}
