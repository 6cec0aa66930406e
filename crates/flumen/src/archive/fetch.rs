//! `flumen archive fetch`.

use std::path::PathBuf;

use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use anyhow::Context as _;

use super::manifest::Manifest;
use crate::backup::{Place, seal, target::Target, work_folder};
use crate::operator::say;
use crate::units::thousands;

const EXAMPLES: &str = "\
Examples:
  flumen archive fetch --from s3://bucket/archive --identity key.txt --out /tmp/old
  flumen archive fetch --from /mnt/archive --id events_20250101_20250201-20261121T120000123456Z --out .";

/// Arguments of the action.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Where archives are.
    #[command(flatten)]
    at: Place,

    /// Which archive, as `list` shows it (repeatable) [default: the newest of every partition].
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,

    /// File with the age identity that opens it; needed when it is encrypted.
    #[arg(long, value_name = "FILE", env = "FLUMEN_BACKUP_IDENTITY")]
    identity: Option<PathBuf>,

    /// Folder for the files; made when it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let target = Target::open(&args.at.place)?;
    let mut wanted = Vec::new();
    for id in &args.ids {
        wanted.push(Manifest::read(&target, id).await?);
    }
    if args.ids.is_empty() {
        // Sorted by time within a partition: the last one is the newest.
        for manifest in Manifest::all(&target).await? {
            wanted.retain(|one: &Manifest| one.partition.name != manifest.partition.name);
            wanted.push(manifest);
        }
    }
    anyhow::ensure!(!wanted.is_empty(), "no archives in {}", target.shown());
    let identity = args.identity.as_deref().map(seal::identity).transpose()?;
    if let Some(sealed) = wanted.iter().find(|one| one.encrypted)
        && identity.is_none()
    {
        return Err(crate::exit::Exit::error(
            crate::exit::USAGE,
            format!(
                "{} is encrypted: give --identity with the file that `flumen backup key` made",
                sealed.id
            ),
        ));
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("make the folder {}", args.out.display()))?;
    // Beside its place, so that a file appears under its name only when it is whole and checked.
    let work = work_folder(Some(&args.out))?;
    for manifest in wanted {
        let (id, file) = (&manifest.id, &manifest.file);
        let kept = work.path().join("kept");
        let sum = target.get_file(id, &file.name, &kept).await?;
        sum.check(id, file)?;
        let plain = work.path().join("plain");
        match &identity {
            Some(identity) if manifest.encrypted => {
                let (from, to, identity) = (kept.clone(), plain.clone(), identity.clone());
                tokio::task::spawn_blocking(move || seal::decrypt(&from, &to, &identity))
                    .await
                    .context("decrypt")?
                    .with_context(|| format!("decrypt {id}"))?;
            }
            _ => std::fs::rename(&kept, &plain).context("move the file")?,
        }
        let rows = SerializedFileReader::new(std::fs::File::open(&plain)?)
            .with_context(|| format!("read {id}"))?
            .metadata()
            .file_metadata()
            .num_rows();
        anyhow::ensure!(
            u64::try_from(rows).ok() == Some(manifest.partition.rows),
            "{id} has {rows} events and not {}: it is not what was archived",
            manifest.partition.rows
        );
        let out = args.out.join(format!("{id}.parquet"));
        std::fs::rename(&plain, &out).with_context(|| format!("write {}", out.display()))?;
        say(format_args!(
            "{}: {} events, as they were archived",
            out.display(),
            thousands(manifest.partition.rows)
        ));
    }
    say("next: `flumen import` takes the files back in, whatever is stored already stays as it is");
    Ok(())
}
