//! Where an annotated function stands. An attribute sees only its own item, and a function without `self` looks the same
//! within an `impl` block as outside; so the file is read, as the compiler names it.

use std::fs;

use proc_macro2::{Ident, Span};
use syn::{
    Attribute, ImplItemFn, ItemFn, TraitItemFn,
    visit::{self, Visit},
};

use crate::check::is_ours;

/// Whether the function `name` is one of an `impl` block or a trait. Where the file cannot be read, as in an editor's
/// buffer, it counts as free.
pub(crate) fn is_associated(name: &Ident) -> bool {
    // An attribute that starts its line is on no associated function, as anybody writes them: nothing needs to be read.
    if !proc_macro::is_available() || Span::call_site().unwrap().column() == 1 {
        return false;
    }
    let file = name.span().unwrap().local_file().and_then(|path| fs::read_to_string(path).ok());
    let Some(file) = file.and_then(|text| syn::parse_file(&text).ok()) else { return false };
    let mut places = Places { name, free: false, associated: false };
    places.visit_file(&file);
    places.associated && !places.free
}

/// The annotated functions of one name.
struct Places<'a> {
    name: &'a Ident,
    free: bool,
    associated: bool,
}

impl Places<'_> {
    fn is_meant(&self, name: &Ident, attributes: &[Attribute]) -> bool {
        name == self.name && attributes.iter().any(is_ours)
    }
}

impl<'ast> Visit<'ast> for Places<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.free |= self.is_meant(&function.sig.ident, &function.attrs);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.associated |= self.is_meant(&function.sig.ident, &function.attrs);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        self.associated |= self.is_meant(&function.sig.ident, &function.attrs);
        visit::visit_trait_item_fn(self, function);
    }
}
