//! The connections.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, PoisonError, RwLock, Weak},
    time::Duration,
};

use deadpool::managed::{self, Metrics, QueueMode, RecycleError, RecycleResult};
use deadpool_postgres::{ClientWrapper, ManagerConfig, RecyclingMethod, Runtime};

use crate::read::Prepared;
use crate::{Config, StoreError};

/// A connection that goes back to the pool when dropped.
pub(crate) type Object = managed::Object<Manager>;

/// A pool of connections; cheap to clone, all clones share the connections.
#[derive(Clone)]
pub struct Pool {
    inner: managed::Pool<Manager>,
    timeout: Duration,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("status", &self.status())
            .finish()
    }
}

/// How busy the pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    /// Most connections it opens.
    pub max_size: usize,
    /// Connections open now.
    pub size: usize,
    /// Connections open and idle.
    pub available: usize,
    /// Callers waiting for a connection.
    pub waiting: usize,
}

/// What the database says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The server's version, as it shows it.
    pub version: String,
    /// Whether transactions are read-only: a standby, a failover under way, a full disk.
    pub read_only: bool,
    /// Whether the schema is there: `flumen migrate` has run.
    pub migrated: bool,
}

impl Pool {
    /// Makes the pool. Connects to nothing yet.
    ///
    /// # Errors
    /// [`StoreError::Config`] when [`Config::validate`] would refuse.
    pub fn new(config: &Config) -> Result<Self, StoreError> {
        config.validate()?;
        let manager = Manager(RwLock::new(Arc::new(connector(config)?)));
        let inner = managed::Pool::builder(manager)
            .max_size(config.pool_size)
            // The one used last has its statements prepared and its memory warm.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(config.acquire_timeout))
            .create_timeout(Some(config.connect_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::bug("build the pool", error.to_string()))?;
        Ok(Self {
            inner,
            timeout: config.acquire_timeout,
        })
    }

    /// Makes further connections as `config` says: another password, host or certificate. Idle connections are closed, those in use
    /// end as they come back; the size and the time-outs of the pool stay.
    ///
    /// # Errors
    /// [`StoreError::Config`] when [`Config::validate`] would refuse; then nothing changes.
    pub fn reconfigure(&self, config: &Config) -> Result<(), StoreError> {
        config.validate()?;
        self.inner.manager().replace(connector(config)?);
        self.inner.retain(|_, _| false);
        Ok(())
    }

    /// How busy the pool is.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let status = self.inner.status();
        PoolStatus {
            max_size: status.max_size,
            size: status.size,
            available: status.available,
            waiting: status.waiting,
        }
    }

    /// Asks the server whether it is there, bounded by `acquire_timeout` in all.
    ///
    /// # Errors
    /// An outage when it does not answer in time.
    pub async fn health(&self) -> Result<Health, StoreError> {
        const DOING: &str = "check the database";
        let ask = async {
            let session = self.get().await?;
            let row = session
                .query_typed_one(
                    "SELECT current_setting('server_version'), \
                     current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery(), \
                     to_regclass('events') IS NOT NULL AND to_regclass('checkpoints') IS NOT NULL",
                    &[],
                )
                .await
                .map_err(|error| StoreError::from_pg(DOING, &error))?;
            Ok(Health {
                version: row.get(0),
                read_only: row.get(1),
                migrated: row.get(2),
            })
        };
        tokio::time::timeout(self.timeout, ask)
            .await
            .unwrap_or_else(|_| Err(StoreError::outage(DOING, "no answer in time")))
    }

    /// Closes all connections; callers that wait get an error.
    pub fn close(&self) {
        self.inner.close();
    }

    /// A connection for statements that need no transaction.
    pub(crate) async fn get(&self) -> Result<Object, StoreError> {
        self.inner
            .get()
            .await
            .map_err(|error| StoreError::from_pool(&error))
    }

    /// A connection for a hand-made transaction.
    pub(crate) async fn session(&self) -> Result<Session, StoreError> {
        Ok(Session {
            object: Some(self.get().await?),
        })
    }
}

/// Makes connections; a look at the socket is all that is asked of one that comes back.
pub(crate) struct Manager(RwLock<Arc<deadpool_postgres::Manager>>);

impl Manager {
    /// What makes connections now, and whose connections are kept.
    fn current(&self) -> Arc<deadpool_postgres::Manager> {
        let guard = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&guard)
    }

    fn replace(&self, with: deadpool_postgres::Manager) {
        let mut guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *guard = Arc::new(with);
    }
}

fn connector(config: &Config) -> Result<deadpool_postgres::Manager, StoreError> {
    let target = config.target()?;
    Ok(deadpool_postgres::Manager::from_config(
        target.postgres,
        target.tls,
        ManagerConfig {
            // Sessions are left clean (see `Session`), so a look at the socket is enough.
            recycling_method: RecyclingMethod::Fast,
        },
    ))
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Connection, tokio_postgres::Error> {
        let by = self.current();
        Ok(Connection {
            client: by.create().await?,
            by: Arc::downgrade(&by),
            prepared: Prepared::default(),
        })
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _: &Metrics,
    ) -> RecycleResult<tokio_postgres::Error> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("the connection is closed"));
        }
        if !std::ptr::eq(connection.by.as_ptr(), Arc::as_ptr(&self.current())) {
            return Err(RecycleError::message("the settings have changed"));
        }
        Ok(())
    }

    fn detach(&self, connection: &mut Connection) {
        if let Some(by) = connection.by.upgrade() {
            by.detach(&mut connection.client);
        }
    }
}

/// A connection and what its session remembers.
pub(crate) struct Connection {
    client: ClientWrapper,
    /// Who made it: after [`Pool::reconfigure`] it is not kept.
    by: Weak<deadpool_postgres::Manager>,
    /// The settings and statements of reading.
    pub(crate) prepared: Prepared,
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.client
    }
}

/// A connection in the hands of code that says `BEGIN` itself.
///
/// Unless [`Session::release`] is called, dropping it closes the connection, and the server rolls back: a future that is
/// dropped in the middle leaves no half transaction in the pool.
pub(crate) struct Session {
    object: Option<Object>,
}

impl Session {
    /// Gives the connection back to the pool: no transaction is open on it.
    pub(crate) fn release(mut self) {
        drop(self.object.take());
    }
}

impl Deref for Session {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.object
            .as_ref()
            .expect("only release() takes it, and consumes self")
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        self.object
            .as_mut()
            .expect("only release() takes it, and consumes self")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}
