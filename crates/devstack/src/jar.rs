//! Just enough of the zip format to take one file out of a jar.

use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// Signature and length of the record at the end of an archive.
const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
/// Signature and length of an entry of the directory, without its names.
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
/// Length of the header in front of a file's bytes, without its names.
const LOCAL_BYTES: usize = 30;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The content of the first entry whose name ends so.
pub(crate) fn entry_ending_with(jar: &Path, suffix: &str) -> Result<Vec<u8>> {
    let bytes = std::fs::read(jar)?;
    entry(&bytes, suffix).unwrap_or_else(|| {
        Err(Error::new(
            ErrorKind::InvalidData,
            format!("no readable entry that ends with {suffix}"),
        ))
    })
}

fn entry(zip: &[u8], suffix: &str) -> Option<Result<Vec<u8>>> {
    let end = (0..=zip.len().checked_sub(END_BYTES)?)
        .rev()
        .find(|&at| zip[at..].starts_with(&END))?;
    let entries = number16(zip, end + 10)?;
    let mut at = number32(zip, end + 16)?;
    for _ in 0..entries {
        let header = zip.get(at..at + ENTRY_BYTES)?;
        if !header.starts_with(&ENTRY) {
            return None;
        }
        let names: Vec<usize> = [28, 30, 32]
            .into_iter()
            .filter_map(|field| number16(header, field))
            .map(usize::from)
            .collect();
        let name = zip.get(at + ENTRY_BYTES..at + ENTRY_BYTES + names[0])?;
        if name.ends_with(suffix.as_bytes()) {
            let packed = number32(header, 20)?;
            let size = number32(header, 24)?;
            let local = number32(header, 42)?;
            let start = local
                + LOCAL_BYTES
                + usize::from(number16(zip, local + 26)?)
                + usize::from(number16(zip, local + 28)?);
            let content = zip.get(start..start + packed)?;
            return Some(expand(content, number16(header, 10)?, size));
        }
        at += ENTRY_BYTES + names.iter().sum::<usize>();
    }
    None
}

fn expand(content: &[u8], method: u16, size: usize) -> Result<Vec<u8>> {
    match method {
        STORED => Ok(content.to_vec()),
        DEFLATED => {
            let mut expanded = Vec::with_capacity(size);
            flate2::read::DeflateDecoder::new(content).read_to_end(&mut expanded)?;
            Ok(expanded)
        }
        other => Err(Error::new(
            ErrorKind::Unsupported,
            format!("compression method {other}"),
        )),
    }
}

fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes(field.try_into().ok()?))
}

fn number32(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..at + 4)?;
    usize::try_from(u32::from_le_bytes(field.try_into().ok()?)).ok()
}
