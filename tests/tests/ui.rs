//! What the compiler says about each misuse, word for word.
//!
//! One mistake a file, sorted by attribute. After a change of a message, `TRYBUILD=overwrite` writes the new ones;
//! read each before it is committed. What must compile is in `pass.rs`, so that nothing here has to be linked.

#[test]
fn every_misuse_is_explained() {
    trybuild::TestCases::new().compile_fail("ui/*/fail/*.rs");
}
