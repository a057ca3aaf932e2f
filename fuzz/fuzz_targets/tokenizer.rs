//! `tokenizer.json`: refused, or a tokenizer whose ids stay within its vocabulary.
#![no_main]

use std::sync::Once;

use agentscope_tuner_policy::tokenizer::Tokenizer;
use libfuzzer_sys::fuzz_target;

static HOOK: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    // The fuzzer's hook ends the process at each panic, those too that the loader catches; without it, at those that escape.
    HOOK.call_once(|| std::panic::set_hook(Box::new(|_| ())));
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("tokenizer.json"), bytes).expect("room");
    let Ok(tokenizer) = Tokenizer::open(directory.path(), 512) else { return };
    let Ok(ids) = tokenizer.encode("héllo <|im_start|> 12", true) else { return };
    assert!(ids.iter().all(|id| (*id as usize) < 512));
    let _ = tokenizer.decode(&ids, true);
});
