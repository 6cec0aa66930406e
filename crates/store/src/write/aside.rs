//! Keys and headers of records as they were, should their rows turn out bad. The values are in the rows themselves.

use super::batch::Record;

/// Among how many of the latest lists of names a record's own is looked for.
const LATEST: usize = 4;
/// Of a list of names, what it takes besides them.
const LIST_BYTES: usize = size_of::<Vec<Box<str>>>();

/// Keys and headers, laid aside one after another.
///
/// Neighbours have the same names of headers, so these are kept once; of each record it is the number of that list, the length of its key and
/// of each header's value (-1 for none), and then their bytes.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    bytes: Vec<u8>,
    lists: Vec<Vec<Box<str>>>,
    list_bytes: usize,
}

/// A record's key and headers, as they were.
pub(crate) struct Kept<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) headers: Vec<(&'a str, Option<&'a [u8]>)>,
}

impl Aside {
    /// Memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() + self.list_bytes
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.lists.clear();
        self.list_bytes = 0;
    }

    /// Lays a record's key and headers aside and returns where they are.
    pub(crate) fn push(&mut self, record: &Record<'_>) -> u32 {
        let list = self.list_of(record.headers);
        let at = self.bytes.len();
        let values = || {
            let headers = record.headers.iter().map(|(_, value)| *value);
            std::iter::once(record.key).chain(headers)
        };
        let numbers = at + 4 * (2 + record.headers.len());
        self.bytes.resize(numbers, 0);
        let (places, _) = self.bytes[at..].as_chunks_mut::<4>();
        places[0] = list.to_le_bytes();
        for (place, value) in places[1..].iter_mut().zip(values()) {
            *place = value.map_or(-1, length).to_le_bytes();
        }
        for value in values().flatten() {
            self.bytes.extend_from_slice(value);
        }
        u32::try_from(at).expect("a batch is far below 4 GiB")
    }

    /// What was laid aside there.
    pub(crate) fn get(&self, at: u32) -> Kept<'_> {
        let from = &self.bytes[at as usize..];
        let number = |place: usize| {
            let bytes = from[4 * place..].first_chunk::<4>();
            i32::from_le_bytes(*bytes.expect("written by push"))
        };
        let list = usize::try_from(number(0)).expect("written by push");
        let names = &self.lists[list];
        let mut next = 4 * (2 + names.len());
        let mut value = |place: usize| {
            let length = usize::try_from(number(place)).ok()?;
            let start = next;
            next += length;
            Some(&from[start..next])
        };
        let key = value(1);
        let headers = (2..).zip(names);
        Kept {
            key,
            headers: headers
                .map(|(place, name)| (&**name, value(place)))
                .collect(),
        }
    }

    fn list_of(&mut self, headers: &[(&str, Option<&[u8]>)]) -> i32 {
        let is_of = |list: &Vec<Box<str>>| {
            list.len() == headers.len()
                && list
                    .iter()
                    .zip(headers)
                    .all(|(known, (name, _))| **known == **name)
        };
        let latest = self.lists.len().saturating_sub(LATEST);
        let found = self.lists[latest..].iter().rposition(is_of);
        let number = found.map_or(self.lists.len(), |place| latest + place);
        if found.is_none() {
            let names = headers.iter().map(|(name, _)| Box::from(*name));
            self.lists.push(names.collect());
            let each = |(name, _): &(&str, Option<&[u8]>)| size_of::<Box<str>>() + name.len();
            self.list_bytes += LIST_BYTES + headers.iter().map(each).sum::<usize>();
        }
        i32::try_from(number).expect("a batch has far fewer than 2^31 rows")
    }
}

fn length(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).expect("a record is far below 2 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    type Headers = Vec<(&'static str, Option<&'static [u8]>)>;

    fn record<'a>(key: Option<&'a [u8]>, headers: &'a [(&'a str, Option<&'a [u8]>)]) -> Record<'a> {
        Record {
            partition: 0,
            offset: 0,
            timestamp: None,
            key,
            headers,
            value: None,
        }
    }

    #[test]
    fn records_come_back_as_they_were_whatever_came_between() {
        let kinds: Vec<(Option<&[u8]>, Headers)> = vec![
            (None, vec![]),
            (Some(b""), vec![("a", Some(b"1")), ("b", None)]),
            (Some(b"key"), vec![("a", Some(b"")), ("a", Some(b"2"))]),
            (None, vec![("b", Some(b"1")), ("a", None)]),
            (None, vec![("c", Some(b"\xff\x00"))]),
            (None, vec![("d", Some(b"4"))]),
        ];
        let mut aside = Aside::default();
        for _ in 0..2 {
            let order = [0, 1, 1, 2, 3, 4, 5, 0, 5, 1];
            let places: Vec<u32> = order
                .iter()
                .map(|kind| aside.push(&record(kinds[*kind].0, &kinds[*kind].1)))
                .collect();
            for (kind, place) in order.iter().zip(places) {
                let kept = aside.get(place);
                assert_eq!((kept.key, &kept.headers), (kinds[*kind].0, &kinds[*kind].1));
            }
            aside.clear();
            assert_eq!(aside.bytes(), 0);
        }
    }

    #[test]
    fn names_of_neighbours_are_kept_once() {
        let headers: Headers = vec![("ce_id", Some(b"1")), ("ce_source", Some(b"2"))];
        let mut aside = Aside::default();
        for _ in 0..100 {
            aside.push(&record(None, &headers));
        }
        assert_eq!(aside.lists.len(), 1);
    }
}
