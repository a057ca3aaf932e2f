//! Reservations that meet.

use super::*;

fn usd(dollars: f64) -> Bound {
    Bound { usd: Usd::new(dollars), ..Bound::default() }
}

fn paid(dollars: f64) -> Spent {
    Spent { calls: 1, usd: Usd::new(dollars), ..Spent::default() }
}

#[tokio::test]
async fn a_reservation_waits_for_those_in_flight_and_fits_when_they_were_cheaper() {
    let allowance = Allowance { usd: Some(Usd::new(1.0)), ..Allowance::default() };
    let budget = Budget::new(Owner::Run, allowance, Spent::default());
    let first = budget.reserve(usd(0.8)).await.unwrap();
    let waiting = tokio::spawn({
        let budget = Arc::clone(&budget);
        async move { budget.reserve(usd(0.8)).await.map(drop) }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    first.settle(paid(0.1));
    waiting.await.unwrap().unwrap();
    assert_eq!(budget.spent().usd, Usd::new(0.1));
}

#[tokio::test]
async fn what_never_fits_fails_at_once_and_names_the_limit() {
    let budget =
        Budget::new(Owner::Run, Allowance { calls: Some(1), ..Allowance::default() }, Spent::default());
    let first = budget.reserve(Bound::default()).await.unwrap();
    first.settle(paid(0.0));
    let error = budget.reserve(Bound::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Budget(Limit::Calls));
}

#[tokio::test]
async fn a_dropped_reservation_is_given_back_and_a_settled_one_is_paid() {
    let budget =
        Budget::new(Owner::Run, Allowance { calls: Some(2), ..Allowance::default() }, Spent::default());
    drop(budget.reserve(Bound::default()).await.unwrap());
    budget.reserve(Bound::default()).await.unwrap().settle(Bound::default().as_spent());
    assert_eq!(budget.spent().calls, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_never_exceed_it() {
    let budget =
        Budget::new(Owner::Run, Allowance { calls: Some(100), ..Allowance::default() }, Spent::default());
    let tasks: Vec<_> = (0..500)
        .map(|_| {
            let budget = Arc::clone(&budget);
            tokio::spawn(async move {
                let reservation = budget.reserve(Bound::default()).await?;
                tokio::task::yield_now().await;
                reservation.settle(paid(0.0));
                Ok::<_, Error>(())
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!((done, budget.spent().calls), (100, 100));
}
