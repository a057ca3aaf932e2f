//! Compiles the policy's CUDA sources for the host, with a table of their kernels by name.

#![allow(clippy::print_stdout, reason = "Cargo listens there")]

use std::{env, fmt::Write as _, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sources = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?)
        .join("../../agentscope-tuner-policy/src/kernels/cuda/source");
    let mut files = fs::read_dir(&sources)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    // Headers first, as in front of every source: common.cuh before those that use it.
    files.sort_by_key(|path| (path.extension().is_some_and(|extension| extension == "cu"), path.clone()));
    let (mut includes, mut table) = (String::new(), String::new());
    for path in &files {
        writeln!(includes, "#include \"{}\"", path.canonicalize()?.display())?;
        let text = fs::read_to_string(path)?;
        for name in text.lines().filter_map(|line| line.strip_prefix("KERNEL ")?.split('(').next()) {
            writeln!(table, "    {{\"{name}\", run<{name}>, takes<{name}>}},")?;
        }
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("kernels.inc"), includes)?;
    fs::write(out.join("table.inc"), table)?;
    println!("cargo:rerun-if-changed={}", sources.display());
    println!("cargo:rerun-if-changed=src");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .opt_level(2)
        .flag("-fno-strict-aliasing")
        .flag("-U_FORTIFY_SOURCE")
        .include(out)
        .file("src/emulator.cpp")
        .try_compile("cuda_emulator")?;
    Ok(())
}
