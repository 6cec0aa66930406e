//! Which part listens where.

use devstack::ports;

use super::Args;
use crate::exit::{self, Exit};

/// The ports of one stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) ingest: Pair,
    pub(super) query: Pair,
    /// The admin listeners of the writers.
    pub(super) writers: Vec<u16>,
    /// The first broker's; `None` for free ones.
    pub(super) kafka: Option<u16>,
    /// PostgreSQL's; `None` for a free one.
    pub(super) postgres: Option<u16>,
}

/// Public and admin listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) public: u16,
    pub(super) admin: u16,
}

/// Further writers listen this far above the first.
const WRITER_STEP: u16 = 100;

impl Ports {
    /// Chooses them as the arguments say.
    pub(super) fn choose(args: &Args) -> anyhow::Result<Self> {
        let writers = usize::from(args.writers);
        if args.ports == "auto" {
            let free = ports::free(4 + writers);
            return Ok(Self {
                ingest: Pair {
                    public: free[0],
                    admin: free[1],
                },
                query: Pair {
                    public: free[2],
                    admin: free[3],
                },
                writers: free[4..].to_vec(),
                kafka: None,
                postgres: None,
            });
        }
        let chosen = Self::defaults(args.writers);
        for port in chosen.services() {
            if !ports::is_free(port) {
                return Err(Exit::error(
                    exit::USAGE,
                    format!(
                        "port {port} is in use (by another pipeline?): end what listens there, or give --ports auto"
                    ),
                ));
            }
        }
        // Nobody has to know these by heart, and many machines run a PostgreSQL already.
        let spare =
            |port: u16, count: u16| (port..port + count).all(ports::is_free).then_some(port);
        let brokers = if args.brokers == "3" { 3 } else { 1 };
        Ok(Self {
            kafka: spare(9092, brokers),
            postgres: spare(5432, 1),
            ..chosen
        })
    }

    fn defaults(writers: u16) -> Self {
        Self {
            ingest: Pair {
                public: 8080,
                admin: 9080,
            },
            query: Pair {
                public: 8081,
                admin: 9081,
            },
            writers: (0..writers)
                .map(|index| 9082 + WRITER_STEP * index)
                .collect(),
            kafka: None,
            postgres: None,
        }
    }

    fn services(&self) -> impl Iterator<Item = u16> {
        let Self { ingest, query, .. } = *self;
        [ingest.public, ingest.admin, query.public, query.admin]
            .into_iter()
            .chain(self.writers.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_parts_share_a_default_port() {
        let ports: Vec<u16> = Ports::defaults(10).services().collect();
        let different: std::collections::HashSet<_> = ports.iter().collect();
        assert_eq!(different.len(), ports.len());
        assert!(!ports.contains(&9092) && !ports.contains(&5432));
    }
}
