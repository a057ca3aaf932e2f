//! How the spelling of a token in the vocabulary stands for bytes.

use serde_json::Value;
use tokenizers::Tokenizer as Backend;

use super::fault;
use crate::error::Result;

/// What the decoder of a `tokenizer.json` does to each token, and to the start of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    /// Each character stands for one byte, in GPT-2's alphabet of printable characters.
    pub(super) byte_level: bool,
    /// `<0x41>` stands for the byte 41.
    pub(super) byte_fallback: bool,
    /// Replacements within a token, such as `▁` by a space.
    pub(super) replacements: Vec<(String, String)>,
    /// Up to so many of this byte are taken off the start of a text.
    pub(super) strip: Option<(u8, usize)>,
}

impl Rule {
    /// # Errors
    /// When the decoder has a step that no vocabulary of bytes or SentencePiece has.
    pub(super) fn of(backend: &Backend) -> Result<Self> {
        let decoder = backend.get_decoder().map(serde_json::to_value).transpose();
        let decoder = decoder
            .map_err(|error| fault("the decoder of tokenizer.json cannot be read").with_source(error))?
            .ok_or_else(|| unsupported("none"))?;
        let mut rule = Self::default();
        rule.add(&decoder)?;
        Ok(rule)
    }

    fn add(&mut self, step: &Value) -> Result<()> {
        let kind = step["type"].as_str().unwrap_or_default();
        match kind {
            "Sequence" => {
                return step["decoders"].as_array().into_iter().flatten().try_for_each(|step| self.add(step));
            }
            "ByteLevel" => self.byte_level = true,
            "ByteFallback" => self.byte_fallback = true,
            // Fusing tokens changes how later steps see them, not their bytes.
            "Fuse" => {}
            "Replace" => {
                let (Some(from), Some(to)) = (step["pattern"]["String"].as_str(), step["content"].as_str())
                else {
                    return Err(unsupported("Replace of a regular expression"));
                };
                self.replacements.push((from.into(), to.into()));
            }
            "Strip" => {
                let (Some([content]), 0) =
                    (step["content"].as_str().map(str::as_bytes), step["stop"].as_u64().unwrap_or(0))
                else {
                    return Err(unsupported("Strip at the end"));
                };
                self.strip = Some((*content, step["start"].as_u64().unwrap_or(0) as usize));
            }
            "Metaspace" => {
                let replacement = step["replacement"].as_str().unwrap_or("▁");
                self.replacements.push((replacement.into(), " ".into()));
                if step["prepend_scheme"] != "never" {
                    self.strip = Some((b' ', 1));
                }
            }
            other => return Err(unsupported(other)),
        }
        Ok(())
    }

    /// The bytes that `token` stands for.
    pub(super) fn bytes(&self, token: &str) -> Vec<u8> {
        if self.byte_level {
            let bytes: Option<Vec<u8>> = token.chars().map(byte_of).collect();
            return bytes.unwrap_or_else(|| token.as_bytes().to_vec());
        }
        if self.byte_fallback
            && let Some(byte) = fallback_byte(token)
        {
            return vec![byte];
        }
        let replaced =
            self.replacements.iter().fold(token.to_owned(), |token, (from, to)| token.replace(from, to));
        replaced.into_bytes()
    }
}

/// The byte behind a character of GPT-2's alphabet: printable Latin-1 stands for itself, and the 68 other bytes follow
/// from U+0100 on in their order (Radford et al., 2019, `bytes_to_unicode`).
fn byte_of(character: char) -> Option<u8> {
    let byte = match u32::from(character) {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => code,
        code @ 0x100..=0x120 => code - 0x100,
        code @ 0x121..=0x142 => code - 0x121 + 0x7f,
        0x143 => 0xad,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

fn unsupported(kind: &str) -> crate::error::Error {
    fault(format!(
        "the decoder of tokenizer.json has a step that is not supported ({kind}); byte-level and SentencePiece \
         vocabularies are"
    ))
}
