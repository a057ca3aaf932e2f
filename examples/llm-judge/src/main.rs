//! Replies to customers. No answer is the right one, so a model judges: by a rubric, against a reply that a person wrote, and
//! and against other replies.

mod office;

use agentscope_tuner::{
    judge::builtin::{Relative, Rubric, pairwise, relative, rubric},
    prelude::*,
};

/// One row of `data/test.jsonl`.
#[derive(Clone, Deserialize)]
struct Letter {
    message: String,
    /// What a person answered.
    reply: String,
}

/// What makes a reply good.
const CRITERIA: &str = "\
5: it greets the customer by name, repeats the order number, says sorry, and says what happens next.
One point less for each of the four that is missing.";

/// Replies to a letter.
#[workflow]
async fn reply(
    task: Letter,
    writer: Model,
    #[prompt("You answer letters of customers.")] system: Prompt,
) -> Result<String> {
    let chat = ChatRequest::new([Msg::system(system), Msg::user(task.message)]).temperature(1.0);
    Ok(writer.chat(&chat).await?.message.text())
}

/// Writes four replies and sends the one that `critic` likes best when it sees them side by side.
#[workflow]
async fn best_of_four(
    task: Letter,
    writer: Model,
    critic: Model,
    #[prompt("You answer letters of customers.")] system: Prompt,
    context: Context,
) -> Result<String> {
    let mut drafts = Vec::new();
    for _ in 0..4 {
        drafts.push(reply(task.clone(), writer.clone(), system.clone()).await?);
    }
    let options = Relative { criteria: CRITERIA.into(), seed: context.seed() };
    let rewards = relative(&critic, &task.message, &drafts, &options).await?;
    let ranked = drafts.into_iter().zip(rewards);
    let best = ranked.max_by(|(_, one), (_, other)| one.value.total_cmp(&other.value));
    Ok(best.map(|(draft, _)| draft).unwrap_or_default())
}

/// The mean of three gradings by the rubric, from 0 to 1; how far they lie apart is a metric.
#[judge]
async fn graded(task: &Letter, response: &str, critic: Model) -> Result<Reward> {
    let by = Rubric { repeats: 3, ..Rubric::new(CRITERIA) };
    rubric(&critic, &task.message, response, None, &by).await
}

/// 1 when it is better than what a person answered, 0.5 when as good; asked in both orders.
#[judge]
async fn preferred(task: &Letter, response: &str, critic: Model) -> Result<Reward> {
    pairwise(&critic, &task.message, response, &task.reply, CRITERIA).await
}

/// How good each reply to a letter is beside the others: those of all candidates and repeats are seen at once.
#[judge(for = reply)]
async fn side_by_side(
    task: &Letter,
    replies: &Group<String>,
    critic: Model,
    context: Context,
) -> Result<Vec<Reward>> {
    let options = Relative { criteria: CRITERIA.into(), seed: context.seed() };
    let replies: Vec<&str> = replies.iter().map(String::as_str).collect();
    relative(&critic, &task.message, &replies, &options).await
}

agentscope_tuner::main!();
