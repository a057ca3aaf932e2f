//! The game: lakes that are drawn from seeds, and walks over them.

use std::{collections::VecDeque, fmt, str::FromStr};

use agentscope_tuner::seed;
use serde::{Deserialize, Serialize};

/// Share of cells that are holes.
const HOLES: f64 = 0.25;

/// A square of ice with holes, row by row. The walk begins in the first cell and ends in the last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lake {
    size: usize,
    holes: Vec<bool>,
}

impl Lake {
    /// The lake of this seed: `size` x `size` cells, and a way across.
    ///
    /// # Errors
    /// When `size` is not 2 to 8.
    pub fn freeze(seed: u64, size: usize) -> Result<Self, String> {
        if !(2..=8).contains(&size) {
            return Err(format!("a lake of size {size} cannot be drawn: use 2 to 8"));
        }
        let mut lakes = (0..).map(|attempt| Self::draw(seed, size, attempt));
        let crossable = lakes.find(|lake| lake.distances()[0].is_some());
        crossable.ok_or_else(|| format!("no lake of seed {seed} can be crossed"))
    }

    fn draw(seed: u64, size: usize, attempt: u64) -> Self {
        let last = size * size - 1;
        let is_hole = |cell: usize| {
            let ids = [&attempt.to_le_bytes()[..], &cell.to_le_bytes()];
            cell != 0 && cell != last && seed::unit(seed, "hole", ids) < HOLES
        };
        Self { size, holes: (0..=last).map(is_hole).collect() }
    }

    /// Moves from each cell to the goal at the least; none from holes and from where there is no way.
    pub fn distances(&self) -> Vec<Option<usize>> {
        let goal = self.holes.len() - 1;
        let mut distances = vec![None; self.holes.len()];
        distances[goal] = Some(0);
        let mut reached = VecDeque::from([(goal, 0)]);
        while let Some((cell, distance)) = reached.pop_front() {
            for next in Move::ALL.into_iter().filter_map(|step| self.beside(cell, step)) {
                if distances[next].is_none() && !self.holes[next] {
                    distances[next] = Some(distance + 1);
                    reached.push_back((next, distance + 1));
                }
            }
        }
        distances
    }

    /// The cell in that direction; none beyond the shore.
    pub fn beside(&self, cell: usize, step: Move) -> Option<usize> {
        let (row, column) = (cell / self.size, cell % self.size);
        match step {
            Move::Left => (column > 0).then(|| cell - 1),
            Move::Down => (row + 1 < self.size).then(|| cell + self.size),
            Move::Right => (column + 1 < self.size).then(|| cell + 1),
            Move::Up => (row > 0).then(|| cell - self.size),
        }
    }
}

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Move {
    Left,
    Down,
    Right,
    Up,
}

impl Move {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Left, Self::Down, Self::Right, Self::Up];
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::Down => "down",
            Self::Right => "right",
            Self::Up => "up",
        })
    }
}

impl FromStr for Move {
    type Err = String;

    /// The last word of what a model said.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        let last = words.next_back().unwrap_or_default().to_lowercase();
        let named = Self::ALL.into_iter().find(|step| step.to_string() == last);
        named.ok_or_else(|| format!("`{text}` is no move: left, down, right, up"))
    }
}

/// A walk over a lake. Each lasts at most four moves for each cell of a side.
#[derive(Clone, Debug)]
pub struct Walk {
    lake: Lake,
    cell: usize,
    moves: Vec<Move>,
}

impl Walk {
    /// At the beginning.
    pub fn new(lake: Lake) -> Self {
        Self { lake, cell: 0, moves: Vec::new() }
    }

    /// The lake.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Where the walker is, counted row by row.
    pub fn cell(&self) -> usize {
        self.cell
    }

    /// Moves; against the shore nothing happens.
    pub fn step(&mut self, step: Move) {
        self.cell = self.lake.beside(self.cell, step).unwrap_or(self.cell);
        self.moves.push(step);
    }

    /// Whether another move can be made.
    pub fn goes_on(&self) -> bool {
        !self.is_sunk() && !self.is_across() && self.moves.len() < 4 * self.lake.size
    }

    /// Whether the walker fell into a hole.
    pub fn is_sunk(&self) -> bool {
        self.lake.holes[self.cell]
    }

    /// Whether the walker is at the goal.
    pub fn is_across(&self) -> bool {
        self.cell + 1 == self.lake.holes.len()
    }

    /// The moves made.
    pub fn into_moves(self) -> Vec<Move> {
        self.moves
    }

    /// The lake as the model sees it, a row a line.
    pub fn view(&self) -> String {
        let letter = |cell: usize| match self.lake.holes[cell] {
            _ if cell == self.cell => 'P',
            true => 'H',
            false if cell + 1 == self.lake.holes.len() => 'G',
            false => 'F',
        };
        let row =
            |row: usize| (0..self.lake.size).map(|column| letter(row * self.lake.size + column)).collect();
        (0..self.lake.size).map(row).collect::<Vec<String>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lake_can_be_crossed_and_is_the_same_again() {
        for seed in 0..200 {
            let lake = Lake::freeze(seed, 4).unwrap();
            assert_eq!(lake, Lake::freeze(seed, 4).unwrap());
            let mut walk = Walk::new(lake.clone());
            let distances = lake.distances();
            while walk.goes_on() {
                let nearer = |step: &Move| {
                    lake.beside(walk.cell(), *step).is_some_and(|next| {
                        distances[next] < distances[walk.cell()] && distances[next].is_some()
                    })
                };
                let step = Move::ALL.into_iter().find(nearer).unwrap();
                walk.step(step);
            }
            assert!(walk.is_across());
        }
        assert!(Lake::freeze(0, 1).is_err());
    }

    #[test]
    fn the_shore_stops_and_a_hole_ends_the_walk() {
        let lake = Lake { size: 2, holes: vec![false, true, false, false] };
        let mut walk = Walk::new(lake);
        assert_eq!(walk.view(), "PH\nFG");
        walk.step(Move::Up);
        assert_eq!((walk.cell(), walk.goes_on()), (0, true));
        walk.step(Move::Right);
        assert!(walk.is_sunk() && !walk.goes_on());
    }

    #[test]
    fn the_last_word_is_the_move() {
        assert_eq!("I go\n**Right**.".parse(), Ok(Move::Right));
        assert!("nowhere".parse::<Move>().is_err());
    }
}
