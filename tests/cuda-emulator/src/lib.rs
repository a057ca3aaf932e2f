//! Runs the CUDA kernels of `agentscope-tuner-policy` on the host, thread by thread, so that their arithmetic, their
//! bounds and their barriers are tested where there is no GPU. It says nothing about speed, and nothing about what a
//! compiler for GPUs makes of them.

#![expect(unsafe_code, reason = "kernels are C++ functions that take pointers")]

use std::ffi::{CString, c_char, c_int, c_void};

/// An argument of a kernel.
#[derive(Debug)]
pub enum Argument<'a> {
    /// Floats that the kernel reads.
    Read(&'a [f32]),
    /// Floats that the kernel may write.
    Write(&'a mut [f32]),
    /// 32-bit integers that the kernel reads.
    Words(&'a [u32]),
    /// A null pointer.
    Null,
    /// `u32`.
    Count(u32),
    /// `u64`.
    Length(u64),
    /// `float`.
    Real(f32),
}

/// How the threads of a block, and the blocks, take turns. A kernel without a race gives the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// First to last, each thread up to its next barrier.
    Ascending,
    /// Last to first, each warp as far as it can go without the others.
    Descending,
}

unsafe extern "C" {
    fn emulator_launch(
        name: *const c_char,
        grid: *const u32,
        threads: u32,
        shared_bytes: u32,
        kinds: *const c_char,
        arguments: *mut *mut c_void,
        descending: bool,
    ) -> c_int;
}

/// Numbers beyond each end of a buffer: what a kernel writes there by mistake is seen, and what it reads is not a number.
const GUARD: usize = 4096;
/// A signalling NaN: adding to it, too, changes its bits.
const MARK: u32 = 0x7fa0_dead;

/// A copy of a buffer between two guards, in words.
struct Guarded {
    words: Vec<u32>,
}

impl Guarded {
    fn new(values: impl ExactSizeIterator<Item = u32>) -> Self {
        let mut words = vec![MARK; GUARD];
        words.extend(values);
        words.extend([MARK; GUARD]);
        Self { words }
    }

    fn inside(&self) -> &[u32] {
        &self.words[GUARD..self.words.len() - GUARD]
    }

    fn is_intact(&self) -> bool {
        let end = self.words.len() - GUARD;
        self.words[..GUARD].iter().chain(&self.words[end..]).all(|word| *word == MARK)
    }
}

/// Runs a kernel to its end.
///
/// # Errors
/// When there is no such kernel, its parameters are others, it waits for threads that never come, or it writes where it
/// must not: beyond a buffer, beyond its shared memory, or into a buffer that it was given to read.
pub fn launch(
    name: &str,
    grid: [u32; 3],
    threads: u32,
    shared_bytes: u32,
    arguments: &mut [Argument<'_>],
    order: Order,
) -> Result<(), String> {
    if threads == 0 || !threads.is_multiple_of(32) || threads > 1024 {
        return Err(format!("{name}: a block of {threads} threads is not one of 1 to 32 whole warps"));
    }
    if shared_bytes > 48 * 1024 {
        return Err(format!("{name}: {shared_bytes} bytes of shared memory are more than 48 KiB"));
    }
    if grid.contains(&0) || grid[1] > 65_535 || grid[2] > 65_535 {
        return Err(format!("{name}: a grid of {grid:?} cannot be launched"));
    }
    let mut buffers: Vec<Option<Guarded>> = arguments.iter().map(guarded).collect();
    let mut values: Vec<u64> = arguments.iter().zip(&mut buffers).map(value).collect();
    let mut pointers: Vec<*mut c_void> =
        values.iter_mut().map(|value| std::ptr::from_mut(value).cast()).collect();
    let text = |text: String| CString::new(text).map_err(|error| error.to_string());
    let (label, kinds) = (text(name.to_owned())?, text(arguments.iter().map(kind).collect())?);
    // SAFETY: the names are C strings; the grid has three numbers; the emulator compares `kinds` with the kernel's
    // parameters before it reads through `pointers`, which point to numbers of these kinds (little-endian, so that the
    // low half of a `u64` comes first). Buffers stay alive and nobody else touches them; that the kernel stays within
    // them and their guards is what is being tested, and what it is trusted with.
    let outcome = unsafe {
        let descending = order == Order::Descending;
        let arguments = pointers.as_mut_ptr();
        emulator_launch(
            label.as_ptr(),
            grid.as_ptr(),
            threads,
            shared_bytes,
            kinds.as_ptr(),
            arguments,
            descending,
        )
    };
    match outcome {
        0 => arguments.iter_mut().zip(buffers).try_for_each(|(argument, buffer)| {
            buffer.map_or(Ok(()), |buffer| take_back(argument, &buffer).map_err(|e| format!("{name}: {e}")))
        }),
        1 => Err(format!("{name}: there is no such kernel")),
        2 => Err(format!("{name}: its parameters are not {kinds:?}")),
        3 => Err(format!("{name}: its threads wait for each other")),
        _ => Err(format!("{name}: it wrote beyond its {shared_bytes} bytes of shared memory")),
    }
}

fn guarded(argument: &Argument<'_>) -> Option<Guarded> {
    match argument {
        Argument::Read(values) => Some(Guarded::new(values.iter().map(|value| value.to_bits()))),
        Argument::Write(values) => Some(Guarded::new(values.iter().map(|value| value.to_bits()))),
        Argument::Words(values) => Some(Guarded::new(values.iter().copied())),
        _ => None,
    }
}

/// The bits that the kernel finds where its parameter is.
fn value((argument, buffer): (&Argument<'_>, &mut Option<Guarded>)) -> u64 {
    match (argument, buffer) {
        (_, Some(buffer)) => buffer.words[GUARD..].as_mut_ptr() as u64,
        (Argument::Count(value), _) => u64::from(*value),
        (Argument::Length(value), _) => *value,
        (Argument::Real(value), _) => u64::from(value.to_bits()),
        _ => 0,
    }
}

fn kind(argument: &Argument<'_>) -> char {
    match argument {
        Argument::Count(_) => 'u',
        Argument::Length(_) => 'l',
        Argument::Real(_) => 'f',
        _ => 'p',
    }
}

fn take_back(argument: &mut Argument<'_>, buffer: &Guarded) -> Result<(), String> {
    if !buffer.is_intact() {
        return Err("it wrote beyond a buffer".into());
    }
    let same = |values: &mut dyn Iterator<Item = u32>| values.eq(buffer.inside().iter().copied());
    let unchanged = match argument {
        Argument::Read(values) => same(&mut values.iter().map(|value| value.to_bits())),
        Argument::Words(values) => same(&mut values.iter().copied()),
        Argument::Write(values) => {
            values.iter_mut().zip(buffer.inside()).for_each(|(value, bits)| *value = f32::from_bits(*bits));
            true
        }
        _ => true,
    };
    if unchanged { Ok(()) } else { Err("it wrote into a buffer that it may only read".into()) }
}
