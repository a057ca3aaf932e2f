//! From what the user asked for to slices of the splits that there are.

use super::{
    Dataset, TRAIN,
    layout::SplitFiles,
    split::{Slice, SplitExpression},
};
use crate::{
    error::{Error, ErrorKind, Result},
    text,
};

impl Dataset {
    /// What to read, with `all` and the default spelt out.
    pub(super) fn slices(&self, splits: &[SplitFiles]) -> Result<Vec<Slice>> {
        let has = |name: &str| splits.iter().any(|split| split.name == name);
        match self.split.as_deref() {
            None if has(TRAIN) => Ok(vec![Slice::whole(TRAIN)]),
            None if splits.len() == 1 => Ok(vec![Slice::whole(&splits[0].name)]),
            None => Err(Error::new(
                ErrorKind::Dataset,
                format!("`{}` has no split `train`; name one of {}", self.name, names(splits)),
            )),
            Some("all") if !has("all") => Ok(splits.iter().map(|split| Slice::whole(&split.name)).collect()),
            Some(text) => {
                let slices = SplitExpression::parse(text)?.0;
                for slice in &slices {
                    find(&self.name, splits, slice)?;
                }
                Ok(slices)
            }
        }
    }

    /// The error for a selection without rows.
    pub(super) fn empty(&self, splits: &[SplitFiles], slices: &[Slice]) -> Error {
        if self.limit == Some(0) {
            return Error::new(ErrorKind::Usage, "a limit of 0 leaves no row; raise it or leave it out");
        }
        let chosen = |split: &&SplitFiles| slices.iter().any(|slice| slice.split == split.name);
        let files = splits.iter().filter(chosen).flat_map(|split| &split.files);
        let shown: Vec<_> = files.filter_map(|file| file.entry.location.shown()).collect();
        let looked = match &shown[..] {
            [] => String::new(),
            [only] => format!(" (looked in {})", only.display()),
            [first, .., last] => {
                format!(" (looked in {} files, {} to {})", shown.len(), first.display(), last.display())
            }
        };
        let split = self.split.as_deref().unwrap_or(TRAIN);
        let message = format!("`{}` has no row in `{split}`{looked}; widen the slice or add rows", self.name);
        Error::new(ErrorKind::Dataset, message)
    }
}

/// The split of `slice`, or an error that names the splits there are.
pub(super) fn find<'a>(name: &str, splits: &'a [SplitFiles], slice: &Slice) -> Result<&'a SplitFiles> {
    splits.iter().find(|split| split.name == slice.split).ok_or_else(|| {
        let known: Vec<_> = splits.iter().map(|split| split.name.as_str()).collect();
        let near = text::nearest(&slice.split, &known);
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let message = format!("`{name}` has no split `{}`; {near}there is {}", slice.split, names(splits));
        Error::new(ErrorKind::Dataset, message)
    })
}

fn names(splits: &[SplitFiles]) -> String {
    splits.iter().map(|split| format!("`{}`", split.name)).collect::<Vec<_>>().join(", ")
}
