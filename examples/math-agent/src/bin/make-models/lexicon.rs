//! The words of the models: a tokenizer in which common words are one token each, and everything else is spelled.

use agentscope_tuner::policy::tokenizer::SpelledVocabulary;

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
/// The tool is not described: the models know it by heart. A call is spelled field by field, since servers (vLLM) hand `function` on
/// with its fields in another order.
pub(super) const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\
    {% for c in m.tool_calls or [] %}\
    <tool_call>{\"name\": {{ c.function.name | tojson }}, \"arguments\": {{ c.function.arguments | tojson }}}</tool_call>\
    {% endfor %}<|im_end|>{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Special tokens, tags, characters, words.
fn tokens() -> Vec<String> {
    let characters = std::iter::once('\n').chain(' '..='~').map(String::from);
    let fixed = SPECIAL.iter().chain(&TAGS).map(|text| (*text).to_owned());
    fixed.chain(characters).chain(WORDS.split('|').map(str::to_owned)).collect()
}

/// The vocabulary of the models.
pub(super) fn vocabulary() -> SpelledVocabulary {
    SpelledVocabulary { tokens: tokens(), special: SPECIAL.len(), eos: END, pad: PAD }
}
