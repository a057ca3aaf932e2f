//! The kernels' sources, as NVRTC is given them: one text, since it has no folder to include from.

/// CUDA C of all kernels.
pub(super) const SOURCE: &str = concat!(
    include_str!("source/common.cuh"),
    include_str!("source/heads.cuh"),
    include_str!("source/tiles.cuh"),
    include_str!("source/attention.cu"),
    include_str!("source/attention_backward.cu"),
    include_str!("source/decode.cu"),
    include_str!("source/draw.cu"),
    include_str!("source/elementwise.cu"),
    include_str!("source/embedding.cu"),
    include_str!("source/heads.cu"),
    include_str!("source/norm.cu"),
    include_str!("source/optimizer.cu"),
    include_str!("source/product.cu"),
    include_str!("source/softmax.cu"),
    include_str!("source/swiglu.cu"),
);

/// The names of its kernels.
pub(super) fn kernels() -> impl Iterator<Item = &'static str> {
    SOURCE.lines().filter_map(|line| line.strip_prefix("KERNEL ")?.split('(').next())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_file_is_in_the_text() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels/cuda/source");
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            assert!(SOURCE.contains(&fs::read_to_string(&path).unwrap()), "{} is left out", path.display());
        }
    }

    #[test]
    fn kernels_have_names_of_their_own() {
        let names: Vec<&str> = kernels().collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        assert!(names.contains(&"attention_backward_keys") && names.len() > 20, "{names:?}");
    }
}
