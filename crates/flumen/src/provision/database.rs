//! The database: roles, grants, memberships.

use store::roles;

use super::{
    Args,
    plan::{Report, Sign},
};
use crate::operator;

pub(super) async fn run(
    args: &Args,
    config: &operator::Config,
    report: &mut Report,
) -> anyhow::Result<()> {
    let pool = args.operator.database(config).await?;
    let changes = if args.dry_run {
        roles::difference(&pool, &args.member).await?
    } else {
        roles::apply(&pool, &args.member).await?
    };
    for change in &changes {
        let what = format!("database: {}", change.what);
        report.tell(Sign::Make, &what);
    }
    if changes.is_empty() {
        report.nothing("database roles and grants are as they should be");
    }
    Ok(())
}
