//! Two agents: one solves, the other checks, and what it objects to is solved again.

mod thinkers;

use agentscope_tuner::prelude::*;

/// One row of `data/train.jsonl`.
#[derive(Clone, Deserialize)]
struct Puzzle {
    sum: u32,
    product: u32,
}

/// Finds two numbers of which sum and product are known. The verifier may object twice.
#[workflow]
async fn find(
    task: Puzzle,
    solver: Model,
    verifier: Model,
    /// How to solve.
    #[prompt("Find the two numbers. Answer like this: 3 and 4.")]
    solving: Prompt,
    /// How to check.
    #[prompt("Check the answer. Say `right`, or what is wrong.")]
    checking: Prompt,
    context: Context,
) -> Result<String> {
    let Puzzle { sum, product } = task;
    let puzzle = format!("Which two whole numbers have the sum {sum} and the product {product}?");
    let mut solver = ReActAgent::new(solver).system(solving);
    let mut answer = solver.reply(Msg::user(&*puzzle)).await?.text();
    for objections in 1..=2 {
        let mut verifier = ReActAgent::new(verifier.clone()).system(checking.clone());
        let verdict = verifier.reply(Msg::user(format!("{puzzle}\nAnswer: {answer}"))).await?.text();
        if verdict.to_lowercase().starts_with("right") {
            break;
        }
        context.metric("objections", f64::from(objections));
        answer = solver.reply(Msg::user(verdict)).await?.text();
    }
    Ok(answer)
}

/// 1 when both sum and product are right.
#[judge]
async fn both_right(task: &Puzzle, response: &str) -> Reward {
    let words = response.split(|c: char| !c.is_ascii_digit());
    let numbers: Vec<u32> = words.filter_map(|word| word.parse().ok()).collect();
    let [a, b] = numbers[..] else { return Reward::new(0.0).feedback("the answer is not two numbers") };
    let faults = [("sum", a + b, task.sum), ("product", a * b, task.product)];
    match faults.iter().find(|(_, found, wanted)| found != wanted) {
        None => Reward::new(1.0),
        Some((what, found, wanted)) => {
            Reward::new(0.0).feedback(format!("the {what} of {a} and {b} is {found}, not {wanted}"))
        }
    }
}

agentscope_tuner::main!();
