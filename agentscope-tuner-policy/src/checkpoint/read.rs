//! Reading one tensor into f32.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use super::{cannot_read, dtype::Dtype, layout::Place};
use crate::{
    error::{Error, ErrorKind, Result},
    tensor::HostTensor,
};

/// Bytes converted at a time: a multiple of every element size, small enough for the cache.
const CHUNK: usize = 1 << 16;

/// # Errors
/// When the file cannot be read or holds a number that is not finite.
pub(super) fn read_tensor(name: &str, place: &Place) -> Result<HostTensor> {
    let failed = |error| cannot_read(&place.file, error);
    let mut file = File::open(&place.file).map_err(failed)?;
    file.seek(SeekFrom::Start(place.offset)).map_err(failed)?;
    // The header was checked against the length of the file, so these sizes are no larger than what is there.
    let len: usize = place.shape.iter().product();
    let mut data = Vec::with_capacity(len);
    let mut rest = len * place.dtype.size();
    let mut chunk = vec![0; CHUNK.min(rest)];
    while rest > 0 {
        let part = &mut chunk[..CHUNK.min(rest)];
        file.read_exact(part).map_err(failed)?;
        let before = data.len();
        place.dtype.decode(part, &mut data);
        if !Dtype::F32.holds(&data[before..]) {
            return Err(not_finite(name, &data));
        }
        rest -= part.len();
    }
    Ok(HostTensor { shape: place.shape.clone(), data })
}

/// The error for the first number of `values` that is not finite.
pub(super) fn not_finite(name: &str, values: &[f32]) -> Error {
    let found = values.iter().enumerate().find(|(_, value)| !value.is_finite());
    let place = found.map(|(position, value)| format!("element {position} is {value}")).unwrap_or_default();
    Error::new(
        ErrorKind::Numeric,
        format!("tensor `{name}` is not finite: {place}; take an earlier checkpoint of this model"),
    )
}
