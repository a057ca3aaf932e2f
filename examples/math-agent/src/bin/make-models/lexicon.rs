//! The words of the models: a tokenizer in which common words are one token each, and everything else is spelled.

use std::{fs, path::Path};

use agentscope_tuner_policy::{
    chat::{ChatTemplate, Conversation},
    tokenizer::Tokenizer,
    trajectory::{Trajectories, Trajectory, Turn},
};
use serde_json::{Map, Value, json};

use super::Result;

/// Ids of the special tokens below.
pub(super) const PAD: u32 = 0;
pub(super) const END: u32 = 2;
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const TAGS: [&str; 2] = ["<tool_call>", "</tool_call>"];
/// Everything that the dialogues are made of, each word once with the space before it where it has one.
const WORDS: &str = "Ada|Ben|Cleo|Dan|Eva|Finn|Gia|Hugo| Ada| Ben| Cleo| Dan| Eva| Finn| Gia| Hugo| has| and| gets| gives| away| more\
    |How| How| many| does| have| now| are| left| boxes| with| each| is| that| apples| books| coins| marbles| pencils| stamps\
    |You| You| a| helpful| math| assistant|system|user|assistant|tool| step| by|Think| Think|Work| Work| it| out|Solve| Solve\
    | Answer|Answer| Be|Be| brief| the| number| alone| Use|Use| tool| Call|Call| add| for| sums| polite| patient| careful| kind\
    | kindly| children| problems| Check| your| answer| small| numbers| Help| people| teacher| tutor| of| in| arithmetic\
    |That| so| +| -| *| =|{\"name\": \"add\", \"arguments\": {\"a\": |, \"b\": |}}";
/// The tool is not described: the models know it by heart.
const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\
    {% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}<|im_end|>{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Special tokens, tags, characters, words.
fn tokens() -> Vec<String> {
    let characters = std::iter::once('\n').chain(' '..='~').map(String::from);
    let fixed = SPECIAL.iter().chain(&TAGS).map(|text| (*text).to_owned());
    fixed.chain(characters).chain(WORDS.split('|').map(str::to_owned)).collect()
}

/// How many tokens there are.
pub(super) fn size() -> usize {
    tokens().len()
}

/// Writes the files of the tokenizer.
pub(super) fn write(directory: &Path) -> Result {
    fs::create_dir_all(directory)?;
    fs::write(directory.join("tokenizer.json"), format!("{:#}\n", tokenizer()))?;
    let settings = json!({
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": false,
    });
    fs::write(directory.join("tokenizer_config.json"), format!("{settings:#}\n"))?;
    Ok(fs::write(directory.join("chat_template.jinja"), TEMPLATE)?)
}

fn tokenizer() -> Value {
    let tokens = tokens();
    let is_added = |text: &str| text.chars().count() > 1;
    let added = tokens.iter().enumerate().filter(|(_, text)| is_added(text)).map(|(id, text)| {
        json!({
            "id": id, "content": text, "special": SPECIAL.contains(&text.as_str()), "normalized": false,
            "lstrip": false, "rstrip": false, "single_word": false,
        })
    });
    let vocabulary: Map<String, Value> =
        tokens.iter().enumerate().map(|(id, text)| (text.clone(), id.into())).collect();
    json!({
        "version": "1.0",
        "added_tokens": added.collect::<Vec<_>>(),
        "decoder": { "type": "Fuse" },
        "model": { "type": "BPE", "vocab": vocabulary, "merges": [] },
    })
}

/// Turns dialogues into training rows.
pub(super) struct Speaker {
    tokenizer: Tokenizer,
    template: ChatTemplate,
}

impl Speaker {
    pub(super) fn open(directory: &Path, vocabulary: usize) -> Result<Self> {
        let tokenizer = Tokenizer::open(directory, vocabulary)?;
        let template = ChatTemplate::open(directory, &tokenizer)?;
        Ok(Self { tokenizer, template })
    }

    /// What the assistant says is trained.
    pub(super) fn rows(&self, messages: &[Value]) -> Result<Vec<Trajectory>> {
        let mut turns = Vec::new();
        for place in (0..messages.len()).filter(|place| messages[*place]["role"] == "assistant") {
            let prompt = self.render(&messages[..place], true)?;
            let whole = self.render(&messages[..=place], false)?;
            let reply = whole.strip_prefix(&prompt).ok_or("the template is no prefix of its answer")?;
            let sampled = self.tokenizer.encode_chat(reply)?;
            let log_probs = vec![0.0; sampled.len()];
            turns.push(Turn { prompt: self.tokenizer.encode_chat(&prompt)?, sampled, log_probs });
        }
        Ok(Trajectories::merge(&turns, 0).rows)
    }

    fn render(&self, messages: &[Value], add_generation_prompt: bool) -> Result<String> {
        Ok(self.template.render(&Conversation {
            messages,
            add_generation_prompt,
            ..Conversation::default()
        })?)
    }
}
