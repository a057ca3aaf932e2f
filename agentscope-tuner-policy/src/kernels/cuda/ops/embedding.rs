//! Rows of a table by number, and their gradient.

use super::{Argument, Card, Launch, count, length};

/// Row numbers on the card, and the same sorted, so that a gradient is added up by one block a row.
#[derive(Debug)]
pub(crate) struct Ids<C: Card> {
    pub(crate) words: C::Words,
    pub(crate) len: usize,
    /// One more than the largest.
    pub(crate) bound: usize,
    distinct: C::Words,
    starts: C::Words,
    places: C::Words,
    groups: usize,
}

impl<C: Card> Ids<C> {
    pub(crate) fn new(card: &C, ids: &[u32]) -> Result<Self, C::Error> {
        let mut places: Vec<u32> = (0..ids.len()).map(super::size).collect();
        // Stable, so that equal ids keep their order, which is that of the additions.
        places.sort_by_key(|place| ids[*place as usize]);
        let (mut distinct, mut starts, mut end) = (Vec::new(), vec![0], 0);
        for group in places.chunk_by(|a, b| ids[*a as usize] == ids[*b as usize]) {
            distinct.push(ids[group[0] as usize]);
            end += super::size(group.len());
            starts.push(end);
        }
        Ok(Self {
            words: card.words(ids)?,
            len: ids.len(),
            bound: ids.iter().max().map_or(0, |largest| *largest as usize + 1),
            groups: distinct.len(),
            distinct: card.words(&distinct)?,
            starts: card.words(&starts)?,
            places: card.words(&places)?,
        })
    }
}

/// The rows of `table` that `ids` name.
pub(crate) fn gather<C: Card>(
    card: &C,
    table: &C::Floats,
    columns: usize,
    ids: &Ids<C>,
) -> Result<C::Floats, C::Error> {
    let len = ids.len * columns;
    card.check(ids.bound * columns <= card.len(table))?;
    let mut out = card.floats(len)?;
    if len > 0 {
        let mut arguments = [
            Argument::Read(table),
            Argument::Words(&ids.words),
            Argument::Write(&mut out),
            count(columns),
            length(len),
        ];
        // SAFETY: every id is below `bound`, and the table has that many rows; `out` has one for each id.
        unsafe { card.launch(Launch::elements("gather", len), &mut arguments)? };
    }
    Ok(out)
}

/// Adds each row of `values` to the row of `table` that `ids` name.
pub(crate) fn scatter_add<C: Card>(
    card: &C,
    table: &mut C::Floats,
    columns: usize,
    ids: &Ids<C>,
    values: &C::Floats,
) -> Result<(), C::Error> {
    card.check(ids.bound * columns <= card.len(table) && card.len(values) == ids.len * columns)?;
    if ids.len * columns == 0 {
        return Ok(());
    }
    let launch = Launch::rows("scatter_add", ids.groups, columns);
    let mut arguments = [
        Argument::Write(table),
        Argument::Words(&ids.distinct),
        Argument::Words(&ids.starts),
        Argument::Words(&ids.places),
        Argument::Read(values),
        count(columns),
    ];
    // SAFETY: one block for each distinct id; every id is below `bound`, and the table has that many rows; `starts` has
    // one more number than there are blocks, and `places` are rows of `values`.
    unsafe { card.launch(launch, &mut arguments) }
}
