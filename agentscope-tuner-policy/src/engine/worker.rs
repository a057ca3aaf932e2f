//! The engine's thread: takes commands between steps.

use std::sync::Arc;

use dfdx::tensor::Cpu;
use tokio::sync::{
    mpsc::{UnboundedReceiver, error::TryRecvError},
    oneshot,
};

use crate::{
    config::PolicyConfig,
    engine::{
        forward::Model,
        scheduler::{Counters, Scheduler},
        sequence::Sequence,
        settings::Plan,
        weights::Weights,
    },
    kernels::threads::Threads,
    params::Params,
};

/// What the engine is told.
pub(crate) enum Command {
    /// Continue a sequence.
    Continue(Box<Sequence>),
    /// Take other parameters, then tell the version.
    Update(Box<Params<Cpu>>, oneshot::Sender<u64>),
    /// Tell what was done so far.
    Count(oneshot::Sender<Counters>),
}

/// Steps while there is work, sleeps while there is none, ends when nobody can send any more.
pub(crate) fn run(config: PolicyConfig, weights: Weights, plan: Plan, inbox: UnboundedReceiver<Command>) {
    let vocabulary = config.vocab_size;
    let threads = Arc::new(Threads::new(plan.threads));
    let model = Model::new(config, weights, plan.capacity, Arc::clone(&threads));
    let scheduler = Scheduler::new(model, plan.limits, vocabulary);
    // All of it on a thread of the pool: a step that began outside would wake one, and be woken when it ends.
    threads.enter(|| serve(scheduler, inbox));
}

fn serve(mut scheduler: Scheduler, mut inbox: UnboundedReceiver<Command>) {
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

fn obey(scheduler: &mut Scheduler, command: Command) {
    match command {
        Command::Continue(sequence) => scheduler.push(*sequence),
        Command::Update(params, done) => {
            let version = scheduler.update(|model| model.weights_mut().refill(&params));
            // The optimiser updates in place only when nobody else holds the buffers.
            drop(params);
            let _ = done.send(version);
        }
        Command::Count(done) => {
            let _ = done.send(scheduler.counters);
        }
    }
}
