//! The topic: partitions, replication, settings.

use anyhow::Context as _;
use kafka::{Admin, TopicDifference, TopicSpec};

use super::{
    Args, PATIENCE,
    plan::{Report, Sign},
};

pub(super) async fn run(
    args: &Args,
    config: &kafka::Config,
    report: &mut Report,
) -> anyhow::Result<()> {
    let admin = Admin::new(config, PATIENCE).context("read [kafka]")?;
    let spec = spec(args, &config.topic);
    let differences = if args.dry_run {
        admin.differences(&spec).await
    } else {
        admin.apply(&spec).await
    }
    .with_context(|| format!("provision topic {}", spec.name))?;
    for difference in &differences {
        let what = format!("topic {}: {difference}", spec.name);
        let sign = match difference {
            TopicDifference::Missing => Sign::Make,
            other if other.is_applicable() => Sign::Change,
            _ => Sign::Leave,
        };
        report.tell(sign, &what);
    }
    if differences.is_empty() {
        report.nothing(format_args!("topic {} is as it should be", spec.name));
    }
    Ok(())
}

fn spec(args: &Args, topic: &str) -> TopicSpec {
    let settings = [
        ("min.insync.replicas", args.min_insync.to_string()),
        ("retention.ms", args.retention.as_millis().to_string()),
        ("max.message.bytes", args.max_message_bytes.to_string()),
        // A broker that lost records must not become the leader and lose them for all.
        ("unclean.leader.election.enable", "false".to_owned()),
        // The log is replayed by offset: it must not be compacted.
        ("cleanup.policy", "delete".to_owned()),
    ];
    TopicSpec {
        name: topic.to_owned(),
        partitions: args.partitions,
        replication: args.replication,
        settings: settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}
