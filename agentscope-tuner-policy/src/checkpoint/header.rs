//! The header of a safetensors file: which tensors it holds, and where.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use safetensors::tensor::{Metadata, TensorInfo};

use super::cannot_read;
use crate::error::{Error, ErrorKind, Result};

/// Bytes before the header: its length.
const LENGTH_BYTES: u64 = 8;

/// The longest header that is read, as the format's own library has it.
const LONGEST_HEADER: u64 = 100_000_000;

/// A weight file whose header has been read and agrees with the length of the file.
#[derive(Debug)]
pub(super) struct WeightFile {
    path: PathBuf,
    /// Where the first tensor begins.
    data_start: u64,
    metadata: Metadata,
}

impl WeightFile {
    /// # Errors
    /// When the file cannot be read, its header is malformed, the places of tensors overlap or leave gaps, or the file
    /// is shorter or longer than its header says.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let mut file = File::open(&path).map_err(|error| cannot_read(&path, error))?;
        let file_len = file.metadata().map_err(|error| cannot_read(&path, error))?.len();
        let header = read_header(&mut file, file_len, &path)?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| damaged(&path, "its header is malformed").with_source(error))?;
        let data_start = LENGTH_BYTES + header.len() as u64;
        let needed = data_start.saturating_add(metadata.data_len() as u64);
        if needed != file_len {
            let fault = if file_len < needed { "cut off" } else { "too long" };
            return Err(damaged(
                &path,
                &format!("it is {fault}: the file is {file_len} bytes, but its header describes {needed}"),
            ));
        }
        Ok(Self { path, data_start, metadata })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    /// The description of a tensor, and where in the file it begins.
    pub(super) fn find(&self, name: &str) -> Option<(&TensorInfo, u64)> {
        let info = self.metadata.info(name)?;
        Some((info, self.data_start + info.data_offsets.0 as u64))
    }
}

fn read_header(file: &mut File, file_len: u64, path: &Path) -> Result<Vec<u8>> {
    let mut length = [0; LENGTH_BYTES as usize];
    let short = |_| damaged(path, &format!("it is only {file_len} bytes, too short for a header"));
    file.read_exact(&mut length).map_err(short)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER || length > file_len.saturating_sub(LENGTH_BYTES) {
        return Err(damaged(
            path,
            &format!("it claims a header of {length} bytes, but the file is {file_len} bytes"),
        ));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(|error| cannot_read(path, error))?;
    Ok(header)
}

/// The file is there, but not what it should be.
pub(super) fn damaged(path: &Path, fault: &str) -> Error {
    Error::new(
        ErrorKind::Weights,
        format!("`{}` is damaged: {fault}; copy or download it again", path.display()),
    )
}
