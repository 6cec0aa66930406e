//! What the parts can do without Flumen, under the same load and with the same durability.

pub(crate) mod copy;
pub(crate) mod export;
pub(crate) mod noop;
pub(crate) mod page;
pub(crate) mod produce;
