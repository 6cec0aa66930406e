//! Cursors: places in a listing or in the feed, as opaque text that only this API can make.
//!
//! `base64url(version | kind | place | tag)`. The tag is a keyed BLAKE3 over all before it and over what the cursor is bound to: the query it
//! belongs to and who asked, which is a key, or for the feed all keys of its name. A cursor is a place and never a right: rights are checked again for every page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::{Timestamp, Uid};
use secrecy::{ExposeSecret, SecretString};
use service::problem::{ErrorCode, Problem};
use store::read::{FeedPosition, Position, Side};

/// Raised when the meaning of the bytes changes; cursors of another version are refused.
const VERSION: u8 = 1;
const PAGE: u8 = b'p';
const FEED: u8 = b'f';
const TAG_BYTES: usize = 16;
const CONTEXT: &str = "flumen query-api 2026 cursor signing key";

/// What a cursor is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Binding(blake3::Hash);

impl Binding {
    /// Binds to a route, who asks there and the parts of a query, in an order that is always the same.
    pub(crate) fn new<'a>(
        route: &str,
        who: &str,
        parts: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            // Its length first, so that no two lists of parts are the same bytes.
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        add(route);
        add(who);
        for (name, value) in parts {
            add(name);
            add(value);
        }
        Self(hasher.finalize())
    }
}

/// Makes and reads cursors.
#[derive(Clone)]
pub(crate) struct Cursors {
    key: [u8; 32],
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors")
    }
}

impl Cursors {
    /// Signs with a key derived from the secret, or with a random one that ends with the process.
    pub(crate) fn new(secret: Option<&SecretString>) -> Self {
        let key = match secret {
            Some(secret) => blake3::derive_key(CONTEXT, secret.expose_secret().as_bytes()),
            None => {
                let random: [u8; 32] = rand::random();
                blake3::derive_key(CONTEXT, &random)
            }
        };
        Self { key }
    }

    /// A cursor for a page.
    pub(crate) fn page(&self, binding: &Binding, (side, at): (Side, Position)) -> String {
        let mut bytes = vec![VERSION, PAGE];
        bytes.push(u8::from(side == Side::Before) | (u8::from(at.inclusive) << 1));
        bytes.extend_from_slice(&at.time.as_micros().to_be_bytes());
        bytes.extend_from_slice(at.uid.as_bytes());
        self.seal(bytes, binding)
    }

    /// Reads a page's cursor.
    pub(crate) fn read_page(
        &self,
        binding: &Binding,
        text: &str,
    ) -> Result<(Side, Position), Problem> {
        let bytes = self.open(text, PAGE, binding).ok_or_else(invalid)?;
        let (flags, rest) = bytes.split_first().ok_or_else(invalid)?;
        let (time, uid) = rest.split_at_checked(8).ok_or_else(invalid)?;
        let time = i64::from_be_bytes(time.try_into().map_err(|_| invalid())?);
        let uid = Uid::from_bytes(uid.try_into().map_err(|_| invalid())?);
        let side = if flags & 1 == 1 {
            Side::Before
        } else {
            Side::After
        };
        Ok((
            side,
            Position {
                time: Timestamp::from_micros(time),
                uid,
                inclusive: flags & 2 == 2,
            },
        ))
    }

    /// A cursor for the feed.
    pub(crate) fn feed(&self, binding: &Binding, at: &FeedPosition) -> String {
        let mut bytes = vec![VERSION, FEED];
        bytes.extend_from_slice(&at.log.to_be_bytes());
        put(&mut bytes, i64::from(at.turn));
        for (partition, next) in &at.next {
            put(&mut bytes, i64::from(*partition));
            put(&mut bytes, *next);
        }
        self.seal(bytes, binding)
    }

    /// Reads a feed's cursor.
    pub(crate) fn read_feed(&self, binding: &Binding, text: &str) -> Result<FeedPosition, Problem> {
        let bytes = self.open(text, FEED, binding).ok_or_else(invalid)?;
        feed_position(&bytes).ok_or_else(invalid)
    }

    /// A cursor of any bytes, for tests of what reads it.
    pub(crate) fn sign(&self, kind: u8, place: &[u8], binding: &Binding) -> String {
        self.seal([&[VERSION, kind], place].concat(), binding)
    }

    fn seal(&self, mut bytes: Vec<u8>, binding: &Binding) -> String {
        let tag = self.tag(&bytes, binding);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn open(&self, text: &str, kind: u8, binding: &Binding) -> Option<Vec<u8>> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let at = bytes.len().checked_sub(TAG_BYTES)?;
        let found = bytes.split_off(at);
        let differs = self
            .tag(&bytes, binding)
            .iter()
            .zip(&found)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        let is_ours =
            std::hint::black_box(differs) == 0 && bytes.get(..2) == Some(&[VERSION, kind]);
        is_ours.then(|| bytes.split_off(2))
    }

    fn tag(&self, bytes: &[u8], binding: &Binding) -> [u8; TAG_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(binding.0.as_bytes());
        hasher.update(bytes);
        let mut tag = [0; TAG_BYTES];
        hasher.finalize_xof().fill(&mut tag);
        tag
    }
}

fn invalid() -> Problem {
    Problem::new(
        ErrorCode::InvalidCursor,
        "this cursor does not belong to this query and key, or was changed: repeat the query it came from unchanged, or begin again without it",
    )
}

fn feed_position(bytes: &[u8]) -> Option<FeedPosition> {
    let (log, mut rest) = bytes.split_at_checked(8)?;
    let mut at = FeedPosition {
        log: u64::from_be_bytes(log.try_into().ok()?),
        ..FeedPosition::default()
    };
    at.turn = i32::try_from(take(&mut rest)?).ok()?;
    while !rest.is_empty() {
        let partition = i32::try_from(take(&mut rest)?).ok()?;
        at.next.insert(partition, take(&mut rest)?);
    }
    Some(at)
}

/// Adds a number that is not negative, seven bits a byte, the lowest first.
fn put(bytes: &mut Vec<u8>, value: i64) {
    let mut value = value.unsigned_abs();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return i64::try_from(value).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn binding(key: &str, filter: &str) -> Binding {
        Binding::new("/v1/events", key, [("source", filter)])
    }

    fn place() -> (Side, Position) {
        let at = Position {
            time: Timestamp::from_micros(1_700_000_000_123_456),
            uid: Uid::from_bytes([7; 16]),
            inclusive: false,
        };
        (Side::Before, at)
    }

    #[test]
    fn a_cursor_with_any_bit_flipped_is_refused() {
        let cursors = Cursors::new(None);
        let binding = binding("k", "a");
        let good = URL_SAFE_NO_PAD
            .decode(cursors.page(&binding, place()))
            .expect("base64");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let problem = cursors
                .read_page(&binding, &URL_SAFE_NO_PAD.encode(bad))
                .expect_err("flipped");
            assert_eq!(
                (problem.status().as_u16(), problem.name()),
                (400, "invalid-cursor")
            );
        }
    }

    #[test]
    fn a_cursor_of_another_query_key_kind_or_secret_is_refused() {
        let cursors = Cursors::new(None);
        let text = cursors.page(&binding("k", "a"), place());
        assert_eq!(
            cursors.read_page(&binding("k", "a"), &text).expect("ours"),
            place()
        );
        assert!(cursors.read_page(&binding("k", "b"), &text).is_err());
        assert!(cursors.read_page(&binding("l", "a"), &text).is_err());
        assert!(cursors.read_feed(&binding("k", "a"), &text).is_err());
        assert!(
            Cursors::new(None)
                .read_page(&binding("k", "a"), &text)
                .is_err()
        );
        for rubbish in ["", "a", "%%%", &"A".repeat(1_000_000)] {
            assert!(cursors.read_page(&binding("k", "a"), rubbish).is_err());
        }
    }

    #[test]
    fn replicas_with_the_same_secret_read_each_others_cursors() {
        let secret = SecretString::from("0123456789abcdef0123456789abcdef");
        let text = Cursors::new(Some(&secret)).page(&binding("k", "a"), place());
        assert!(
            Cursors::new(Some(&secret))
                .read_page(&binding("k", "a"), &text)
                .is_ok()
        );
    }

    proptest! {
        #[test]
        fn every_place_in_the_feed_comes_back_equal(
            log: u64, turn in 0..i32::MAX, next in proptest::collection::btree_map(0..i32::MAX, 0..i64::MAX, 0..50),
        ) {
            let cursors = Cursors::new(None);
            let at = FeedPosition { log, turn, next };
            let text = cursors.feed(&binding("k", "a"), &at);
            prop_assert_eq!(cursors.read_feed(&binding("k", "a"), &text).expect("ours"), at);
        }

        #[test]
        fn every_place_in_a_listing_comes_back_equal(micros: i64, uid: [u8; 16], inclusive: bool, before: bool) {
            let cursors = Cursors::new(None);
            let side = if before { Side::Before } else { Side::After };
            let at = Position { time: Timestamp::from_micros(micros), uid: Uid::from_bytes(uid), inclusive };
            let text = cursors.page(&binding("k", "a"), (side, at));
            prop_assert_eq!(cursors.read_page(&binding("k", "a"), &text).expect("ours"), (side, at));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = feed_position(&bytes);
        }
    }
}
