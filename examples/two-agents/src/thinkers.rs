//! The offline models. Each can solve and verify, as the conversation asks; the coach writes prompts for both.
//!
//! What a thinker says depends on its name, the conversation and the system prompt, and on nothing else.

use agentscope_tuner::{
    message::{Msg, Role},
    model::{ChatRequest, scripted::Scripted},
    seed,
};

agentscope_tuner::scripted!("thinker-small", |_| Ok(Thinker {
    name: "thinker-small",
    solves: 0.4,
    checks: 0.4
}
.model()));
agentscope_tuner::scripted!("thinker-large", |_| Ok(Thinker {
    name: "thinker-large",
    solves: 0.7,
    checks: 0.95
}
.model()));
agentscope_tuner::scripted!("thinker-coach", |_| Ok(Scripted::new("thinker-coach", coach)));

/// Prompts with these words leave less than half of the mistakes.
const SOLVING: &str = "List the factors of the product.";
const CHECKING: &str = "Multiply the two numbers yourself.";
const LEFT: f64 = 0.4;

/// How likely a model is to be right.
#[derive(Clone, Copy)]
struct Thinker {
    name: &'static str,
    /// Finds the numbers at an attempt.
    solves: f64,
    /// Checks the product, and not only the sum.
    checks: f64,
}

impl Thinker {
    fn model(self) -> Scripted {
        Scripted::new(self.name, move |request| self.answer(request))
    }

    fn answer(self, request: &ChatRequest) -> String {
        let first = |role| request.messages.iter().find(move |msg| msg.role == role).map(Msg::text);
        let (system, asked) =
            (first(Role::System).unwrap_or_default(), first(Role::User).unwrap_or_default());
        let attempt = request.messages.iter().filter(|msg| msg.role == Role::Assistant).count();
        match numbers(&asked)[..] {
            [sum, product] => self.solve(&system, sum, product, attempt),
            [sum, product, a, b] => self.verify(&system, [sum, product], [a, b]),
            _ => "I see no puzzle.".to_owned(),
        }
    }

    /// A near miss has the right sum.
    fn solve(self, system: &str, sum: u64, product: u64, attempt: usize) -> String {
        let pair = (1..=sum / 2).map(|a| (a, sum - a)).find(|(a, b)| a * b == product);
        let Some((a, b)) = pair else { return "There are none.".to_owned() };
        let ids = [&sum.to_le_bytes()[..], &product.to_le_bytes(), &attempt.to_le_bytes()];
        let slips = self.draw("solve", &ids) < (1.0 - self.solves) * left(system, SOLVING);
        let off = if slips { 1 + u64::from(self.draw("off", &ids) < 0.5) } else { 0 };
        format!("{} and {}", a + off, b - off)
    }

    fn verify(self, system: &str, [sum, product]: [u64; 2], [a, b]: [u64; 2]) -> String {
        let ids = [sum, product, a, b].map(u64::to_le_bytes);
        let careless = self.draw("verify", &ids.each_ref().map(|id| &id[..]))
            < (1.0 - self.checks) * left(system, CHECKING);
        match (a + b == sum, a * b == product || careless) {
            (true, true) => "Right.".to_owned(),
            (false, _) => format!("Wrong: the sum is {}.", a + b),
            (_, false) => format!("Wrong: the product is {}.", a * b),
        }
    }

    fn draw(self, what: &str, ids: &[&[u8]]) -> f64 {
        seed::unit(0, what, [self.name.as_bytes()].into_iter().chain(ids.iter().copied()))
    }
}

/// The share of mistakes that a prompt leaves.
fn left(system: &str, advice: &str) -> f64 {
    if system.contains(advice) { LEFT } else { 1.0 }
}

fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

/// Repeats a prompt with the advice that its runs call for: where a wrong answer was called right, the verifier is to multiply;
/// where one was objected to, the solver is to list factors.
fn coach(request: &ChatRequest) -> String {
    let asked = request.messages.iter().map(Msg::text).collect::<Vec<_>>().join("\n");
    let prompt = asked.split("```").nth(1).unwrap_or_default().trim();
    let (wrong, _) = asked.split_once("These went well").unwrap_or((&asked, ""));
    let advice = match prompt.starts_with("Check") {
        true if wrong.contains("- model: Right.") => CHECKING,
        false if wrong.contains("- model: Wrong:") => SOLVING,
        _ => "Take your time.",
    };
    let advice = if prompt.contains(advice) { "Be careful." } else { advice };
    format!("This may help:\n```\n{prompt} {advice}\n```")
}
