//! `tokenizer.json`: refused, or a tokenizer whose ids stay within its vocabulary.
#![no_main]

use agentscope_tuner_policy::tokenizer::Tokenizer;
use libfuzzer_sys::fuzz_target;

// The fuzzer's hook ends the process at each panic, those too that the loader catches; without it, those that escape.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("tokenizer.json"), bytes).expect("room");
    let Ok(tokenizer) = Tokenizer::open(directory.path(), 512) else { return };
    let Ok(ids) = tokenizer.encode("héllo <|im_start|> 12", true) else { return };
    assert!(ids.iter().all(|id| (*id as usize) < 512));
    let _ = tokenizer.decode(&ids, true);
});
