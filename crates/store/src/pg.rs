//! Values between Rust and PostgreSQL that the driver has no type for.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use event::Timestamp;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// Microseconds from the Unix epoch to PostgreSQL's own, 2000-01-01T00:00:00Z.
pub(crate) const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A `timestamptz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PgTime(pub(crate) Timestamp);

impl PgTime {
    /// The wire value: microseconds since 2000. The two extremes mean `-infinity` and `infinity`.
    pub(crate) fn wire(time: Timestamp) -> i64 {
        time.as_micros().saturating_sub(EPOCH_MICROS)
    }

    pub(crate) fn from_micros(micros: i64) -> Self {
        Self(Timestamp::from_micros(micros))
    }
}

impl ToSql for PgTime {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(Self::wire(self.0));
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl FromSql<'_> for PgTime {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let wire = i64::from_be_bytes(raw.try_into()?);
        Ok(Self::from_micros(match wire {
            // `infinity` and `-infinity` keep their meaning.
            i64::MIN | i64::MAX => wire,
            _ => wire.saturating_add(EPOCH_MICROS),
        }))
    }

    accepts!(TIMESTAMPTZ);
}
