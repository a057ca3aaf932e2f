//! The accounts of the cache, on their own.

use crate::engine::blocks::{Blocks, Known, ROOT};

/// Takes and computes the blocks of a sequence, as the scheduler does.
fn read(blocks: &mut Blocks, tokens: &[u32]) -> Vec<u32> {
    let mut node = ROOT;
    tokens
        .chunks(16)
        .map(|tokens| {
            let block = blocks.take(node, tokens).unwrap();
            blocks.computed(block, tokens.len());
            node = blocks.node(block);
            block
        })
        .collect()
}

fn count(to: u32) -> Vec<u32> {
    (0..to).collect()
}

#[test]
fn a_known_beginning_is_shared_by_blocks_and_copied_within_one() {
    let mut blocks = Blocks::new(8);
    let held = read(&mut blocks, &count(40));
    let mut other = count(37);
    other.extend([99, 98]);
    assert_eq!(blocks.find(&other), Known::Now { shared: held[..2].to_vec(), copied: Some((held[2], 5)) });
    // The last token is always read anew, even where all is known.
    assert_eq!(
        blocks.find(&count(32)),
        Known::Now { shared: held[..1].to_vec(), copied: Some((held[1], 15)) }
    );
    assert_eq!(blocks.find(&[7, 8]), Known::Now { shared: vec![], copied: None });
}

#[test]
fn what_another_is_computing_is_waited_for_unless_it_gives_up() {
    let mut blocks = Blocks::new(8);
    let block = blocks.take(ROOT, &count(16)).unwrap();
    assert_eq!(blocks.find(&count(20)), Known::Soon);
    blocks.release(block);
    assert_eq!(blocks.find(&count(20)), Known::Now { shared: vec![], copied: None });
    assert_eq!(blocks.available(), 8);
}

#[test]
fn the_longest_unused_goes_first() {
    let mut blocks = Blocks::new(2);
    let first = read(&mut blocks, &count(16));
    let second = read(&mut blocks, &[50; 16]);
    blocks.release(first[0]);
    blocks.release(second[0]);
    // Used once more, and so younger than the second.
    assert_eq!(blocks.find(&count(17)), Known::Now { shared: first.clone(), copied: None });
    blocks.release(first[0]);
    assert_eq!(read(&mut blocks, &[60; 16]), second);
    assert_eq!(blocks.find(&count(17)), Known::Now { shared: first, copied: None });
    assert_eq!(blocks.take(ROOT, &[1]), None, "both are in use");
}

#[test]
fn sampled_tokens_make_blocks_that_others_find() {
    let mut blocks = Blocks::new(4);
    let block = blocks.take(ROOT, &[]).unwrap();
    for slot in 0..16 {
        blocks.plan(block, slot, slot as u32);
        blocks.computed(block, slot + 1);
    }
    blocks.release(block);
    assert_eq!(blocks.find(&count(17)), Known::Now { shared: vec![block], copied: None });
}
