//! Writing tensors as a safetensors file.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use safetensors::tensor::{Metadata, TensorInfo};

use super::dtype::Dtype;
use crate::tensor::HostTensor;

/// Values encoded at a time.
const CHUNK: usize = 1 << 14;

/// A tensor of a file, under its name.
pub(super) type Named<'a> = (&'a String, &'a HostTensor);

/// Writes `tensors` in their order, as elements of `dtype`.
pub(super) fn write_tensors(out: &mut dyn Write, tensors: &[Named<'_>], dtype: Dtype) -> io::Result<()> {
    let header = header(tensors, dtype).map_err(io::Error::other)?;
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    let mut bytes = Vec::with_capacity(CHUNK * dtype.size());
    for (_, tensor) in tensors {
        for values in tensor.data.chunks(CHUNK) {
            bytes.clear();
            dtype.encode(values, &mut bytes);
            out.write_all(&bytes)?;
        }
    }
    Ok(())
}

fn header(tensors: &[Named<'_>], dtype: Dtype) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let mut offset = 0;
    let infos = tensors.iter().map(|(name, tensor)| {
        let start = offset;
        offset += stored_bytes(tensor, dtype);
        let info =
            TensorInfo { dtype: dtype.stored(), shape: tensor.shape.clone(), data_offsets: (start, offset) };
        ((*name).clone(), info)
    });
    // `transformers` refuses files that do not say for which library their tensors are laid out.
    let library = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let metadata = Metadata::new(Some(library), infos.collect())?;
    let mut header = serde_json::to_vec(&metadata)?;
    // Spaces up to a multiple of 8, so that readers can map the tensors in place.
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}

/// The size of `tensor` in a file.
pub(super) fn stored_bytes(tensor: &HostTensor, dtype: Dtype) -> usize {
    tensor.data.len() * dtype.size()
}
