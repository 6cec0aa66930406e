//! The file: its tables, and commands carried out in one transaction.

use std::sync::Arc;

use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, Table,
    TableDefinition, WriteTransaction,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::compose::Composer;
use super::index::{Change, Head, Index, Step};
use super::{Accepted, Command, Compose, Draft, Entry, Mail};
use crate::alert::Alert;
use crate::config;

/// Alerts that wait: route, lane, number.
const ENTRIES: TableDefinition<(&str, u64, u64), &[u8]> = TableDefinition::new("entries");
/// Mails that wait.
const MAILS: TableDefinition<u64, &[u8]> = TableDefinition::new("mails");
/// Mails that could not be sent.
const DEAD: TableDefinition<u64, &[u8]> = TableDefinition::new("dead_letters");
/// Alerts seen, with the time.
const SEEN: TableDefinition<u128, u64> = TableDefinition::new("seen");

/// What a row costs beside its value: its key, and its part of a page and of the index in memory.
const ROW_BYTES: u64 = 256;
/// A file with more free space than this and than it has content is made smaller at start.
const SLACK_BYTES: u64 = 8 << 20;

/// Why the outbox did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum OutboxError {
    /// There is no room; there will be when mails are sent.
    #[error("the outbox is full")]
    Full,
    /// The disk or the file; nothing was changed.
    #[error("outbox: {0}")]
    Storage(Arc<redb::Error>),
    /// The file is there and another process has it, or it cannot be made.
    #[error("cannot open the outbox {path}: {source}; one process may have it open at a time")]
    Open {
        /// The file.
        path: String,
        /// Why.
        source: Arc<redb::Error>,
    },
    /// The service is ending.
    #[error("the outbox is closed")]
    Closed,
}

fn storage(error: impl Into<redb::Error>) -> OutboxError {
    OutboxError::Storage(Arc::new(error.into()))
}

/// Sends an answer, once what it says is on disk.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// The open file.
pub(super) struct Store {
    database: Database,
    config: config::Outbox,
}

impl Store {
    pub(super) fn open(config: &config::Outbox) -> Result<(Self, Index), OutboxError> {
        let failed = |error: redb::Error| OutboxError::Open {
            path: config.path.display().to_string(),
            source: Arc::new(error),
        };
        let mut database = Database::builder()
            .set_cache_size(config.cache_bytes.as_usize())
            .create(&config.path)
            .map_err(|error| failed(error.into()))?;
        let index = Self::prepare(&database)?;
        let size = std::fs::metadata(&config.path).map_or(0, |file| file.len());
        if size > SLACK_BYTES && size > 3 * index.bytes {
            // What cannot be made smaller works as well as it is.
            drop(database.compact());
        }
        Ok((
            Self {
                database,
                config: config.clone(),
            },
            index,
        ))
    }

    /// Makes the tables, and reads what they hold.
    fn prepare(database: &Database) -> Result<Index, OutboxError> {
        let making = database.begin_write().map_err(storage)?;
        for table in [MAILS, DEAD] {
            drop(making.open_table(table).map_err(storage)?);
        }
        drop(making.open_table(ENTRIES).map_err(storage)?);
        drop(making.open_table(SEEN).map_err(storage)?);
        making.commit().map_err(storage)?;

        #[derive(Deserialize)]
        struct Waiting {
            severity: String,
        }
        let mut index = Index {
            next_entry: 1,
            next_mail: 1,
            ..Index::default()
        };
        let reading = database.begin_read().map_err(storage)?;
        for row in reading
            .open_table(ENTRIES)
            .map_err(storage)?
            .iter()
            .map_err(storage)?
        {
            let (key, value) = row.map_err(storage)?;
            let (route, lane, number) = key.value();
            index.next_entry = index.next_entry.max(number + 1);
            index.bytes += cost(value.value().len());
            let entry: Option<Entry<Waiting>> = read(value.value());
            let (severity, at) =
                entry.map_or_else(Default::default, |entry| (entry.alert.severity, entry.at));
            index.wait(route.into(), lane, severity.into(), at);
        }
        for row in reading
            .open_table(MAILS)
            .map_err(storage)?
            .iter()
            .map_err(storage)?
        {
            let (key, value) = row.map_err(storage)?;
            index.next_mail = index.next_mail.max(key.value() + 1);
            index.bytes += cost(value.value().len());
            if let Some(mail) = read::<Mail>(value.value()) {
                index.mails.insert(key.value(), Head::of(&mail));
            }
        }
        for row in reading
            .open_table(DEAD)
            .map_err(storage)?
            .iter()
            .map_err(storage)?
        {
            let (key, value) = row.map_err(storage)?;
            index.next_mail = index.next_mail.max(key.value() + 1);
            index.bytes += cost(value.value().len());
            index.dead += 1;
        }
        Ok(index)
    }

    /// Does all commands in one transaction. On an error nothing was changed and the commands are still there.
    pub(super) fn carry_out(
        &self,
        batch: &mut [Command],
        change: &mut Change,
    ) -> Result<Vec<Answer>, OutboxError> {
        let is_reading =
            |command: &Command| matches!(command, Command::Load(..) | Command::Dead(..));
        let transaction = self.database.begin_write().map_err(storage)?;
        let mut answers: Vec<Answer> = Vec::with_capacity(batch.len());
        let mut failed = None;
        {
            let mut tables = Tables::open(&transaction, &self.config)?;
            let mut done = 0;
            for command in batch.iter_mut() {
                change.is_written |= !is_reading(command);
                // An answer is made of the command's place, so that a fault leaves every command to be answered otherwise.
                match tables.carry_out(command, change) {
                    Ok(answer) => answers.push(answer),
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
                done += 1;
            }
            debug_assert!(failed.is_some() || done == batch.len());
        }
        if let Some(error) = failed {
            drop(transaction.abort());
            return Err(error);
        }
        if change.is_written {
            transaction.commit().map_err(storage)?;
        } else {
            transaction.abort().map_err(storage)?;
        }
        Ok(answers)
    }
}

struct Tables<'a> {
    entries: Table<'a, (&'static str, u64, u64), &'static [u8]>,
    mails: Table<'a, u64, &'static [u8]>,
    dead: Table<'a, u64, &'static [u8]>,
    seen: Table<'a, u128, u64>,
    config: &'a config::Outbox,
}

impl<'a> Tables<'a> {
    fn open(
        transaction: &'a WriteTransaction,
        config: &'a config::Outbox,
    ) -> Result<Self, OutboxError> {
        Ok(Self {
            entries: transaction.open_table(ENTRIES).map_err(storage)?,
            mails: transaction.open_table(MAILS).map_err(storage)?,
            dead: transaction.open_table(DEAD).map_err(storage)?,
            seen: transaction.open_table(SEEN).map_err(storage)?,
            config,
        })
    }

    fn accept(
        &mut self,
        drafts: &[Draft],
        now_ms: u64,
        change: &mut Change,
    ) -> Result<Accepted, OutboxError> {
        let window = u64::try_from(self.config.dedup_window.as_millis()).unwrap_or(u64::MAX);
        let (mut new, mut bytes) = (Vec::with_capacity(drafts.len()), 0);
        for draft in drafts {
            let seen = self
                .seen
                .get(draft.identity)
                .map_err(storage)?
                .map(|at| at.value());
            if seen.is_none_or(|at| now_ms.saturating_sub(at) >= window) {
                bytes += cost(draft.json.len());
                new.push(draft);
            }
        }
        if change.total_bytes() + bytes > self.config.max_bytes.0 {
            return Err(OutboxError::Full);
        }
        let mut accepted = Accepted {
            new: 0,
            duplicates: (drafts.len() - new.len()) as u64,
        };
        let mut room = self
            .config
            .dedup_alerts
            .saturating_sub(self.seen.len().map_err(storage)?);
        for draft in new {
            if room > 0 && !self.config.dedup_window.is_zero() {
                // The same alert twice within these drafts.
                if self
                    .seen
                    .insert(draft.identity, now_ms)
                    .map_err(storage)?
                    .is_some_and(|at| at.value() == now_ms)
                {
                    accepted.duplicates += 1;
                    bytes -= cost(draft.json.len());
                    continue;
                }
                room -= 1;
            }
            let key = (&*draft.route, draft.lane, change.next_entry);
            self.entries
                .insert(key, draft.json.as_slice())
                .map_err(storage)?;
            change.next_entry += 1;
            accepted.new += 1;
            change.steps.push(Step::Waits {
                route: Arc::clone(&draft.route),
                lane: draft.lane,
                severity: Arc::clone(&draft.severity),
                at_ms: now_ms,
            });
        }
        change.bytes += signed(bytes);
        Ok(accepted)
    }

    /// Takes alerts out of their lanes and puts a mail in. A lane gives its alerts up to the first that is in the mail in another
    /// state, so that each state is told, in order; a digest takes all and tells the last.
    fn compose(&mut self, what: Compose, change: &mut Change) -> Result<Option<u64>, OutboxError> {
        let mut composer = Composer::new(&what);
        for lane in &what.lanes {
            let (mut taken, mut freed, mut is_full) = (0, 0, false);
            let range = (&*what.route, *lane, 0)..=(&*what.route, *lane, u64::MAX);
            let extracted = self.entries.extract_from_if(range, |_, value| {
                if is_full {
                    return false;
                }
                match read::<Entry<Alert>>(value) {
                    Some(entry) if !what.is_digest && composer.conflicts(&entry.alert) => {
                        is_full = true;
                        return false;
                    }
                    Some(entry) => composer.add(entry.alert, entry.at),
                    // Written by another version, which nobody can read: better gone than in the way.
                    None => tracing::error!("an alert in the outbox cannot be read and is dropped"),
                }
                taken += 1;
                freed += cost(value.len());
                true
            });
            for row in extracted.map_err(storage)? {
                row.map_err(storage)?;
            }
            change.bytes -= signed(freed);
            change.steps.push(Step::Taken {
                route: Arc::clone(&what.route),
                lane: *lane,
                count: taken,
            });
        }
        if composer.is_empty() {
            return Ok(None);
        }
        let id = change.next_mail;
        change.next_mail += 1;
        let mail = composer.finish(id, what);
        self.put(&mail, change)?;
        Ok(Some(id))
    }

    fn put(&mut self, mail: &Mail, change: &mut Change) -> Result<(), OutboxError> {
        let json = serde_json::to_vec(mail).unwrap_or_default();
        let before = self
            .mails
            .insert(mail.id, json.as_slice())
            .map_err(storage)?
            .map_or(0, |old| cost(old.value().len()));
        change.bytes += signed(cost(json.len())) - signed(before);
        change.steps.push(Step::Mail(mail.id, Head::of(mail)));
        Ok(())
    }

    fn remove(&mut self, id: u64, change: &mut Change) -> Result<(), OutboxError> {
        if let Some(old) = self.mails.remove(id).map_err(storage)? {
            change.bytes -= signed(cost(old.value().len()));
        }
        change.steps.push(Step::Gone(id));
        Ok(())
    }

    fn bury(&mut self, mail: &Mail, change: &mut Change) -> Result<(), OutboxError> {
        self.remove(mail.id, change)?;
        let json = serde_json::to_vec(mail).unwrap_or_default();
        self.dead
            .insert(mail.id, json.as_slice())
            .map_err(storage)?;
        change.bytes += signed(cost(json.len()));
        change.dead += 1;
        while self.dead.len().map_err(storage)? > self.config.max_dead_letters {
            let Some((_, old)) = self.dead.pop_first().map_err(storage)? else {
                break;
            };
            change.bytes -= signed(cost(old.value().len()));
            change.dead -= 1;
            change.dropped_dead_letters += 1;
        }
        Ok(())
    }

    fn revive(&mut self, now_ms: u64, change: &mut Change) -> Result<u64, OutboxError> {
        let mut count = 0;
        loop {
            let oldest = self.dead.pop_first().map_err(storage)?;
            let Some((mail, bytes)) =
                oldest.map(|(_, old)| (read::<Mail>(old.value()), old.value().len()))
            else {
                break;
            };
            change.bytes -= signed(cost(bytes));
            change.dead -= 1;
            if let Some(mail) = mail {
                let again = Mail {
                    attempts: 0,
                    refusals: 0,
                    since_ms: now_ms,
                    next_ms: now_ms,
                    ..mail
                };
                self.put(&again, change)?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn newest_dead(&self, limit: usize) -> Result<Vec<Mail>, OutboxError> {
        let rows = self.dead.iter().map_err(storage)?.rev().take(limit);
        rows.filter_map(|row| match row {
            Ok((_, value)) => read(value.value()).map(Ok),
            Err(error) => Some(Err(storage(error))),
        })
        .collect()
    }

    fn load(&self, id: u64) -> Result<Option<Mail>, OutboxError> {
        Ok(self
            .mails
            .get(id)
            .map_err(storage)?
            .and_then(|value| read(value.value())))
    }

    /// Does one command. An error leaves the command whole, and means that the transaction is lost; a full outbox is an answer.
    fn carry_out(
        &mut self,
        command: &mut Command,
        change: &mut Change,
    ) -> Result<Answer, OutboxError> {
        macro_rules! answer {
            ($reply:expr, $value:expr) => {{
                let (unused, _) = tokio::sync::oneshot::channel();
                let reply = std::mem::replace($reply, unused);
                let value = $value;
                Ok(Box::new(move || drop(reply.send(value))))
            }};
        }
        match command {
            Command::Accept(drafts, now_ms, reply) => match self.accept(drafts, *now_ms, change) {
                Err(OutboxError::Full) => answer!(reply, Err(OutboxError::Full)),
                outcome => {
                    let accepted = outcome?;
                    answer!(reply, Ok(accepted))
                }
            },
            Command::Compose(what, reply) => {
                let id = self.compose(what.take(), change)?;
                answer!(reply, Ok(id))
            }
            Command::Finish(id, reply) => {
                self.remove(*id, change)?;
                answer!(reply, Ok(()))
            }
            Command::Keep(mail, reply) => {
                self.put(mail, change)?;
                answer!(reply, Ok(()))
            }
            Command::Bury(mail, reply) => {
                self.bury(mail, change)?;
                answer!(reply, Ok(()))
            }
            Command::Load(id, reply) => {
                let mail = self.load(*id)?;
                answer!(reply, Ok(mail))
            }
            Command::Dead(limit, reply) => {
                let mails = self.newest_dead(*limit)?;
                answer!(reply, Ok(mails))
            }
            Command::Revive(now_ms, reply) => {
                let count = self.revive(*now_ms, change)?;
                answer!(reply, Ok(count))
            }
            Command::Forget(now_ms, reply) => {
                let window =
                    u64::try_from(self.config.dedup_window.as_millis()).unwrap_or(u64::MAX);
                let begin = now_ms.saturating_sub(window);
                self.seen.retain(|_, at| at >= begin).map_err(storage)?;
                answer!(reply, Ok(()))
            }
        }
    }
}

impl Compose {
    /// The request, of which only the parts that no answer needs are left behind.
    fn take(&mut self) -> Self {
        Self {
            route: Arc::clone(&self.route),
            lanes: std::mem::take(&mut self.lanes),
            is_digest: self.is_digest,
            to: std::mem::take(&mut self.to),
            max_alerts: self.max_alerts,
            domain: std::mem::take(&mut self.domain),
            now_ms: self.now_ms,
        }
    }
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

fn cost(bytes: usize) -> u64 {
    bytes as u64 + ROW_BYTES
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
