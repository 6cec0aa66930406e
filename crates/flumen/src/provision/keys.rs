//! The keys file of the APIs: only looked at. A key's secret is shown once, to whoever makes it, so none is made unasked.

use std::path::Path;

use service::keys::{self, Scope};
use time::OffsetDateTime;

use super::plan::{Report, Sign};

/// What there must be a key for, or the APIs refuse everybody.
const NEEDED: [Scope; 2] = [Scope::Ingest, Scope::Read];

pub(super) fn run(file: &Path, report: &mut Report) {
    let shown = file.display();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            report.leaves(
                Sign::Leave,
                format_args!("keys: {shown}: {error}; {}", command(Scope::Ingest, file)),
            );
            return;
        }
    };
    let keys = match keys::parse(&text, file) {
        Ok(keys) => keys,
        Err(error) => {
            report.leaves(Sign::Leave, format_args!("keys: {error}"));
            return;
        }
    };
    let now = OffsetDateTime::now_utc();
    let mut complete = true;
    for scope in NEEDED {
        let serves = |key: &&keys::Key| key.is_valid_at(now) && key.scopes.contains(&scope);
        if keys.iter().find(serves).is_none() {
            complete = false;
            report.leaves(
                Sign::Leave,
                format_args!(
                    "keys: {shown} has no valid key with scope {}; {}",
                    scope.name(),
                    command(scope, file)
                ),
            );
        }
    }
    if complete {
        report.nothing(format_args!("keys: {shown} has a valid key of each kind"));
    }
}

fn command(scope: Scope, file: &Path) -> String {
    format!(
        "make one: flumen keys create --name NAME --scope {} --source '*' --file {}",
        scope.name(),
        file.display()
    )
}
