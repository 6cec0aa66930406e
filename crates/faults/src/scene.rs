//! One fault's world: a topic, a database, the services, clients that send, and eyes on what happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::try_join_all;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::audit::Log;
use crate::client::{Client, Load, Pace};
use crate::stack::{Program, Recipe, Service, Stack};
use crate::watch::{Follower, Progress};

/// Writers of a scene are given up by their group after this long without a sign of life.
pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// Until the first event is stored.
const WARM_BUDGET: Duration = Duration::from_secs(60);
/// How often something is looked at that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// What a scene is made of.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) ingest: usize,
    pub(crate) writers: usize,
    pub(crate) query: usize,
    pub(crate) partitions: i32,
    pub(crate) pace: Option<Pace>,
    pub(crate) ingest_settings: Vec<String>,
    pub(crate) query_settings: Vec<String>,
    pub(crate) writer_settings: Vec<String>,
}

impl Default for Set {
    fn default() -> Self {
        Self {
            ingest: 1,
            writers: 1,
            query: 0,
            partitions: 6,
            pace: Some(Pace::default()),
            ingest_settings: Vec::new(),
            query_settings: Vec::new(),
            writer_settings: Vec::new(),
        }
    }
}

/// A scene while a fault plays in it.
pub(crate) struct Scene {
    pub(crate) stack: Arc<Stack>,
    pub(crate) topic: String,
    pub(crate) database: String,
    pub(crate) partitions: i32,
    pub(crate) ingest: Vec<Service>,
    pub(crate) writers: Vec<Service>,
    pub(crate) query: Vec<Service>,
    pub(crate) client: Arc<Client>,
    pub(crate) progress: Progress,
    pub(crate) follower: Option<Follower>,
    pub(crate) rng: StdRng,
    pub(crate) opened: Instant,
    pub(crate) injected: Option<Instant>,
    pub(crate) healed: Option<Instant>,
    /// How many dead letters there must be; none when the fault does not say.
    pub(crate) dead_letters: Option<u64>,
    /// What was not as the fault demands.
    pub(crate) complaints: Vec<String>,
    /// What is worth telling beside the numbers.
    pub(crate) notes: Vec<String>,
    /// Faults that choose a victim leave the first of each kind alone.
    pub(crate) spares_first: bool,
    set: Set,
    load: Option<Load>,
}

impl Scene {
    /// Makes the topic and the database, starts the services and the load, and waits until the first event is stored.
    pub(crate) async fn open(stack: &Arc<Stack>, set: &Set, seed: u64) -> anyhow::Result<Self> {
        let (topic, database) =
            tokio::try_join!(stack.make_topic(set.partitions), stack.make_database())?;
        stack.in_sync(&topic, WARM_BUDGET).await?;
        let recipe = |program, settings: &[String]| Recipe {
            program,
            topic: topic.clone(),
            database: database.clone(),
            settings: settings.to_vec(),
        };
        let start = |program, settings, count| {
            let recipe = recipe(program, settings);
            try_join_all((0..count).map(move |_| Service::start(stack, recipe.clone())))
        };
        let (ingest, writers, query) = tokio::try_join!(
            start(Program::Ingest, &set.ingest_settings, set.ingest),
            start(Program::Writer, &set.writer_settings, set.writers),
            start(Program::Query, &set.query_settings, set.query),
        )?;
        let source = format!("faults-{topic}");
        let mut scene = Self {
            client: Arc::new(Client::new(
                &stack.links.producer_ingest.address(),
                &stack.producer_key,
                &source,
            )?),
            progress: Progress::watch(stack, &database, &topic),
            follower: None,
            stack: Arc::clone(stack),
            topic,
            database,
            partitions: set.partitions,
            ingest,
            writers,
            query,
            rng: StdRng::seed_from_u64(seed),
            opened: Instant::now(),
            injected: None,
            healed: None,
            dead_letters: Some(0),
            complaints: Vec::new(),
            notes: Vec::new(),
            spares_first: false,
            set: set.clone(),
            load: None,
        };
        scene.route();
        if set.query > 0 {
            let address = scene.stack.links.reader_query.address();
            scene.follower = Some(Follower::watch(&address, &scene.stack.reader_key));
        }
        if let Some(pace) = set.pace {
            scene.load = Some(Load::start(&scene.client, pace));
            let warm = scene
                .wait_for("the first event to be stored", WARM_BUDGET, |scene| {
                    scene.progress.settled() > 0
                })
                .await;
            if let Err(error) = warm {
                return Err(error.context(scene.logs()));
            }
        }
        scene.opened = Instant::now();
        Ok(scene)
    }

    /// Leads clients and readers to the services that run, as a load balancer does.
    pub(crate) fn route(&self) {
        self.route_without(None);
    }

    /// The same, but for the one whose admin listener is there: it is about to stop.
    pub(crate) fn route_without(&self, leaving: Option<&str>) {
        let links = &self.stack.links;
        for (link, services) in [
            (&links.producer_ingest, &self.ingest),
            (&links.reader_query, &self.query),
        ] {
            let addresses = services
                .iter()
                .filter(|service| service.runs() && Some(service.admin.as_str()) != leaving)
                .map(|service| service.address.clone());
            link.lead_to(0, addresses.collect());
        }
    }

    /// Sends at another pace from here on.
    pub(crate) async fn change_pace(&mut self, pace: Pace, patience: Duration) {
        self.end_load(patience).await;
        self.load = Some(Load::start(&self.client, pace));
    }

    /// Ends the load: nothing new is sent, and what was not accepted is tried for so long at most.
    pub(crate) async fn end_load(&mut self, patience: Duration) {
        if let Some(load) = self.load.take() {
            load.finish(patience).await;
        }
    }

    /// Now it breaks. The first call counts.
    pub(crate) fn inject(&mut self) {
        self.injected.get_or_insert_with(Instant::now);
    }

    /// Now it is whole again. The last call counts.
    pub(crate) fn heal(&mut self) {
        self.healed = Some(Instant::now());
    }

    /// The indices of those of `count` services that may be broken.
    pub(crate) fn victims(&self, count: usize) -> std::ops::Range<usize> {
        usize::from(self.spares_first && count > 1)..count
    }

    /// One of them, chosen by chance.
    pub(crate) fn victim(&mut self, count: usize) -> usize {
        let victims = self.victims(count);
        rand::Rng::random_range(&mut self.rng, victims)
    }

    /// Starts services that have ended, as Kubernetes does.
    pub(crate) fn revive(&mut self) -> anyhow::Result<()> {
        for service in self
            .ingest
            .iter_mut()
            .chain(&mut self.writers)
            .chain(&mut self.query)
            .filter(|service| !service.runs())
        {
            service.launch()?;
        }
        self.route();
        Ok(())
    }

    /// One writer more, in the same group.
    pub(crate) async fn add_writer(&mut self) -> anyhow::Result<()> {
        self.add_writer_with(None).await
    }

    /// One writer more, with `section.key=value` over the settings of the others.
    pub(crate) async fn add_writer_with(
        &mut self,
        settings: impl IntoIterator<Item = &str>,
    ) -> anyhow::Result<()> {
        let mut recipe = Recipe {
            program: Program::Writer,
            topic: self.topic.clone(),
            database: self.database.clone(),
            settings: self.set.writer_settings.clone(),
        };
        let more = settings.into_iter().map(str::to_owned);
        recipe.settings.extend(more);
        let writer = Service::start(&self.stack, recipe).await?;
        self.writers.push(writer);
        Ok(())
    }

    /// Something the fault demands.
    pub(crate) fn require(&mut self, holds: bool, claim: impl Into<String>) {
        if !holds {
            self.complaints.push(format!("not so: {}", claim.into()));
        }
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Lets time pass that chance chooses.
    pub(crate) async fn pass_about(&mut self, from: Duration, to: Duration) {
        let time = rand::Rng::random_range(&mut self.rng, from..to);
        self.pass(time).await;
    }

    /// Waits until something holds.
    pub(crate) async fn wait_for(
        &self,
        what: &str,
        budget: Duration,
        holds: impl Fn(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + budget;
        while !holds(self) {
            anyhow::ensure!(
                Instant::now() < deadline,
                "waited {} s in vain for {what}",
                budget.as_secs()
            );
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until everything in the topic is settled.
    pub(crate) async fn drain(&self, budget: Duration) -> anyhow::Result<()> {
        let end = Log::end(&self.stack, &self.topic, self.partitions).await?;
        self.wait_for("everything to be settled", budget, |scene| {
            scene.progress.settled() >= end
        })
        .await
        .with_context(|| format!("{} of {end} records are settled", self.progress.settled()))
    }

    /// Runs a statement in the scene's database, without a proxy.
    pub(crate) async fn sql(&self, statement: &str) -> anyhow::Result<()> {
        let sql = self.stack.sql(&self.database).await?;
        sql.batch_execute(statement)
            .await
            .with_context(|| format!("run {statement}"))
    }

    /// Asks the scene's database for one number.
    pub(crate) async fn number(&self, query: &str) -> anyhow::Result<i64> {
        let sql = self.stack.sql(&self.database).await?;
        let row = sql
            .query_one(query, &[])
            .await
            .with_context(|| format!("ask {query}"))?;
        Ok(row.get(0))
    }

    /// The last lines of every service's log.
    pub(crate) fn logs(&self) -> String {
        self.ingest
            .iter()
            .chain(&self.writers)
            .chain(&self.query)
            .map(|service| format!("last lines of {}:\n{}\n", service.admin, service.tail()))
            .collect()
    }

    /// Ends everything of the scene, and makes the stack whole.
    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        self.end_load(Duration::ZERO).await;
        for service in self
            .ingest
            .iter_mut()
            .chain(&mut self.writers)
            .chain(&mut self.query)
        {
            service.signal(devstack::Signal::SIGCONT);
            service.kill().await;
        }
        let (stack, topic, database) = (
            Arc::clone(&self.stack),
            self.topic.clone(),
            self.database.clone(),
        );
        drop(self);
        stack.restore().await?;
        stack.forget(&topic, &database).await
    }
}
