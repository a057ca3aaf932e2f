//! A directory that is there as a whole, or not at all.

use std::{fs, io, path::Path};

use crate::{name::Name, template::File};

/// Writes `files` into a new directory `name` in `parent`.
///
/// # Errors
/// `parent` is inside a workspace, there is something of this name already, or the system refuses. Nothing is left behind then.
pub(crate) fn write(parent: &Path, name: &Name, files: &[File]) -> Result<(), String> {
    if let Some(workspace) = workspace_around(parent) {
        return Err(format!(
            "this directory is inside the cargo workspace of {}, which does not know the project, so cargo would not build it: go to a \
             directory outside",
            workspace.display()
        ));
    }
    let target = parent.join(name.as_str());
    if target.symlink_metadata().is_ok() {
        return Err(format!("{name} exists here already: choose another name, or remove it"));
    }
    let refused = |error: io::Error| format!("{} cannot be written: {error}", target.display());
    // Beside its place, since a rename does not go from one file system to another. The directory around it is only its
    // owner's to read, what is in it has the usual rights.
    let around = tempfile::Builder::new().prefix(".cargo-tuner-").tempdir_in(parent).map_err(refused)?;
    let project = around.path().join(name.as_str());
    for (path, content) in files {
        let path = project.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&project)).map_err(refused)?;
        fs::write(path, content).map_err(refused)?;
    }
    fs::rename(&project, &target).map_err(refused)
}

/// The directory of the workspace that `directory` is in.
fn workspace_around(directory: &Path) -> Option<&Path> {
    directory.ancestors().find(|around| {
        let manifest = fs::read_to_string(around.join("Cargo.toml")).unwrap_or_default();
        manifest.parse::<toml::Table>().is_ok_and(|manifest| manifest.contains_key("workspace"))
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn file(path: &str) -> File {
        (path.to_owned(), Cow::Borrowed(b"content"))
    }

    #[test]
    fn a_project_is_written_as_a_whole() {
        let parent = tempfile::tempdir().unwrap();
        let name = Name::parse("mine").unwrap();
        write(parent.path(), &name, &[file("a"), file("b/c/d")]).unwrap();
        assert_eq!(names(parent.path()), ["mine"]);
        assert_eq!(fs::read(parent.path().join("mine/b/c/d")).unwrap(), b"content");
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let name = Name::parse("mine").unwrap();
        fs::create_dir(parent.path().join("mine")).unwrap();
        let fault = write(parent.path(), &name, &[file("a")]).unwrap_err();
        assert!(fault.contains("exists here already"), "{fault}");
        assert!(names(&parent.path().join("mine")).is_empty());
    }

    #[test]
    fn a_workspace_that_does_not_know_the_project_is_no_place_for_it() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("Cargo.toml"), "[workspace]\nmembers = []\n").unwrap();
        let below = parent.path().join("below");
        fs::create_dir(&below).unwrap();
        let fault = write(&below, &Name::parse("mine").unwrap(), &[file("a")]).unwrap_err();
        assert!(fault.contains("go to a directory outside"), "{fault}");
        assert!(names(&below).is_empty());
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();
        let name = Name::parse("mine").unwrap();
        // A file cannot be a directory too.
        let fault = write(parent.path(), &name, &[file("a"), file("a/b")]).unwrap_err();
        assert!(fault.contains("cannot be written"), "{fault}");
        assert!(names(parent.path()).is_empty());
    }
}
