//! Products of strided matrices: by BLAS where it can express them, else by a plain kernel.

use super::{Argument, Card, Gemm, Launch, Operand, Precision, count, length, size};
use crate::kernels::train::Shape;

/// A matrix to read: element (i, j) stands at `offset + i * row_stride + j * column_stride`.
pub(crate) struct View<'a, C: Card> {
    pub(crate) values: &'a C::Floats,
    pub(crate) offset: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

/// A matrix to write, row-major, and whether what it holds stays and is added to.
pub(crate) struct Output<'a, C: Card> {
    pub(crate) values: &'a mut C::Floats,
    pub(crate) offset: usize,
    pub(crate) row_stride: usize,
    pub(crate) accumulate: bool,
}

impl<C: Card> View<'_, C> {
    fn lies_within(&self, card: &C, rows: usize, columns: usize) -> bool {
        self.lies_below(card.len(self.values), rows, columns)
    }

    fn lies_below(&self, end: usize, rows: usize, columns: usize) -> bool {
        let last = |count: usize, stride: usize| (count - 1) * stride;
        rows == 0
            || columns == 0
            || self.offset + last(rows, self.row_stride) + last(columns, self.column_stride) < end
    }

    /// How column-major BLAS reads the transpose of this matrix of `rows x columns`; none where neither its rows nor its
    /// columns stand side by side.
    fn operand(&self, rows: usize, columns: usize) -> Option<Operand> {
        // The stride between vectors of `along` neighbours, of which there are `vectors`; of one, any stride will do.
        let leading = |neighbours: usize, along: usize, stride: usize, vectors: usize| {
            let stride = if vectors <= 1 { along.max(1) } else { stride };
            let side_by_side = neighbours == 1 || along <= 1;
            i32::try_from(stride).ok().filter(|_| side_by_side && stride >= along.max(1))
        };
        let plain = leading(self.column_stride, columns, self.row_stride, rows);
        let turned = || leading(self.row_stride, rows, self.column_stride, columns);
        let offset = self.offset;
        plain
            .map(|leading| Operand { transposed: false, leading, offset })
            .or_else(|| turned().map(|leading| Operand { transposed: true, leading, offset }))
    }
}

impl<C: Card> Output<'_, C> {
    /// For sizes above 0.
    fn holds(&self, card: &C, rows: usize, columns: usize) -> bool {
        let last = self.offset + (rows - 1) * self.row_stride + columns - 1;
        self.row_stride >= columns && last < card.len(self.values)
    }
}

/// `out = alpha a b`, or `out += alpha a b`. A product of no columns by no rows is 0.
pub(crate) fn product<C: Card>(
    card: &C,
    out: Output<'_, C>,
    shape: Shape,
    alpha: f32,
    a: &View<'_, C>,
    b: &View<'_, C>,
) -> Result<(), C::Error> {
    let Shape { rows, columns, inner } = shape;
    if rows == 0 || columns == 0 || (inner == 0 && out.accumulate) {
        return Ok(());
    }
    card.check(out.holds(card, rows, columns))?;
    card.check(a.lies_within(card, rows, inner) && b.lies_within(card, inner, columns))?;
    match gemm(&out, shape, alpha, a, b) {
        Some(gemm) if inner > 0 => match card.precision(out.values)? {
            Precision::Bf16 => rounded(card, out, gemm, shape, a, b),
            // SAFETY: the checks above: all three matrices lie within their buffers.
            Precision::F32 | Precision::Tf32 => unsafe {
                card.multiply(&gemm, b.values, a.values, out.values)
            },
        },
        _ => plain(card, out, shape, alpha, a, b),
    }
}

/// The product as BLAS takes it: outᵀ = bᵀ aᵀ, since row-major is column-major of the transpose.
fn gemm<C: Card>(
    out: &Output<'_, C>,
    Shape { rows, columns, inner }: Shape,
    alpha: f32,
    a: &View<'_, C>,
    b: &View<'_, C>,
) -> Option<Gemm> {
    let narrow = |size: usize| i32::try_from(size).ok();
    Some(Gemm {
        m: narrow(columns)?,
        n: narrow(rows)?,
        k: narrow(inner)?,
        alpha,
        beta: f32::from(u8::from(out.accumulate)),
        left: b.operand(inner, columns)?,
        right: a.operand(rows, inner)?,
        out: Operand { transposed: false, leading: narrow(out.row_stride)?, offset: out.offset },
        half: false,
    })
}

/// [`product`] of matrices that are bf16 already, two numbers in the place of one f32.
pub(crate) fn product_of_halves<C: Card>(
    card: &C,
    out: Output<'_, C>,
    shape: Shape,
    a: &View<'_, C>,
    b: &View<'_, C>,
) -> Result<(), C::Error> {
    let Shape { rows, columns, inner } = shape;
    let within = |view: &View<'_, C>, rows, columns| {
        view.offset == 0 && view.lies_below(2 * card.len(view.values), rows, columns)
    };
    card.check(rows > 0 && columns > 0 && inner > 0 && out.holds(card, rows, columns))?;
    card.check(within(a, rows, inner) && within(b, inner, columns))?;
    let gemm = gemm(&out, shape, 1.0, a, b).ok_or_else(|| card.misfit())?;
    // SAFETY: the checks above: all three matrices lie within their buffers.
    unsafe { card.multiply(&Gemm { half: true, ..gemm }, b.values, a.values, out.values) }
}

/// The first `numbers` of a buffer rounded to bf16, packed into another.
pub(crate) fn halve<C: Card>(
    card: &C,
    values: &C::Floats,
    numbers: usize,
    out: &mut C::Floats,
) -> Result<(), C::Error> {
    card.check(card.len(values) >= numbers && 2 * card.len(out) >= numbers)?;
    let whole = View { values, offset: 0, row_stride: numbers, column_stride: 1 };
    // SAFETY: as has been checked.
    unsafe { to_bf16(card, &whole, (1, numbers), out) }
}

/// The product of the inputs rounded to bf16.
fn rounded<C: Card>(
    card: &C,
    out: Output<'_, C>,
    gemm: Gemm,
    Shape { rows, columns, inner }: Shape,
    a: &View<'_, C>,
    b: &View<'_, C>,
) -> Result<(), C::Error> {
    let (left, left_operand) = round(card, b, gemm.left, inner, columns)?;
    let (right, right_operand) = round(card, a, gemm.right, rows, inner)?;
    let gemm = Gemm { left: left_operand, right: right_operand, half: true, ..gemm };
    // SAFETY: `product` has checked the output; the scratch buffers hold the inputs packed.
    unsafe { card.multiply(&gemm, &left, &right, out.values) }
}

/// A packed bf16 copy of a matrix in the orientation that it is stored in, and where BLAS finds it there.
fn round<C: Card>(
    card: &C,
    view: &View<'_, C>,
    operand: Operand,
    rows: usize,
    columns: usize,
) -> Result<(C::Floats, Operand), C::Error> {
    let (vectors, along) = if operand.transposed { (columns, rows) } else { (rows, columns) };
    let mut out = card.floats((vectors * along).div_ceil(2))?;
    let stored = View { row_stride: operand.leading as usize, column_stride: 1, ..*view };
    // SAFETY: the view lies within its buffer, as `product` has checked, and `leading` is the distance of its vectors.
    unsafe { to_bf16(card, &stored, (vectors, along), &mut out)? };
    let leading = i32::try_from(along).map_err(|_| card.misfit())?;
    Ok((out, Operand { leading, offset: 0, ..operand }))
}

/// Packs the vectors of a matrix, which stand in its rows.
///
/// # Safety
/// The view lies within its buffer, and two numbers of it have room in the place of one of `out`.
unsafe fn to_bf16<C: Card>(
    card: &C,
    view: &View<'_, C>,
    (vectors, along): (usize, usize),
    out: &mut C::Floats,
) -> Result<(), C::Error> {
    let elements = vectors * along;
    let mut arguments = [
        Argument::Read(view.values),
        Argument::Write(out),
        length(view.offset),
        length(view.row_stride),
        count(along),
        length(elements),
    ];
    // SAFETY: the caller's promise.
    unsafe { card.launch(Launch::elements("to_bf16", elements), &mut arguments) }
}

/// The product by a kernel of our own, whatever the strides.
fn plain<C: Card>(
    card: &C,
    out: Output<'_, C>,
    Shape { rows, columns, inner }: Shape,
    alpha: f32,
    a: &View<'_, C>,
    b: &View<'_, C>,
) -> Result<(), C::Error> {
    const TILE: usize = 16;
    const MOST_BLOCKS_DOWN: usize = 65_535;
    let down = rows.div_ceil(TILE);
    card.check(down <= MOST_BLOCKS_DOWN)?;
    let grid = [size(columns.div_ceil(TILE)), size(down), 1];
    let launch = Launch { kernel: "product", grid, threads: (TILE * TILE) as u32, shared_bytes: 0 };
    let mut arguments = [
        Argument::Write(out.values),
        Argument::Read(a.values),
        Argument::Read(b.values),
        count(rows),
        count(columns),
        count(inner),
        length(out.row_stride),
        length(a.row_stride),
        length(a.column_stride),
        length(b.row_stride),
        length(b.column_stride),
        length(out.offset),
        length(a.offset),
        length(b.offset),
        Argument::Real(alpha),
        Argument::Count(out.accumulate.into()),
    ];
    // SAFETY: `product` has checked that all three matrices lie within their buffers.
    unsafe { card.launch(launch, &mut arguments) }
}
