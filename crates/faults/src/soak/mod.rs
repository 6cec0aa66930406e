//! Soak.
use crate::args::{Args, SoakArgs};
pub(crate) async fn run(_: &Args, _: &SoakArgs) -> anyhow::Result<bool> {
    Ok(true)
}
