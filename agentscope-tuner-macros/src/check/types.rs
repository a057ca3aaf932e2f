//! What the rules look for inside a type.

use proc_macro2::Span;
use syn::{
    GenericArgument, Lifetime, Type,
    spanned::Spanned,
    visit::{self, Visit},
};

/// Places in a type that borrow, and places that hide a type.
#[derive(Default)]
pub(super) struct Found {
    pub(super) borrows: Vec<Span>,
    /// Borrows for `'static`.
    pub(super) statics: Vec<Span>,
    pub(super) opaque: Vec<Span>,
}

impl Found {
    /// All such places in `ty`.
    pub(super) fn within(ty: &Type) -> Self {
        let mut found = Self::default();
        found.visit_type(ty);
        found
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
        let lasting = reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static");
        let places = if lasting { &mut self.statics } else { &mut self.borrows };
        places.push(reference.and_token.span());
        self.visit_type(&reference.elem);
    }

    fn visit_generic_argument(&mut self, argument: &'ast GenericArgument) {
        match argument {
            GenericArgument::Lifetime(Lifetime { ident, .. }) if ident == "static" => {}
            GenericArgument::Lifetime(lifetime) => self.borrows.push(lifetime.span()),
            other => visit::visit_generic_argument(self, other),
        }
    }

    /// What a function pointer takes and gives is not held by it.
    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}

    fn visit_type_impl_trait(&mut self, opaque: &'ast syn::TypeImplTrait) {
        self.opaque.push(opaque.impl_token.span());
    }
}
