//! Components that any program can use: as plain functions, or tuned, by naming this crate in `main!`.

use agentscope_tuner::prelude::*;

/// One row of `data/test.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub struct Ticket {
    /// What the customer wrote.
    pub text: String,
    /// Who should read it: `billing`, `shipping` or `support`.
    pub team: String,
}

/// Says which team a ticket is for.
#[workflow]
pub async fn triage(
    ticket: Ticket,
    model: Model,
    #[prompt(file = "prompts/triage.md")] system: Prompt,
) -> Result<String> {
    let chat = ChatRequest::new([Msg::system(system), Msg::user(ticket.text)]);
    Ok(model.chat(&chat).await?.message.text().trim().to_lowercase())
}

/// 1 when it is the right team.
#[judge(for = triage)]
pub async fn right_team(ticket: &Ticket, response: &str) -> bool {
    response == ticket.team
}

#[cfg(test)]
mod tests {
    use agentscope_tuner::model::scripted::Scripted;

    use super::*;

    /// Annotated functions are still functions.
    #[tokio::test]
    async fn the_model_sees_prompt_and_ticket() {
        let model = Scripted::new("parrot", |request| {
            request.messages.iter().map(Msg::text).collect::<Vec<_>>().join("|")
        });
        let ticket = Ticket { text: "Where is my parcel?".into(), team: "shipping".into() };
        let answer = triage(ticket.clone(), model.into(), "Sort.".into()).await.unwrap();
        assert_eq!(answer, "sort.|where is my parcel?");
        assert!(!right_team(&ticket, &answer).await);
    }
}
