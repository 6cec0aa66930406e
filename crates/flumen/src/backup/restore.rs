//! `flumen backup restore`, and what `verify` shares with it.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use store::{census, databases};

use super::manifest::Manifest;
use super::{Chosen, seal, target::Target, tools};
use crate::operator::say;
use crate::units::thousands;

const EXAMPLES: &str = "\
Examples:
  flumen backup restore --from s3://bucket/flumen --identity key.txt --set database.url=postgres://owner@db/flumen
  flumen backup restore --from /mnt/backups --id flumen-20261121T120000123456Z";

/// Arguments of the action.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    chosen: Chosen,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let chosen = args.chosen;
    let target = Target::open(&chosen.at.place)?;
    let manifest = target.manifest(chosen.id.as_deref()).await?;
    let config = chosen.operator.load()?;
    let pool = chosen.operator.database(&config).await?;
    anyhow::ensure!(
        databases::is_empty(&pool).await?,
        "the database is not empty: a restore never overwrites, and makes the tables itself. Make a new one (`create database ..`) and name it in database.url"
    );
    // A writer would find the tables without its checkpoints, and begin anew.
    let programs = databases::programs(&pool).await?;
    if let Some(writer) = programs.iter().find(|name| name.contains("writer")) {
        anyhow::bail!(
            "{writer} is connected to the database: stop the writers first, or restore into a database of another name and rename it at the end"
        );
    }
    let begun = Instant::now();
    into(&chosen, &target, &manifest, &config.database).await?;
    let found = census::take(&pool)
        .await
        .context("count what was restored")?;
    compare(&manifest, &found)?;
    // Roles and grants are this server's own, and are not in the dump.
    databases::close_functions(&pool).await?;
    store::migrate::migrate(&pool)
        .await
        .context("bring the schema and its grants up to date")?;
    say(format_args!(
        "{}: {} events restored in {} s, the same as were backed up",
        manifest.id,
        thousands(found.events()),
        begun.elapsed().as_secs()
    ));
    for position in &found.checkpoints {
        say(format_args!(
            "the writer goes on at {}[{}] offset {}",
            position.topic, position.partition, position.next_offset
        ));
    }
    say(
        "next: `flumen provision` for the services' roles, then start the writer; Kafka fills what came after",
    );
    Ok(())
}

/// Holds that the restored database is the one that was backed up.
pub(super) fn compare(manifest: &Manifest, found: &census::Census) -> anyhow::Result<()> {
    let differences = manifest.census.differences(found);
    anyhow::ensure!(
        differences.is_empty(),
        "what was restored from {} is not what was backed up:\n  {}",
        manifest.id,
        differences.join("\n  ")
    );
    Ok(())
}

/// Fetches, checks, decrypts and restores into this database.
pub(super) async fn into(
    chosen: &Chosen,
    target: &Target,
    manifest: &Manifest,
    database: &store::Config,
) -> anyhow::Result<()> {
    let identity = match (&chosen.identity, manifest.encrypted) {
        (Some(file), true) => Some(seal::identity(file)?),
        (None, true) => {
            return Err(crate::exit::Exit::error(
                crate::exit::USAGE,
                format!(
                    "{} is encrypted: give --identity with the file that `flumen backup key` made",
                    manifest.id
                ),
            ));
        }
        (_, false) => None,
    };
    let version = tools::version("pg_restore").await?;
    tools::fits("pg_restore", &version, &manifest.pg_dump_version)?;
    let work = super::work_folder(chosen.work.as_deref())?;
    let dump = work.path().join("dump");
    std::fs::create_dir(&dump).context("make a folder for the dump")?;
    say(format_args!(
        "{}: fetching {} bytes from {}",
        manifest.id,
        thousands(manifest.bytes()),
        target.shown()
    ));
    for file in &manifest.files {
        let kept = work.path().join(&file.name);
        target
            .get_file(&manifest.id, &file.name, &kept)
            .await?
            .check(&manifest.id, file)?;
        let plain = dump.join(file.name.strip_suffix(seal::SUFFIX).unwrap_or(&file.name));
        match &identity {
            None => std::fs::rename(&kept, &plain).context("move the file into the dump")?,
            Some(identity) => {
                let identity = identity.clone();
                tokio::task::spawn_blocking(move || {
                    seal::decrypt(&kept, &plain, &identity)?;
                    std::fs::remove_file(&kept).context("remove the encrypted file")
                })
                .await
                .context("decrypt")?
                .with_context(|| format!("decrypt {}", file.name))?;
            }
        }
    }
    say(format_args!(
        "{}: every file is as it was kept; restoring with {} processes",
        manifest.id, chosen.jobs
    ));
    tools::run(
        "pg_restore",
        &arguments(chosen.jobs, &dump, database)?,
        database,
    )
    .await
}

fn arguments(jobs: u8, dump: &Path, database: &store::Config) -> anyhow::Result<Vec<String>> {
    // pg_restore wants to be told a name, and finds all else in its environment.
    let name = store::libpq::environment(database)?
        .into_iter()
        .find(|(variable, _)| *variable == "PGDATABASE")
        .map(|(_, value)| secrecy::ExposeSecret::expose_secret(&value).to_owned())
        .context("database.url names no database")?;
    Ok(vec![
        "--format=directory".to_owned(),
        format!("--jobs={jobs}"),
        format!("--dbname={name}"),
        "--no-owner".to_owned(),
        "--no-privileges".to_owned(),
        "--exit-on-error".to_owned(),
        dump.display().to_string(),
    ])
}
