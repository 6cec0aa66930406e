//! The COPY BINARY format, written into large chunks that are used again.
//!
//! Rows never straddle chunks, so any run of rows can be sent as slices of whole chunks without copying.

use std::sync::Arc;

use bytes::Buf;

/// Size at which a chunk is full. Large enough that the driver's channel, one message at a time, is not felt.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;
/// A row that ends beyond the chunk's size still fits mostly, without the chunk growing.
const SLACK_BYTES: usize = 16 * 1024;

/// Signature, flags and extension length that open a COPY BINARY stream.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The end of the stream.
pub(crate) const TRAILER: &[u8] = b"\xff\xff";

/// What stands for a field's length when it is null.
const NULL: [u8; 4] = (-1i32).to_be_bytes();

/// Where an encoded row is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) chunk: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Encoded rows.
#[derive(Debug, Default)]
pub(crate) struct CopyBuffer {
    full: Vec<Arc<Vec<u8>>>,
    current: Vec<u8>,
    free: Vec<Vec<u8>>,
    bytes: usize,
}

/// A row being written.
pub(crate) struct Row<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    chunk: u32,
}

impl CopyBuffer {
    /// Starts a row with its first bytes: the count of its fields, and as many of them as are known by then. [`CopyBuffer::end`] must follow.
    pub(crate) fn begin(&mut self, head: &[u8]) -> Row<'_> {
        if self.current.capacity() == 0 {
            self.current = self
                .free
                .pop()
                .unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES + SLACK_BYTES));
        }
        let start = self.current.len();
        self.current.extend_from_slice(head);
        Row {
            chunk: u32::try_from(self.full.len()).expect("a batch has far fewer than 2^32 chunks"),
            out: &mut self.current,
            start,
        }
    }

    /// Closes the chunk when it is full. Call after [`Row::end`].
    pub(crate) fn end(&mut self, span: Span) {
        self.bytes += (span.end - span.start) as usize;
        if self.current.len() >= CHUNK_BYTES {
            self.full.push(Arc::new(std::mem::take(&mut self.current)));
        }
    }

    /// Bytes of all rows.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bytes of one row.
    pub(crate) fn row(&self, span: Span) -> &[u8] {
        let chunk = match self.full.get(span.chunk as usize) {
            Some(chunk) => chunk.as_slice(),
            None => self.current.as_slice(),
        };
        &chunk[span.start as usize..span.end as usize]
    }

    /// Forgets the rows and keeps the memory.
    pub(crate) fn clear(&mut self) {
        for chunk in self.full.drain(..) {
            // A connection that died in the middle may hold a chunk a moment longer: let it have it. One that grew for a huge
            // row is given back to the allocator.
            if let Ok(mut chunk) = Arc::try_unwrap(chunk)
                && chunk.capacity() <= 2 * CHUNK_BYTES
            {
                chunk.clear();
                self.free.push(chunk);
            }
        }
        self.current.clear();
        if self.current.capacity() > 2 * CHUNK_BYTES {
            self.current = Vec::new();
        }
        self.bytes = 0;
    }

    /// The rows at these spans, in order, as slices of as many whole chunks as possible.
    pub(crate) fn slices(&self, spans: impl Iterator<Item = Span>) -> Vec<Slice> {
        // The chunk being filled stays ours, as the batch may be flushed again; it is the smaller part and is copied.
        let mut open: Option<Arc<Vec<u8>>> = None;
        let mut slices: Vec<Slice> = Vec::with_capacity(self.full.len() + 1);
        let mut last: Option<Span> = None;
        let mut push = |span: Span| {
            let chunk = match self.full.get(span.chunk as usize) {
                Some(chunk) => Arc::clone(chunk),
                None => Arc::clone(open.get_or_insert_with(|| Arc::new(self.current.clone()))),
            };
            slices.push(Slice {
                chunk,
                at: span.start as usize,
                end: span.end as usize,
            });
        };
        for span in spans {
            match &mut last {
                Some(run) if run.chunk == span.chunk && run.end == span.start => run.end = span.end,
                _ => {
                    if let Some(run) = last.replace(span) {
                        push(run);
                    }
                }
            }
        }
        if let Some(run) = last {
            push(run);
        }
        slices
    }
}

impl Row<'_> {
    pub(crate) fn null(&mut self) {
        self.out.extend_from_slice(&NULL);
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.out.extend_from_slice(value);
    }

    pub(crate) fn optional(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.bytes(value),
            None => self.null(),
        }
    }

    pub(crate) fn fixed<const N: usize>(&mut self, value: [u8; N]) {
        self.length(N);
        self.out.extend_from_slice(&value);
    }

    /// A `jsonb`: a version byte and the text; the server parses it.
    pub(crate) fn jsonb(&mut self, text: &[u8]) {
        self.length(text.len() + 1);
        self.out.push(1);
        self.out.extend_from_slice(text);
    }

    /// A field whose length is known only once it is written.
    pub(crate) fn with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        write(self.out);
        let length = length(self.out.len() - at - 4);
        self.out[at..at + 4].copy_from_slice(&length);
    }

    /// How far into the row the next byte will be.
    pub(crate) fn position(&self) -> u32 {
        u32::try_from(self.out.len() - self.start).expect("a row is far below 4 GiB")
    }

    pub(crate) fn finish(self) -> Span {
        Span {
            chunk: self.chunk,
            start: u32::try_from(self.start).expect("a chunk is far below 4 GiB"),
            end: u32::try_from(self.out.len()).expect("a chunk is far below 4 GiB"),
        }
    }

    fn length(&mut self, bytes: usize) {
        self.out.extend_from_slice(&length(bytes));
    }
}

/// A field's length on the wire. A Kafka record is far below 2 GiB, and PostgreSQL refuses what is beyond 1 GiB.
fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes)
        .expect("a field is far below 2 GiB")
        .to_be_bytes()
}

/// A part of a chunk on its way to the server.
pub(crate) struct Slice {
    chunk: Arc<Vec<u8>>,
    at: usize,
    end: usize,
}

impl Slice {
    /// A slice of its own bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            end: bytes.len(),
            chunk: Arc::new(bytes.to_vec()),
            at: 0,
        }
    }
}

impl Buf for Slice {
    fn remaining(&self) -> usize {
        self.end - self.at
    }

    fn chunk(&self) -> &[u8] {
        &self.chunk[self.at..self.end]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advance beyond the slice");
        self.at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(rows: usize, size: usize) -> (CopyBuffer, Vec<Span>) {
        let mut buffer = CopyBuffer::default();
        let spans = (0..rows)
            .map(|i| {
                let mut row = buffer.begin(&1i16.to_be_bytes());
                row.bytes(&vec![u8::try_from(i % 251).expect("below 256"); size]);
                let span = row.finish();
                buffer.end(span);
                span
            })
            .collect();
        (buffer, spans)
    }

    fn text(slices: &[Slice]) -> Vec<u8> {
        slices
            .iter()
            .flat_map(|slice| slice.chunk().to_vec())
            .collect()
    }

    #[test]
    fn all_rows_come_out_in_order_as_one_slice_per_chunk() {
        let (buffer, spans) = filled(1_000, 1_000);
        let slices = buffer.slices(spans.iter().copied());
        assert_eq!(slices.len(), 4);
        let whole: Vec<u8> = spans
            .iter()
            .flat_map(|span| buffer.row(*span).to_vec())
            .collect();
        assert_eq!(text(&slices), whole);
        assert_eq!(buffer.bytes(), whole.len());
    }

    #[test]
    fn a_skipped_row_splits_the_slice() {
        let (buffer, spans) = filled(10, 10);
        let kept = spans
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != 4)
            .map(|(_, span)| *span);
        assert_eq!(buffer.slices(kept).len(), 2);
    }

    #[test]
    fn memory_is_used_again_and_that_of_a_huge_row_is_not_kept() {
        let (mut buffer, _) = filled(1_000, 1_000);
        buffer.clear();
        assert_eq!((buffer.free.len(), buffer.bytes()), (3, 0));
        let mut row = buffer.begin(&1i16.to_be_bytes());
        row.bytes(&vec![0; 4 * CHUNK_BYTES]);
        let span = row.finish();
        buffer.end(span);
        buffer.clear();
        assert!(
            buffer
                .free
                .iter()
                .all(|chunk| chunk.capacity() <= 2 * CHUNK_BYTES)
        );
    }
}
