//! Starts the parts in order, keeps them running, ends them in the opposite order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use devstack::{Kafka, Postgres};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::backing::{self, Running};
use super::config::{self, Plan};
use super::ports::Ports;
use super::service::Service;
use super::signals::Signals;
use super::stack_file::{self, StackFile, Supervisor};
use super::state::State;
use super::{Args, Console, screen};
use crate::exit::{self, Exit};

/// How long to wait before a database or broker that died is started again.
const BACKING_PAUSE: Duration = Duration::from_secs(1);

/// What runs, shared by those who keep it running; every change is written to `stack.json`.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    state: State,
    file: Arc<Mutex<StackFile>>,
}

impl Stack {
    /// Notes the process of a service.
    pub(super) fn set_pid(&self, plan: &Plan, pid: Option<u32>) {
        self.change(|file| match plan.service {
            "ingest-api" => file.ingest_api.pid = pid,
            "query-api" => file.query_api.pid = pid,
            _ => {
                let writer = file
                    .writers
                    .iter_mut()
                    .find(|writer| writer.admin == plan.admin);
                if let Some(writer) = writer {
                    writer.pid = pid;
                }
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut StackFile)) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut file);
        if let Err(error) = file.write(self.state.folder()) {
            tracing::error!(error = format!("{error:#}"), "could not write stack.json");
        }
    }
}

/// Runs a stack until it is asked to end.
pub(super) async fn run(args: Args, console: Console) -> anyhow::Result<()> {
    if args.detached {
        // Out of the terminal's session, so that closing the terminal does not end it.
        nix::unistd::setsid().context("leave the terminal")?;
    }
    let mut signals = Signals::listen(args.exit_with_parent)?;
    let state = State::at(&args.state)?;
    state.create()?;
    let Some(_lock) = state.lock()? else {
        return Err(Exit::error(
            exit::USAGE,
            format!(
                "a pipeline runs in {} already: `flumen status` shows it, `flumen down` ends it, --state DIR makes another",
                state.folder().display()
            ),
        ));
    };
    // Left by one that was killed.
    let _ = std::fs::remove_file(state.path(stack_file::NAME));

    let mut parts = Parts::default();
    let started = tokio::select! {
        started = tokio::time::timeout(args.timeout, start(&args, &state, &mut parts, console)) => {
            started.unwrap_or_else(|_| Err(anyhow::anyhow!(
                "not everything was ready within {} s (--timeout)", args.timeout.as_secs()
            )))
        }
        () = signals.first() => Err(Exit::error(130, "interrupted before everything was ready")),
    };
    let outcome = match started {
        Ok(stack) => {
            if !args.detached {
                screen::show(
                    &stack.file.lock().unwrap_or_else(PoisonError::into_inner),
                    &state,
                );
                screen::show_end("Ctrl-C ends everything; the data stays for the next time.\n");
            }
            keep(&mut parts, &stack, &mut signals, console).await;
            Ok(())
        }
        Err(error) => Err(error),
    };
    let stop = async {
        parts.stop(console).await;
        let _ = std::fs::remove_file(state.path(stack_file::NAME));
    };
    tokio::select! {
        () = stop => console.say("everything has ended"),
        // Dropping a part kills it.
        () = signals.again() => console.say("killing what is left"),
    }
    outcome
}

/// What was started, in order.
#[derive(Debug, Default)]
struct Parts {
    backing: Option<Running>,
    services: Vec<Service>,
}

async fn start(
    args: &Args,
    state: &State,
    parts: &mut Parts,
    console: Console,
) -> anyhow::Result<Stack> {
    console.say(format!(
        "everything is kept in {}",
        state.folder().display()
    ));
    let secrets = state.secrets()?;
    let ports = Ports::choose(args)?;
    // Before anything is started: an executable may be missing.
    for service in super::args::SERVICES {
        super::service::beside_us(service)?;
    }

    let (running, backing) = backing::start(args, state, &ports, &secrets, console).await?;
    let own_kafka = running.kafka.is_some();
    parts.backing = Some(running);
    backing::prepare(args, &backing, own_kafka, console).await?;

    for plan in config::write(state, &ports, &backing, &secrets)? {
        let mut service = Service::new(plan, args, state)?;
        service.launch()?;
        parts.services.push(service);
    }
    for service in &parts.services {
        service
            .ready(args.timeout)
            .await
            .with_context(|| format!("start {}", service.plan().name))?;
        let plan = service.plan();
        let address = plan.url.as_deref().unwrap_or(&plan.admin);
        console.say(format!("{} is ready at {address}", plan.name));
    }

    let mut file = StackFile {
        supervisor: Supervisor {
            pid: std::process::id(),
        },
        keys: secrets.keys,
        ..StackFile::default()
    };
    file.kafka.brokers = backing.brokers;
    backing::TOPIC.clone_into(&mut file.kafka.topic);
    file.postgres.url = backing.database_url;
    if let Some(running) = &parts.backing {
        note_backing(&mut file, running);
    }
    for service in &parts.services {
        note_service(&mut file, service);
    }
    let stack = Stack {
        state: state.clone(),
        file: Arc::new(Mutex::new(file)),
    };
    stack.change(|_| ());
    Ok(stack)
}

fn note_backing(file: &mut StackFile, running: &Running) {
    if let Some(kafka) = &running.kafka {
        file.kafka.pids = kafka.pids();
    }
    if let Some(postgres) = &running.postgres {
        file.postgres.pid = postgres.pids().first().copied();
    }
}

fn note_service(file: &mut StackFile, service: &Service) {
    let plan = service.plan();
    let api = stack_file::Api {
        url: plan.url.clone().unwrap_or_default(),
        admin: plan.admin.clone(),
        pid: service.pid(),
    };
    match plan.service {
        "ingest-api" => file.ingest_api = api,
        "query-api" => file.query_api = api,
        _ => file.writers.push(stack_file::Writer {
            admin: api.admin,
            pid: api.pid,
        }),
    }
}

/// Keeps everything running until a signal, then stops the services.
async fn keep(parts: &mut Parts, stack: &Stack, signals: &mut Signals, console: Console) {
    let (no_more_events, no_more_service) = (CancellationToken::new(), CancellationToken::new());
    let mut edge = JoinSet::new();
    let mut rest = JoinSet::new();
    for service in parts.services.drain(..) {
        if service.plan().service == "ingest-api" {
            edge.spawn(service.keep(stack.clone(), no_more_events.clone(), console));
        } else {
            rest.spawn(service.keep(stack.clone(), no_more_service.clone(), console));
        }
    }
    tokio::select! {
        () = signals.first() => {}
        () = keep_backing(parts.backing.as_mut(), stack, console) => {}
    }
    console.say("ending: ingest-api, then the writers and query-api, then Kafka and PostgreSQL");
    let stop = async {
        no_more_events.cancel();
        while edge.join_next().await.is_some() {}
        no_more_service.cancel();
        while rest.join_next().await.is_some() {}
    };
    tokio::select! {
        () = stop => {}
        // The tasks are aborted, and with them go the processes.
        () = signals.again() => console.say("killing the services"),
    }
}

/// Starts brokers and database again when they die; ends only with the stack.
async fn keep_backing(running: Option<&mut Running>, stack: &Stack, console: Console) {
    if let Some(running) = running {
        tokio::join!(
            keep_kafka(running.kafka.as_mut(), stack, console),
            keep_postgres(running.postgres.as_mut(), stack, console)
        );
    }
    std::future::pending().await
}

async fn keep_kafka(kafka: Option<&mut Kafka>, stack: &Stack, console: Console) {
    let Some(kafka) = kafka else { return };
    loop {
        let dead = kafka.died().await;
        let names: Vec<String> = dead.iter().map(|index| (index + 1).to_string()).collect();
        let name = format!("Kafka broker {}", names.join(", "));
        console.say(format!("{name} died; starting it again"));
        tokio::time::sleep(BACKING_PAUSE).await;
        match kafka.start_dead().await {
            Ok(()) => console.say(format!("{name} runs again")),
            Err(error) => console.say(format!("{name} could not be started: {error}")),
        }
        stack.change(|file| file.kafka.pids = kafka.pids());
    }
}

async fn keep_postgres(postgres: Option<&mut Postgres>, stack: &Stack, console: Console) {
    let Some(postgres) = postgres else { return };
    loop {
        // Without a process the last attempt failed.
        if let Some(process) = postgres.process() {
            let status = process.wait().await;
            console.say(format!("PostgreSQL died ({status}); starting it again"));
        }
        tokio::time::sleep(BACKING_PAUSE).await;
        match postgres.start_again().await {
            Ok(()) => console.say("PostgreSQL runs again"),
            Err(error) => console.say(format!("PostgreSQL could not be started: {error}")),
        }
        stack.change(|file| file.postgres.pid = postgres.pids().first().copied());
    }
}

impl Parts {
    async fn stop(&mut self, console: Console) {
        for service in &mut self.services {
            service.stop(console).await;
        }
        if let Some(running) = self.backing.take() {
            running.stop().await;
        }
    }
}
