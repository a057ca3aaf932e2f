//! One budget for the parts of a run.

use std::time::Instant;

use crate::{
    config::{BoundsTable, Override},
    model::Usd,
    workflow::Spent,
};

/// What is left for parts that have not begun yet.
pub(super) struct Purse {
    total: BoundsTable,
    spent: Spent,
    began: Instant,
}

impl Purse {
    /// A purse of `total`, its time that of one session, which begins now.
    pub(super) fn new(total: BoundsTable) -> Self {
        Self { total, spent: Spent::default(), began: Instant::now() }
    }

    /// Takes out what a part spent.
    pub(super) fn pay(&mut self, spent: Spent) {
        self.spent += spent;
    }

    pub(super) fn spent(&self) -> &Spent {
        &self.spent
    }

    /// What the next of `parts` may spend: an equal share of what is left, so that what one leaves flows on to the others,
    /// and no more than its `own` budget.
    pub(super) fn share(&self, parts: usize, own: &BoundsTable) -> BoundsTable {
        let parts = parts.max(1) as u64;
        let whole = |total: Option<u64>, spent: u64| total.map(|total| total.saturating_sub(spent) / parts);
        let picodollars =
            whole(self.total.usd.map(|usd| Usd::new(usd).picodollars()), self.spent.usd.picodollars());
        let seconds = self.total.time.map(|time| {
            // A part that has no time left is stopped by its clock, and not by a check of its settings.
            ((time - self.began.elapsed().as_secs_f64()) / parts as f64).max(1e-3)
        });
        BoundsTable {
            calls: least(whole(self.total.calls, self.spent.calls), own.calls),
            tokens: least(whole(self.total.tokens, self.spent.usage.total()), own.tokens),
            usd: least(picodollars.map(|share| Usd::from_picodollars(share).dollars()), own.usd),
            time: least(seconds, own.time),
        }
    }
}

/// `share` as settings.
pub(super) fn overrides(share: &BoundsTable) -> Vec<Override> {
    let whole = |key: &str, value: Option<u64>| {
        value.map(|value| Override::new(key, i64::try_from(value).unwrap_or(i64::MAX)))
    };
    let real = |key: &str, value: Option<f64>| value.map(|value| Override::new(key, value));
    let all = [
        whole("budget.calls", share.calls),
        whole("budget.tokens", share.tokens),
        real("budget.usd", share.usd),
        real("budget.time", share.time),
    ];
    all.into_iter().flatten().collect()
}

/// `bounds` for people; nothing where there are none.
pub(super) fn words(bounds: &BoundsTable) -> Option<String> {
    let all = [
        bounds.calls.map(|calls| format!("{calls} calls")),
        bounds.tokens.map(|tokens| format!("{tokens} tokens")),
        bounds.usd.map(|usd| Usd::new(usd).to_string()),
        bounds.time.map(|seconds| format!("{seconds} s")),
    ];
    let all: Vec<_> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// The smaller of two bounds, of which either may be missing.
fn least<T: PartialOrd>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other < one { other } else { one }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(total: Option<u64>, spent: u64, parts: usize, own: Option<u64>) -> Option<u64> {
        let mut purse = Purse::new(BoundsTable { calls: total, ..BoundsTable::default() });
        purse.pay(Spent { calls: spent, ..Spent::default() });
        purse.share(parts, &BoundsTable { calls: own, ..BoundsTable::default() }).calls
    }

    #[test]
    fn what_one_part_leaves_flows_on() {
        assert_eq!(calls(Some(300), 0, 3, Some(300)), Some(100));
        assert_eq!(calls(Some(300), 40, 2, Some(300)), Some(130));
        assert_eq!(calls(Some(300), 170, 1, Some(300)), Some(130));
        assert_eq!(calls(Some(300), 300, 1, Some(300)), Some(0));
        assert_eq!(calls(Some(300), 0, 2, Some(20)), Some(20));
        assert_eq!(calls(None, 50, 2, None), None);
        assert_eq!(calls(None, 50, 2, Some(7)), Some(7));
    }

    #[test]
    fn shares_never_add_up_to_more_than_the_budget() {
        let total = BoundsTable { usd: Some(0.1), tokens: Some(1_000), ..BoundsTable::default() };
        let mut purse = Purse::new(total.clone());
        for left in [7, 6, 5, 4, 3, 2, 1] {
            let share = purse.share(left, &total);
            let usage = crate::model::Usage { input_tokens: share.tokens.unwrap(), ..Default::default() };
            purse.pay(Spent { usage, usd: Usd::new(share.usd.unwrap()), ..Spent::default() });
        }
        assert!(purse.spent().usd <= Usd::new(0.1) && purse.spent().usage.total() <= 1_000);
        assert!(purse.spent().usage.total() >= 995, "{:?}", purse.spent());
    }
}
