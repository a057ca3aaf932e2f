//! The engine's thread: takes commands between steps.

use dfdx::tensor::Cpu;
use tokio::sync::{
    mpsc::{UnboundedReceiver, error::TryRecvError},
    oneshot,
};

use crate::{
    engine::{
        model::Model,
        scheduler::{Counters, Scheduler},
        sequence::Sequence,
    },
    error::Result,
    params::Params,
};

/// What the engine is told.
pub(crate) enum Command {
    /// Continue a sequence.
    Continue(Box<Sequence>),
    /// Take other parameters, then tell the version.
    Update(Box<Params<Cpu>>, oneshot::Sender<Result<u64>>),
    /// Tell what was done so far.
    Count(oneshot::Sender<Counters>),
}

/// Steps while there is work, sleeps while there is none, ends when nobody can send any more.
pub(crate) fn serve<M: Model>(mut scheduler: Scheduler<M>, mut inbox: UnboundedReceiver<Command>) {
    loop {
        let command = match scheduler.is_idle() {
            true => inbox.blocking_recv().ok_or(TryRecvError::Disconnected),
            false => inbox.try_recv(),
        };
        match command {
            Ok(command) => obey(&mut scheduler, command),
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => scheduler.step(),
        }
    }
}

fn obey<M: Model>(scheduler: &mut Scheduler<M>, command: Command) {
    match command {
        Command::Continue(sequence) => scheduler.push(*sequence),
        Command::Update(params, done) => {
            let version = scheduler.update(&params);
            // The optimiser updates in place only when nobody else holds the buffers.
            drop(params);
            let _ = done.send(version);
        }
        Command::Count(done) => {
            let _ = done.send(scheduler.counters);
        }
    }
}
