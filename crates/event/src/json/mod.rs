//! A JSON scanner that borrows: it finds where values begin and end, checks them, and builds nothing.
//!
//! [`Scanner::value`] walks one value of any depth in a loop, without recursion, in one pass. It tells two
//! kinds of trouble apart. What is not JSON ends the walk with [`Malformed`]. What is JSON, or nearly, but
//! cannot be stored as `jsonb` is noted as the first [`Fault`] while the walk goes on, so that the neighbours in
//! a batch can still be read. Where a fault lies is worked out by [`pointer_to`], only once there is one.

mod pointer;
mod scan;
mod string;

pub(crate) use pointer::{pointer_to, push_escaped};
pub(crate) use scan::{Kind, Malformed, Scanner, Value, is_number};
pub use string::write_string;
pub(crate) use string::{Text, unescape};

/// What JSON may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most containers inside each other, the outermost counted.
    pub(crate) depth: usize,
    /// Most digits of a number written out without an exponent.
    pub(crate) digits: usize,
}

/// Something in a JSON text that cannot be stored, and the byte where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) offset: usize,
}

/// What cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// A container too many inside each other.
    TooDeep,
    /// A number that would expand to more digits than allowed.
    NumberTooLong,
    /// `NaN`, `Infinity`, `-Infinity`: not JSON, but what several encoders write.
    NotANumber,
    /// `\u0000`.
    Nul,
    /// Half of a surrogate pair.
    LoneSurrogate,
    /// A raw control character inside a string.
    ControlCharacter,
}

#[cfg(test)]
mod tests;
