//! Compares what is generated with the readable copies in `tests/expand`.
//!
//! After a change, `BLESS=1 cargo test -p agentscope-tuner-macros` writes the copies; read the difference.

use std::{env, fs, path::Path};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{File, Item, Meta};

use crate::{component::Kind, expand};

/// Applies our first attribute in `source`, as the compiler would.
fn expand(source: &str) -> String {
    let mut file: File = syn::parse_str(source).unwrap();
    let [Item::Fn(function)] = file.items.as_mut_slice() else { panic!("not one function:\n{source}") };
    let kinds = [Kind::Workflow, Kind::Judge, Kind::Tool];
    let kind_of =
        |attribute: &syn::Attribute| kinds.into_iter().find(|kind| attribute.path().is_ident(kind.name()));
    let place = function.attrs.iter().position(|attribute| kind_of(attribute).is_some()).unwrap();
    let attribute = function.attrs.remove(place);
    let options = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let tokens = expand::annotate(kind_of(&attribute).unwrap(), options, function.to_token_stream());
    prettyplease::unparse(&syn::parse2(tokens).unwrap())
}

#[test]
fn the_generated_code_is_as_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/expand");
    let mut compared = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let input = entry.unwrap().path();
        if input.to_string_lossy().ends_with(".expanded.rs") {
            continue;
        }
        let expanded = expand(&fs::read_to_string(&input).unwrap());
        let reviewed = input.with_extension("expanded.rs");
        if env::var_os("BLESS").is_some() {
            fs::write(&reviewed, &expanded).unwrap();
        }
        assert_eq!(expanded, fs::read_to_string(&reviewed).unwrap(), "{}", reviewed.display());
        compared += 1;
    }
    assert!(compared >= 4, "only {compared} inputs were found");
}
