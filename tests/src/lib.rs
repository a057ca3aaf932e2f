//! Nothing here but what documents show: their Rust code is compiled as doctests. See `tests/` for the rest.

#[cfg(doctest)]
#[doc = include_str!("../../docs/from-agentscope.md")]
mod from_agentscope {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/cookbook.md")]
mod cookbook {}
