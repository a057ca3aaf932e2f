//! Between rows of q, k and v side by side and one rotated matrix a head.

use super::{Argument, Card, Launch, attention::Layout, count, elementwise::add_rows};
use crate::kernels::train::Heads;

/// The scales of the norms of query and key heads, and ε.
pub(crate) struct Norms<'a, C: Card> {
    pub(crate) query: &'a C::Floats,
    pub(crate) key: &'a C::Floats,
    pub(crate) eps: f32,
}

impl<C: Card> Clone for Norms<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Card> Copy for Norms<'_, C> {}

/// Whether the layout has these rows and this head width, and the scales are as long as a head.
fn fits<C: Card>(
    card: &C,
    len: usize,
    heads: Heads,
    layout: &Layout<C>,
    norms: Option<Norms<'_, C>>,
) -> bool {
    let scales =
        norms.is_none_or(|norms| [norms.query, norms.key].iter().all(|s| card.len(s) == heads.head_dim));
    layout.serves(heads) && len == heads.rows * heads.width() && heads.head_dim.is_multiple_of(2) && scales
}

fn sizes<'a, C: Card>(heads: Heads, eps: Option<f32>) -> [Argument<'a, C>; 5] {
    let Heads { rows, query_heads, kv_heads, head_dim } = heads;
    let eps = Argument::Real(eps.unwrap_or(0.0));
    [count(rows), count(query_heads), count(kv_heads), count(head_dim), eps]
}

/// Writes `heads x rows x head_dim`.
pub(crate) fn split<C: Card>(
    card: &C,
    qkv: &C::Floats,
    heads: Heads,
    layout: &Layout<C>,
    norms: Option<Norms<'_, C>>,
) -> Result<C::Floats, C::Error> {
    card.check(fits(card, card.len(qkv), heads, layout, norms))?;
    let mut out = card.floats(card.len(qkv))?;
    let units = heads.rows * heads.total();
    if units > 0 {
        let mut arguments = vec![
            Argument::Read(qkv),
            Argument::Read(&layout.cosines),
            Argument::Read(&layout.sines),
            Argument::Words(&layout.positions),
            norms.map_or(Argument::Null, |norms| Argument::Read(norms.query)),
            norms.map_or(Argument::Null, |norms| Argument::Read(norms.key)),
            Argument::Write(&mut out),
        ];
        arguments.extend(sizes(heads, norms.map(|norms| norms.eps)));
        // SAFETY: one warp for each head of each row, of which both buffers have all; the layout has a position for each
        // row and the angles of each position, half a head of them; scales are as long as a head.
        unsafe { card.launch(Launch::warps("split_heads", units), &mut arguments)? };
    }
    Ok(out)
}

/// The gradient of the rows; with `norms` and the rows before the split, adds to those of the scales where asked.
pub(crate) fn split_backward<C: Card>(
    card: &C,
    dheads: &C::Floats,
    heads: Heads,
    layout: &Layout<C>,
    norms: Option<(&C::Floats, Norms<'_, C>)>,
    dscales: Option<[&mut C::Floats; 2]>,
) -> Result<C::Floats, C::Error> {
    let (qkv, norms) = norms.unzip();
    card.check(fits(card, card.len(dheads), heads, layout, norms))?;
    card.check(qkv.is_none_or(|qkv| card.len(qkv) == card.len(dheads)))?;
    let mut out = card.floats(card.len(dheads))?;
    let units = heads.rows * heads.total();
    if units == 0 {
        return Ok(out);
    }
    let mut products = match norms.is_some() && dscales.is_some() {
        true => {
            let row = heads.rows * heads.head_dim;
            Some([card.floats(row * heads.query_heads)?, card.floats(row * heads.kv_heads)?])
        }
        false => None,
    };
    let [query_products, key_products] = match &mut products {
        Some(both) => both.each_mut().map(Argument::Write),
        None => [Argument::Null, Argument::Null],
    };
    let mut arguments = vec![
        Argument::Read(dheads),
        Argument::Read(&layout.cosines),
        Argument::Read(&layout.sines),
        Argument::Words(&layout.positions),
        qkv.map_or(Argument::Null, Argument::Read),
        norms.map_or(Argument::Null, |norms| Argument::Read(norms.query)),
        norms.map_or(Argument::Null, |norms| Argument::Read(norms.key)),
        Argument::Write(&mut out),
        query_products,
        key_products,
    ];
    arguments.extend(sizes(heads, norms.map(|norms| norms.eps)));
    // SAFETY: as in `split`; `qkv` is as long as the output, and `products` hold each query and each key head of a row.
    unsafe { card.launch(Launch::warps("split_heads_backward", units), &mut arguments)? };
    if let (Some(dscales), Some(products)) = (dscales, products) {
        for (dscale, products) in dscales.into_iter().zip(&products) {
            card.check(card.len(dscale) == heads.head_dim)?;
            add_rows(card, dscale, products)?;
        }
    }
    Ok(out)
}
