//! Sharing, cancelling, updating, steering, and what is refused.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::{complete, engine, prompt, small, wait};
use crate::{
    engine::{Engine, EngineSettings, Event, Finish, Guide, Request, Sampling},
    error::ErrorKind,
    testing::{self, tiny},
};

#[test]
fn samples_of_one_prompt_read_it_once() {
    let engine = engine(&tiny(), &small());
    let group = |seed| Request {
        sampling: Sampling { seed, ..Sampling::default() },
        ..Request::new(prompt(41, 1), 4)
    };
    complete(&engine, (0..8).map(group).collect());
    let counters = wait(engine.counters()).unwrap();
    // 41 tokens for the first, its last token for each of the others, and 3 sampled tokens each.
    assert_eq!((counters.computed, counters.reused), (41 + 7 + 8 * 3, 7 * 40));
}

#[test]
fn the_next_turn_finds_the_last_one() {
    let engine = engine(&tiny(), &small());
    let first = complete(&engine, vec![Request::new(prompt(20, 1), 20)]).remove(0);
    let mut next = prompt(20, 1);
    next.extend(first.tokens.iter().map(|token| token.id));
    next.extend([5, 6, 7]);
    complete(&engine, vec![Request::new(next, 1)]);
    // All that was computed before is found: 39 tokens, since the last sampled one had not been read.
    assert_eq!(wait(engine.counters()).unwrap().reused, 39);
}

#[test]
fn little_memory_puts_sequences_back() {
    let settings = EngineSettings { cache_bytes: 1, context: Some(80), ..small() };
    let engine = engine(&tiny(), &settings);
    // Holds the engine until all are there.
    let (guide, go) = held_at(1);
    let first = engine.submit(Request { guide, ..Request::new(prompt(2, 9), 1) }).unwrap();
    let long = |salt| engine.submit(Request::new(prompt(30, salt), 45)).unwrap();
    let others: Vec<_> = (0..4).map(long).collect();
    go.send(()).unwrap();
    for ticket in std::iter::once(first).chain(others) {
        wait(ticket.completion()).unwrap();
    }
    assert!(wait(engine.counters()).unwrap().preempted > 0);
}

/// Lets the engine go on from one of its tokens only when it is told to.
struct Held {
    go: Receiver<()>,
    tokens: usize,
    at: usize,
}

fn held_at(at: usize) -> (Option<Box<dyn Guide>>, Sender<()>) {
    let (sender, go) = channel();
    (Some(Box::new(Held { go, tokens: 0, at })), sender)
}

impl Guide for Held {
    fn allowed(&mut self) -> Option<&[u32]> {
        None
    }

    fn accept(&mut self, _: u32) -> bool {
        self.tokens += 1;
        if self.tokens == self.at {
            self.go.recv().unwrap();
        }
        false
    }
}

#[test]
fn a_dropped_ticket_ends_its_sequence() {
    let engine = engine(&tiny(), &small());
    let (guide, go) = held_at(2);
    let mut ticket = engine.submit(Request { guide, ..Request::new(prompt(5, 1), 250) }).unwrap();
    assert!(matches!(wait(ticket.next()), Some(Event::Token(_))));
    drop(ticket);
    // Nobody listens where the sequence ended before its second token.
    _ = go.send(());
    complete(&engine, vec![Request::new(prompt(5, 2), 3)]);
    let sampled = wait(engine.counters()).unwrap().sampled;
    assert!((1 + 3..=2 + 3).contains(&sampled), "{sampled}");
}

#[test]
fn an_update_changes_what_is_sampled_and_its_version() {
    let config = tiny();
    let engine = engine(&config, &small());
    let ask = || complete(&engine, vec![Request::new(prompt(33, 1), 8)]).remove(0);
    let before = ask();
    assert!(before.tokens.iter().all(|token| token.version == 0));
    let other = testing::params(&config, 1000);
    assert_eq!(wait(engine.update(&other)).unwrap(), 1);
    let after = ask();
    assert!(after.tokens.iter().all(|token| token.version == 1));
    let fresh = Engine::new(&config, &other, &small()).unwrap();
    let fresh = complete(&fresh, vec![Request::new(prompt(33, 1), 8)]).remove(0);
    let pairs = |tokens: &[crate::engine::Token]| {
        tokens.iter().map(|token| (token.id, token.log_prob)).collect::<Vec<_>>()
    };
    assert_eq!(pairs(&after.tokens), pairs(&fresh.tokens), "nothing of the old parameters is left");
    assert_ne!(pairs(&after.tokens), pairs(&before.tokens));
}

/// Allows one token at each position, and ends after the last.
struct Fixed(Vec<u32>, usize, Vec<u32>);

impl Guide for Fixed {
    fn allowed(&mut self) -> Option<&[u32]> {
        self.2.fill(0);
        let token = self.0[self.1];
        self.2[token as usize / 32] |= 1 << (token % 32);
        Some(&self.2)
    }

    fn accept(&mut self, token: u32) -> bool {
        assert_eq!(token, self.0[self.1]);
        self.1 += 1;
        self.1 == self.0.len()
    }
}

#[test]
fn a_guide_decides() {
    let engine = engine(&tiny(), &small());
    let guide = Box::new(Fixed(vec![66, 0, 31, 32], 0, vec![0; 3]));
    let completion =
        complete(&engine, vec![Request { guide: Some(guide), ..Request::new(prompt(5, 1), 9) }]).remove(0);
    let ids: Vec<_> = completion.tokens.iter().map(|token| token.id).collect();
    assert_eq!((ids, completion.finish), (vec![66, 0, 31, 32], Finish::Stop));
}

#[test]
fn sequences_end_at_a_stop_token_at_their_limit_and_at_the_context() {
    let engine = engine(&tiny(), &EngineSettings { context: Some(40), ..small() });
    let free = complete(&engine, vec![Request::new(prompt(5, 1), 12)]).remove(0);
    assert_eq!((free.tokens.len(), free.finish), (12, Finish::Length));
    let stop = free.tokens[6].id;
    let first = free.tokens.iter().position(|token| token.id == stop).unwrap();
    let request = Request { stop_tokens: vec![stop], ..Request::new(prompt(5, 1), 12) };
    let stopped = complete(&engine, vec![request]).remove(0);
    assert_eq!((stopped.tokens.len(), stopped.finish), (first + 1, Finish::Stop));
    let full = complete(&engine, vec![Request::new(prompt(30, 1), 100)]).remove(0);
    assert_eq!((full.tokens.len(), full.finish), (10, Finish::Length));
}

#[test]
fn what_cannot_be_served_is_refused_with_the_remedy() {
    let engine = engine(&tiny(), &EngineSettings { context: Some(40), ..small() });
    let refusal = |request: Request| {
        let error = engine.submit(request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
        error.to_string()
    };
    assert!(refusal(Request::new(vec![], 1)).contains("BOS"));
    assert!(refusal(Request::new(prompt(40, 1), 1)).contains("shorten the prompt"));
    assert!(refusal(Request::new(vec![67], 1)).contains("vocabulary ends at 66"));
    assert!(refusal(Request::new(vec![1], 0)).contains("max_tokens"));
    let sampling = Sampling { temperature: f32::NAN, top_p: 0.0, ..Sampling::default() };
    let message = refusal(Request { sampling, ..Request::new(vec![1], 1) });
    assert!(message.contains("temperature") && message.contains("top_p"), "{message}");
}

#[test]
fn weights_that_are_not_finite_fail_the_sequence_and_harm_no_other() {
    let config = tiny();
    let engine = engine(&config, &small());
    let sound = complete(&engine, vec![Request::new(prompt(5, 1), 5)]);
    let mut broken = testing::params(&config, 7);
    broken.norm.var.value_mut().fill(f32::NAN);
    wait(engine.update(&broken)).unwrap();
    let error = wait(engine.submit(Request::new(prompt(5, 1), 5)).unwrap().completion()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Numeric);
    wait(engine.update(&testing::params(&config, 7))).unwrap();
    let again = complete(&engine, vec![Request::new(prompt(5, 1), 5)]);
    assert_eq!(again[0].tokens[4].log_prob, sound[0].tokens[4].log_prob);
}
