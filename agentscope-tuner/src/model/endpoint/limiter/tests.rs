//! The specification of the limiter, one sentence a test.

use proptest::prelude::*;

use super::*;

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A full round of answers with every slot in use.
fn round(limiter: &mut Limiter, now: Duration) {
    let limit = limiter.limit();
    for _ in 0..limit {
        limiter.answered(now, limit);
    }
}

#[test]
fn it_starts_at_twenty() {
    assert_eq!(Limiter::default().limit(), 20);
}

#[test]
fn each_clean_round_doubles_until_the_first_refusal() {
    let mut limiter = Limiter::default();
    for expected in [40, 80, 160, 320, 512, 512] {
        round(&mut limiter, at(0));
        assert_eq!(limiter.limit(), expected);
    }
}

#[test]
fn a_round_is_as_many_answers_as_the_limit() {
    let mut limiter = Limiter::default();
    (0..19).for_each(|_| limiter.answered(at(0), 20));
    assert_eq!(limiter.limit(), 20);
    limiter.answered(at(0), 20);
    assert_eq!(limiter.limit(), 40);
}

#[test]
fn a_refusal_cuts_by_a_fifth_and_ends_doubling() {
    let mut limiter = Limiter::default();
    round(&mut limiter, at(0));
    round(&mut limiter, at(0));
    assert_eq!(limiter.limit(), 80);
    limiter.rate_limited(at(1), None);
    assert_eq!(limiter.limit(), 64);
    round(&mut limiter, at(16));
    assert_eq!(limiter.limit(), 68, "+5 %, rounded up");
}

#[test]
fn a_burst_of_refusals_is_cut_once() {
    let mut limiter = Limiter::default();
    (0..50).for_each(|n| limiter.rate_limited(Duration::from_millis(n * 200), None));
    assert_eq!(limiter.limit(), 16);
    limiter.rate_limited(at(15), None);
    assert_eq!(limiter.limit(), 12, "15 s after the cut it is another burst");
}

#[test]
fn no_cut_goes_below_ten() {
    let mut limiter = Limiter::default();
    (0..20).for_each(|n| limiter.rate_limited(at(n * 60), None));
    assert_eq!(limiter.limit(), 10);
}

#[test]
fn answers_do_not_count_while_it_cools_down() {
    let mut limiter = Limiter::default();
    limiter.rate_limited(at(0), None);
    round(&mut limiter, at(14));
    assert_eq!(limiter.limit(), 16);
    round(&mut limiter, at(15));
    assert_eq!(limiter.limit(), 17);
}

#[test]
fn it_cools_down_as_long_as_the_endpoint_asks() {
    let mut limiter = Limiter::default();
    limiter.rate_limited(at(0), Some(at(60)));
    round(&mut limiter, at(59));
    assert_eq!(limiter.limit(), 16);
    round(&mut limiter, at(60));
    assert_eq!(limiter.limit(), 17);
    limiter.rate_limited(at(60), Some(at(1)));
    round(&mut limiter, at(74));
    assert_eq!(limiter.limit(), 13, "never shorter than 15 s");
}

#[test]
fn a_limit_that_is_not_used_does_not_grow() {
    let mut limiter = Limiter::default();
    (0..1000).for_each(|_| limiter.answered(at(0), 15));
    assert_eq!(limiter.limit(), 20, "15 of 20 is below 80 %");
    (0..20).for_each(|_| limiter.answered(at(0), 16));
    assert_eq!(limiter.limit(), 40);
}

#[test]
fn trouble_of_the_server_pauses_growth_and_cuts_nothing() {
    let mut limiter = Limiter::default();
    (0..19).for_each(|_| limiter.answered(at(0), 20));
    limiter.troubled(at(0));
    round(&mut limiter, at(10));
    assert_eq!(limiter.limit(), 20);
    round(&mut limiter, at(15));
    assert_eq!(limiter.limit(), 40, "and doubling goes on");
    limiter.troubled(at(15));
    limiter.rate_limited(at(16), None);
    assert_eq!(limiter.limit(), 32, "a pause does not hold off a cut");
}

proptest! {
    /// Whatever happens, the limit stays within its bounds and moves by no more than a round allows.
    #[test]
    fn the_limit_stays_in_its_bounds(events in proptest::collection::vec((0..4u8, 0..3_000u64, 0..600usize), 0..400)) {
        let mut limiter = Limiter::default();
        let mut now = Duration::ZERO;
        for (kind, pause, in_flight) in events {
            now += Duration::from_millis(pause);
            let before = limiter.limit();
            match kind {
                0 => limiter.rate_limited(now, Some(Duration::from_millis(pause * 10))),
                1 => limiter.troubled(now),
                _ => limiter.answered(now, in_flight),
            }
            let after = limiter.limit();
            prop_assert!((10..=512).contains(&after));
            prop_assert!(after <= 2 * before && after >= before * 4 / 5);
            prop_assert!(kind >= 2 || after <= before);
            prop_assert!(kind == 0 || after >= before);
        }
    }
}
