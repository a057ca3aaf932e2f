//! TensorBoard's event files: records of a length, a protocol buffer and two masked checksums.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use prost::Message;

/// The part of `tensorflow.Event` that scalars need.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    simple_value: f32,
}

/// An event file, to which scalars are appended.
#[derive(Debug)]
pub struct EventFile(File);

impl EventFile {
    /// Begins a new file in `directory`. TensorBoard reads all files of a directory as one run, so a run that is resumed gets
    /// another.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let now = now();
        let name = format!("events.out.tfevents.{:.6}.{}", now.as_secs_f64(), std::process::id());
        let mut file = Self(File::create(directory.join(name))?);
        let file_version = Some("brain.Event:2".to_owned());
        file.append(&Event { wall_time: now.as_secs_f64(), file_version, ..Event::default() })?;
        Ok(file)
    }

    /// Appends the scalars of a step.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn log(&mut self, step: u64, values: &[(String, f64)]) -> io::Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "the format holds 32 bits")]
        let scalar = |(tag, value): &(String, f64)| Scalar { tag: tag.clone(), simple_value: *value as f32 };
        let summary = Some(Summary { value: values.iter().map(scalar).collect() });
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        self.append(&Event { wall_time: now().as_secs_f64(), step, file_version: None, summary })
    }

    fn append(&mut self, event: &Event) -> io::Result<()> {
        let data = event.encode_to_vec();
        let length = (data.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked(&length).to_le_bytes());
        record.extend_from_slice(&data);
        record.extend(masked(&data).to_le_bytes());
        // In one call, so that a reader never sees half a record.
        self.0.write_all(&record)
    }
}

/// TFRecord's checksum: CRC-32C, turned and shifted.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = EventFile::create(directory.path()).unwrap();
        file.log(7, &[("reward".into(), 0.5), ("entropy".into(), 1.25)]).unwrap();
        let path = fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
        let bytes = fs::read(path).unwrap();
        let mut rest = &bytes[..];
        let mut events = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<8>().unwrap();
            let (checksum, after) = after.split_first_chunk::<4>().unwrap();
            assert_eq!(u32::from_le_bytes(*checksum), masked(length));
            let (data, after) = after.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap());
            let (checksum, after) = after.split_first_chunk::<4>().unwrap();
            assert_eq!(u32::from_le_bytes(*checksum), masked(data));
            events.push(Event::decode(data).unwrap());
            rest = after;
        }
        assert_eq!(events[0].file_version.as_deref(), Some("brain.Event:2"));
        let values = &events[1].summary.as_ref().unwrap().value;
        assert_eq!((events[1].step, values.len(), values[1].simple_value), (7, 2, 1.25));
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(masked(&[0; 32]), 0x8a91_36aa_u32.rotate_right(15).wrapping_add(0xa282_ead8));
    }
}
