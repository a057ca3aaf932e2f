//! What the compiler says about each misuse, word for word.
//!
//! One mistake a file, sorted by attribute. After a change of a message, `TRYBUILD=overwrite` writes the new
//! ones; read each before it is committed. What must compile stands in `components`, `hygiene` and `programs`:
//! nothing here has to be linked, which keeps this quick.

#[test]
fn every_misuse_is_explained() {
    trybuild::TestCases::new().compile_fail("ui/*/fail/*.rs");
}
