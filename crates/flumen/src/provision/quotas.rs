//! Quotas: how much of the brokers each user may take.

use anyhow::Context as _;
use kafka::AccessAdmin;

use super::plan::{Report, Sign, Step};

/// What Kafka limits by user.
const RATES: [&str; 2] = ["producer_byte_rate", "consumer_byte_rate"];
const PERCENTAGE: &str = "request_percentage";
/// How Kafka's tools call every user without a quota of its own.
const DEFAULT: &str = "<default>";

/// One limit of one user.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quota {
    /// None: of every user without its own.
    user: Option<String>,
    limit: &'static str,
    value: f64,
    /// The value as it was written.
    written: String,
}

impl Quota {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const SHAPE: &str = "write USER:LIMIT=VALUE, such as ingest-api:producer_byte_rate=20MiB";
        // From behind: the subject of a certificate has `=` in it.
        let (front, value) = text.rsplit_once('=').ok_or(SHAPE)?;
        let (user, limit) = front.rsplit_once(':').ok_or(SHAPE)?;
        if user.is_empty() {
            return Err(SHAPE.to_owned());
        }
        let limit = RATES
            .into_iter()
            .chain([PERCENTAGE])
            .find(|known| *known == limit)
            .ok_or_else(|| format!("`{limit}` is not one of {}, {PERCENTAGE}", RATES.join(", ")))?;
        let user = user.strip_prefix("User:").unwrap_or(user);
        Ok(Self {
            user: (user != DEFAULT).then(|| user.to_owned()),
            limit,
            value: number(limit, value)?,
            written: value.to_owned(),
        })
    }
}

fn number(limit: &str, text: &str) -> Result<f64, String> {
    if limit == PERCENTAGE {
        let wrong =
            || format!("`{text}` is not a percentage: 100 is one thread of a broker, such as 200");
        return text
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite() && *value > 0.0)
            .ok_or_else(wrong);
    }
    // Kafka counts in doubles, which hold every rate there is.
    match units::parse_size(text)? {
        0 => Err("a rate of 0 would stop the user for good".to_owned()),
        bytes => Ok(bytes as f64),
    }
}

pub(super) async fn run(
    quotas: &[Quota],
    admin: &mut AccessAdmin,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut steps = Vec::new();
    for quota in quotas {
        let there = admin
            .quotas(quota.user.as_deref())
            .await
            .context("compare quotas")?;
        let name = quota.user.as_deref().unwrap_or(DEFAULT);
        let (limit, written) = (quota.limit, &quota.written);
        let (sign, what) = match there.get(limit) {
            Some(value) if (value - quota.value).abs() < 1e-6 => continue,
            Some(value) => (
                Sign::Change,
                format!("quota: {name}: {limit}: {value}, should be {written}"),
            ),
            None => (
                Sign::Make,
                format!("quota: {name}: {limit}: not set, should be {written}"),
            ),
        };
        steps.push(Step {
            sign,
            what,
            change: quota,
        });
    }
    if steps.is_empty() {
        report.nothing("quotas are as they should be");
    }
    report
        .make(steps, async |quota| {
            admin
                .set_quota(quota.user.as_deref(), quota.limit, quota.value)
                .await
                .context("set a quota")
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_users_limits_and_values() {
        let quota = Quota::parse("User:CN=writer,O=Flumen:consumer_byte_rate=8MiB").expect("one");
        assert_eq!(quota.user.as_deref(), Some("CN=writer,O=Flumen"));
        assert_eq!(quota.limit, "consumer_byte_rate");
        assert!((quota.value - 8_388_608.0).abs() < 1e-6);
        let everyone = Quota::parse("<default>:request_percentage=150").expect("one");
        assert_eq!(everyone.user, None);
        assert!((everyone.value - 150.0).abs() < 1e-6);
    }

    #[test]
    fn refuses_what_would_stop_a_user_or_means_nothing() {
        for wrong in [
            "writer",
            "writer:consumer_byte_rate",
            ":consumer_byte_rate=1MiB",
            "writer:speed=1MiB",
            "writer:consumer_byte_rate=fast",
            "writer:consumer_byte_rate=0B",
            "writer:request_percentage=-1",
            "writer:request_percentage=NaN",
        ] {
            Quota::parse(wrong).expect_err(wrong);
        }
    }
}
