//! From the start of a process until it says that it is ready, with Kafka and PostgreSQL already there.

use super::Bench;
use crate::progress::say;
use crate::results::Figure;
use crate::rounds::Rounds;
use crate::stack::{Database, Program, Service, Topic};

pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let topic = Topic::create(&bench.stack).await?;
    let database = Database::create(&bench.stack).await?;
    for program in [Program::Ingest, Program::Writer, Program::Query] {
        say(format!("startup of {}", program.name()));
        let mut rounds = Rounds::default();
        for _ in 0..bench.rounds() {
            let service = Service::start(&bench.stack, program, &topic, &database).await?;
            rounds.push(service.ready_after.as_secs_f64() * 1e3);
            service.stop().await?;
        }
        let name = format!("startup_{}", program.name().replace('-', "_"));
        bench.results.push(Figure::new(name, "ms", &rounds));
    }
    database.drop().await?;
    topic.drop(&bench.stack).await
}
