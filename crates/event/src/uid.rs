//! Who an event is: [`IdHash`] for (`source`, `id`), [`Uid`] for (`source`, `id`, time).

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::Timestamp;

/// Bits of an [`IdHash`] that a [`Uid`] does not carry.
const HIDDEN_BITS: u32 = 128 - 74;
const LOW_62: u128 = (1 << 62) - 1;
const LOW_48: u128 = (1 << 48) - 1;

/// The first 16 bytes of BLAKE3 over the length of `source` (u16, little-endian), `source` and `id`.
///
/// The length keeps ("ab", "c") and ("a", "bc") apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdHash([u8; 16]);

impl IdHash {
    /// Hashes `source` and `id`.
    #[must_use]
    pub fn of(source: &str, id: &str) -> Self {
        // A source has at most 255 bytes; of a longer one, which no event has, the low bits still serve.
        let length = (source.len() & 0xffff) as u16;
        let total = 2 + source.len() + id.len();
        let gathered = |input: &mut [u8]| {
            let (head, rest) = input.split_at_mut(2);
            let (first, second) = rest.split_at_mut(source.len());
            head.copy_from_slice(&length.to_le_bytes());
            first.copy_from_slice(source.as_bytes());
            second.copy_from_slice(id.as_bytes());
            blake3::hash(input)
        };
        // Most fit into one block of BLAKE3, and clearing room for the longest would cost as much as a tenth of the hash.
        let hash = if let Some(input) = [0_u8; 64].get_mut(..total) {
            gathered(input)
        } else if let Some(input) = [0_u8; 2 + 2 * crate::limits::NAME_BYTES].get_mut(..total) {
            gathered(input)
        } else {
            let mut hasher = blake3::Hasher::new();
            hasher
                .update(&length.to_le_bytes())
                .update(source.as_bytes())
                .update(id.as_bytes());
            hasher.finalize()
        };
        Self(
            *hash
                .as_bytes()
                .first_chunk()
                .expect("a BLAKE3 hash has 32 bytes"),
        )
    }

    /// The bytes, as kept in `recent_ids`.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Takes bytes that [`Self::as_bytes`] gave.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// An event's key: a UUIDv8 of 48 bits of time in milliseconds and the first 74 bits of its [`IdHash`].
///
/// The same event has the same uid, whoever computes it. Times before 1970 are kept in two's complement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid([u8; 16]);

impl Uid {
    /// The uid of the event with this time, `source` and `id`.
    #[must_use]
    pub fn of(time: Timestamp, source: &str, id: &str) -> Self {
        Self::of_hash(time, IdHash::of(source, id))
    }

    /// The uid of the event with this time whose `source` and `id` hash to `hash`.
    #[must_use]
    pub fn of_hash(time: Timestamp, hash: IdHash) -> Self {
        let hash = u128::from_be_bytes(hash.0);
        let millis = i128::from(time.as_millis()) as u128 & LOW_48;
        let bits = millis << 80
            | 0x8 << 76
            | (hash >> 116) << 64
            | 0b10 << 62
            | (hash >> HIDDEN_BITS) & LOW_62;
        Self(bits.to_be_bytes())
    }

    /// The bytes, as PostgreSQL keeps a `uuid`.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Takes the bytes of any UUID.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads the usual text form of a UUID, 36 characters with hyphens, in either case.
    ///
    /// # Errors
    /// [`InvalidUid`] for anything else, including a UUID that is not of version 8 and so cannot be a uid.
    pub fn parse(text: &str) -> Result<Self, InvalidUid> {
        if text.len() != 36 {
            return Err(InvalidUid);
        }
        let uuid = Uuid::try_parse(text).map_err(|_| InvalidUid)?;
        let bytes = uuid.into_bytes();
        if bytes[6] >> 4 != 8 || bytes[8] >> 6 != 0b10 {
            return Err(InvalidUid);
        }
        Ok(Self(bytes))
    }

    /// The event's time in milliseconds since the Unix epoch.
    #[must_use]
    pub fn time_millis(&self) -> i64 {
        let bits = u128::from_be_bytes(self.0);
        // The arithmetic shift brings the sign of times before 1970 back.
        ((bits >> 80) as i64) << 16 >> 16
    }

    /// The lowest and the highest [`IdHash`], as bytes, of which this uid can have been made.
    ///
    /// The tail of a uid fixes 74 of the 128 bits, so the range finds the event's entry in an index of hashes.
    #[must_use]
    pub fn id_hash_range(&self) -> ([u8; 16], [u8; 16]) {
        let low = self.tail() << HIDDEN_BITS;
        let high = low | ((1 << HIDDEN_BITS) - 1);
        (low.to_be_bytes(), high.to_be_bytes())
    }

    /// The 74 bits of hash, the same for the same (`source`, `id`) whatever the time.
    #[must_use]
    pub fn tail(&self) -> u128 {
        let bits = u128::from_be_bytes(self.0);
        (bits >> 64 & 0xfff) << 62 | bits & LOW_62
    }

    /// Writes the text form into `buffer` and returns it; never allocates.
    #[must_use]
    pub fn format_into<'b>(&self, buffer: &'b mut [u8; 36]) -> &'b str {
        Uuid::from_bytes(self.0).hyphenated().encode_lower(buffer)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.format_into(&mut [0; 36]))
    }
}

impl FromStr for Uid {
    type Err = InvalidUid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl serde::Serialize for Uid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.format_into(&mut [0; 36]))
    }
}

impl<'de> serde::Deserialize<'de> for Uid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The text is not a uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a uid; one looks like 01995e6a-1c2d-8a3b-9f00-112233445566, with the digit 8 in third place of the groups"
)]
pub struct InvalidUid;

/// The milliseconds since the Unix epoch inside an `id` that is a UUIDv7, else `None`.
///
/// Only the usual form of 36 characters with hyphens counts, in either case.
#[must_use]
pub fn uuid_v7_millis(id: &str) -> Option<u64> {
    let bytes = id.as_bytes();
    // The cheap test first: most ids are not UUIDs, and of the UUIDs most are random.
    if bytes.len() != 36 || bytes[14] != b'7' || bytes[8] != b'-' {
        return None;
    }
    let uuid = Uuid::try_parse_ascii(bytes).ok()?.into_bytes();
    if uuid[8] >> 6 != 0b10 {
        return None;
    }
    Some(
        uuid[..6]
            .iter()
            .fold(0, |millis, byte| millis << 8 | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Timestamp = Timestamp::from_micros(1_795_261_288_123_456);

    #[test]
    fn a_uid_is_the_same_in_every_version() {
        // Golden: a change of these three breaks the recognition of every event already stored.
        let hash = IdHash::of("shop", "order-1");
        let hex: String = hash
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut input = vec![4, 0];
        input.extend_from_slice(b"shoporder-1");
        assert_eq!(hex, blake3::hash(&input).to_hex()[..32]);
        let uid = Uid::of(TIME, "shop", "order-1").to_string();
        assert_eq!(uid, "01a1fde9-4ebb-821c-bab7-4a992b57afce");
    }

    #[test]
    fn the_boundary_of_source_and_id_counts() {
        assert_ne!(IdHash::of("ab", "c"), IdHash::of("a", "bc"));
    }

    #[test]
    fn long_inputs_hash_like_short_ones() {
        let (source, id) = ("s".repeat(600), "i".repeat(700));
        let mut input = 600_u16.to_le_bytes().to_vec();
        input.extend_from_slice(source.as_bytes());
        input.extend_from_slice(id.as_bytes());
        assert_eq!(
            IdHash::of(&source, &id).as_bytes()[..],
            blake3::hash(&input).as_bytes()[..16]
        );
    }

    #[test]
    fn times_before_1970_survive() {
        let time = Timestamp::parse_rfc3339("1906-04-18T13:12:21.5Z").expect("valid");
        assert_eq!(Uid::of(time, "usgs", "sf").time_millis(), time.as_millis());
    }

    #[test]
    fn only_uids_parse_as_uids() {
        let uid = Uid::of(TIME, "a", "b");
        assert_eq!(Uid::parse(&uid.to_string().to_uppercase()), Ok(uid));
        for text in [
            "",
            "x",
            "0193",
            "01995e6a-1c2d-7a3b-9f00-112233445566",
            "01995e6a1c2d8a3b9f00112233445566",
        ] {
            assert_eq!(Uid::parse(text), Err(InvalidUid), "{text}");
        }
    }

    #[test]
    fn finds_the_time_inside_a_uuid_v7_only() {
        assert_eq!(
            uuid_v7_millis("01995E6A-1c2d-7a3b-9f00-112233445566"),
            Some(0x0199_5e6a_1c2d)
        );
        for id in [
            "01995e6a-1c2d-4a3b-9f00-112233445566",
            "01995e6a-1c2d-7a3b-1f00-112233445566",
            "01995e6a-1c2d-7a3b-9f00-11223344556g",
            "01995e6a1c2d7a3b9f00112233445566",
            "\u{e9}1995e6a-1c2d-7a3b-9f00-1122334455\u{e9}",
        ] {
            assert_eq!(uuid_v7_millis(id), None, "{id}");
        }
    }
}
