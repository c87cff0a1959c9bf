//! The attributes `#[gossamer::main]` and `#[gossamer::test]`; see the crate `gossamer`.

use proc_macro::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, ItemFn, Token, parse_macro_input};

/// Runs an `async fn main` on worker 0 of a fresh runtime.
///
/// The options are methods of `gossamer::Builder` (`workers`, `pin`, `dedicated_trustees`,
/// `budget`) and `idle`, a text: `"spin"`, `"adaptive"` or `"park"`. The environment
/// (`GOSSAMER_WORKERS`, ...) is stronger than they are. A runtime that cannot be built is
/// reported on standard error, and the program ends with a failure.
///
/// ```
/// #[gossamer::main(workers = 2, idle = "park")]
/// async fn main() {
///     let counter = gossamer::entrust(17);
///     assert_eq!(counter.apply(|c| *c).await, 17);
/// }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as Options);
    let function = parse_macro_input!(item as ItemFn);
    expand(&options, function, None)
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

/// Runs an `async fn` as a test, on worker 0 of a fresh runtime of its own.
///
/// The options are those of `#[gossamer::main]`; without `workers`, there are two.
///
/// ```
/// #[gossamer::test(workers = 3)]
/// async fn three() {
///     assert_eq!(gossamer::workers(), 3);
/// }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as Options);
    let function = parse_macro_input!(item as ItemFn);
    let workers = (!options.has("workers")).then(|| quote!(.workers(2)));
    let test = quote! { #[::core::prelude::v1::test] };
    expand(&options, function, Some((test, workers)))
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

type Tokens = proc_macro2::TokenStream;

fn expand(
    options: &Options,
    function: ItemFn,
    test: Option<(Tokens, Option<Tokens>)>,
) -> Result<Tokens, Error> {
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
        ..
    } = function;
    if sig.asyncness.is_none() {
        return Err(Error::new(
            sig.fn_token.span(),
            "this must be an `async fn`",
        ));
    }
    if !sig.inputs.is_empty() {
        return Err(Error::new(
            sig.inputs.span(),
            "this function takes no arguments",
        ));
    }
    if !sig.generics.params.is_empty() {
        return Err(Error::new(
            sig.generics.span(),
            "this function cannot be generic",
        ));
    }
    // Tests are no nodes of a rack, whatever the environment says.
    let run = match test {
        None => quote!(run_main),
        Some(_) => quote!(run),
    };
    let (test, workers) = test.unzip();
    let (name, output) = (&sig.ident, &sig.output);
    let settings = options.settings()?;
    Ok(quote! {
        #test
        #(#attrs)*
        #vis fn #name() -> ::std::process::ExitCode {
            async fn body() #output #block
            let builder = ::gossamer::Builder::new()
                .__defaults(|builder| builder #workers #settings);
            ::gossamer::__private::#run(builder, body)
        }
    })
}

/// `name = value, ...`
struct Options(Punctuated<Setting, Token![,]>);

struct Setting {
    name: Ident,
    value: Expr,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self(Punctuated::parse_terminated(input)?))
    }
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        Ok(Self {
            name,
            value: input.parse()?,
        })
    }
}

impl Options {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|setting| setting.name == name)
    }

    /// The calls of the builder that they stand for.
    fn settings(&self) -> Result<Tokens, Error> {
        self.0.iter().map(Setting::call).collect()
    }
}

impl Setting {
    fn call(&self) -> Result<Tokens, Error> {
        let Self { name, value } = self;
        match name.to_string().as_str() {
            "workers" | "pin" | "dedicated_trustees" | "budget" => Ok(quote!(.#name(#value))),
            "idle" => {
                let idle = self.idle()?;
                Ok(quote!(.idle(::gossamer::Idle::#idle)))
            }
            _ => Err(Error::new(
                name.span(),
                "unknown option; there are `workers`, `pin`, `idle`, `dedicated_trustees` and \
                 `budget`",
            )),
        }
    }

    fn idle(&self) -> Result<Ident, Error> {
        let text = match &self.value {
            Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => text.value(),
            _ => String::new(),
        };
        match text.as_str() {
            "spin" => Ok(format_ident!("Spin")),
            "adaptive" => Ok(format_ident!("Adaptive")),
            "park" => Ok(format_ident!("Park")),
            _ => Err(Error::new(
                self.value.span(),
                "`idle` is one of \"spin\", \"adaptive\" and \"park\"",
            )),
        }
    }
}
