//! What an annotated function is, read from its tokens.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, Ident, LitStr, Pat, Path, Receiver, Signature, Type, Visibility, ext::IdentExt};

/// Which attribute stands on the function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Workflow,
    Judge,
    Tool,
}

impl Kind {
    /// The attribute's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Judge => "judge",
            Self::Tool => "tool",
        }
    }

    /// How many parameters come first because the dataset fills them.
    pub(crate) fn leading(self) -> usize {
        match self {
            Self::Workflow => 1,
            Self::Judge => 2,
            Self::Tool => 0,
        }
    }

    /// The options of the attribute, as the user writes them.
    pub(crate) fn options(self) -> &'static str {
        match self {
            Self::Judge => "`for = workflow`, `name = \"…\"` and `crate = path`",
            _ => "`name = \"…\"` and `crate = path`",
        }
    }
}

/// An annotated function.
pub(crate) struct Component {
    pub(crate) kind: Kind,
    pub(crate) options: Options,
    pub(crate) function: Function,
    pub(crate) doc: Doc,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) parameters: Vec<Parameter>,
}

/// The options of the attribute.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) krate: Option<Path>,
    pub(crate) workflow: Option<Path>,
}

/// The function itself, without the attributes that are ours. Its body is not ours to read.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenStream,
}

/// A parameter that is not `self`.
pub(crate) struct Parameter {
    pub(crate) pattern: Pat,
    pub(crate) ty: Type,
    pub(crate) doc: Doc,
    /// Attributes that give the slot a default; more than one is a mistake.
    pub(crate) defaults: Vec<SlotDefault>,
    /// Attributes that are not ours.
    pub(crate) attributes: Vec<Attribute>,
}

/// `#[prompt(…)]` or `#[model(…)]`.
pub(crate) struct SlotDefault {
    pub(crate) attribute: Attribute,
    pub(crate) kind: DefaultKind,
    /// Nothing when the attribute could not be read.
    pub(crate) value: Option<DefaultValue>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefaultKind {
    Prompt,
    Model,
}

impl DefaultKind {
    /// The attribute's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Model => "model",
        }
    }

    /// How the attribute is written.
    pub(crate) fn usage(self) -> &'static str {
        match self {
            Self::Prompt => "#[prompt(\"You are …\")] or #[prompt(file = \"prompts/system.md\")]",
            Self::Model => "#[model(\"strong\")], where `strong` is a model of tuner.toml",
        }
    }

    /// The variant of `SlotRole` and of `SlotDefault`.
    pub(crate) fn variant(self) -> &'static str {
        match self {
            Self::Prompt => "Prompt",
            Self::Model => "Model",
        }
    }
}

pub(crate) enum DefaultValue {
    Text(LitStr),
    /// Relative to the package's root.
    File(LitStr),
}

/// A doc comment: its lines, most of them literals.
#[derive(Default)]
pub(crate) struct Doc(pub(crate) Vec<Expr>);

/// How a parameter is passed, and what must be owned for that.
pub(crate) enum Owned<'a> {
    /// `T`, by value.
    Value(&'a Type),
    /// `&T`.
    Borrowed(&'a Type),
    /// `&str`, from a `String`.
    Str,
    /// `&[T]`, from a `Vec<T>`.
    Slice(&'a Type),
}

impl Component {
    /// The name under which the component is registered.
    pub(crate) fn name(&self) -> String {
        match &self.options.name {
            Some(name) => name.value(),
            None => self.ident().unraw().to_string(),
        }
    }

    /// The name of the function.
    pub(crate) fn ident(&self) -> &Ident {
        &self.function.signature.ident
    }

    /// The parameters that the dataset fills: the task, the response.
    pub(crate) fn leading(&self) -> &[Parameter] {
        &self.parameters[..self.parameters.len().min(self.kind.leading())]
    }

    /// The parameters that the tuner fills.
    pub(crate) fn slots(&self) -> &[Parameter] {
        match self.kind {
            Kind::Tool => &[],
            _ => self.parameters.get(self.kind.leading()..).unwrap_or_default(),
        }
    }

    /// The path of the library, as `crate = …` gives it.
    pub(crate) fn krate(&self) -> TokenStream {
        match &self.options.krate {
            Some(path) => path.to_token_stream(),
            None => quote!(::agentscope_tuner),
        }
    }
}

impl Parameter {
    /// Its name, where it has one.
    pub(crate) fn ident(&self) -> Option<&Ident> {
        match &self.pattern {
            Pat::Ident(pattern) => Some(&pattern.ident),
            _ => None,
        }
    }

    /// How it is passed.
    pub(crate) fn owned(&self) -> Owned<'_> {
        let Type::Reference(reference) = bare(&self.ty) else { return Owned::Value(&self.ty) };
        match bare(&reference.elem) {
            Type::Slice(slice) => Owned::Slice(&slice.elem),
            Type::Path(path) if path.path.is_ident("str") => Owned::Str,
            other => Owned::Borrowed(other),
        }
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attributes, visibility, signature, body } = self;
        tokens.extend(quote!(#(#attributes)* #visibility #signature #body));
    }
}

/// `ty` without parentheses and without the invisible groups that `macro_rules!` puts around `$ty:ty`.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}
