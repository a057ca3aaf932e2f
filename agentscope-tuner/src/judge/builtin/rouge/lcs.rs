//! Longest common subsequences.

use crate::judge::builtin::counts::Counts;

/// Length of the longest common subsequence, in memory of one row.
pub(super) fn common_length(reference: &[String], answer: &[String]) -> usize {
    let mut row = vec![0; answer.len() + 1];
    for word in reference {
        let mut diagonal = 0;
        for (place, other) in (1..).zip(answer) {
            let above = row[place];
            row[place] = if word == other { diagonal + 1 } else { above.max(row[place - 1]) };
            diagonal = above;
        }
    }
    row[answer.len()]
}

/// Words of the reference that the union of the common subsequences of its lines covers, each word of either text
/// counted at most as often as it occurs there (Lin 2004, section 3.2, with the clipping of ROUGE 1.5.5).
pub(super) fn summary_hits(reference: &[Vec<String>], answer: &[Vec<String>]) -> usize {
    let mut left = Counts::of(reference.iter().flatten());
    let mut right = Counts::of(answer.iter().flatten());
    let mut hits = 0;
    for line in reference {
        let mut covered = vec![false; line.len()];
        for other in answer {
            cover(line, other, &mut covered);
        }
        let words = line.iter().zip(covered).filter(|(_, covered)| *covered).map(|(word, _)| word);
        hits += words.filter(|word| right.take(word) && left.take(word)).count();
    }
    hits
}

/// Marks the words of `line` that stand in one longest common subsequence with `other`.
///
/// Of several the one that rouge-score reads out of its table: from the end, leaving a word of `line` before one of
/// `other` where both are as good.
fn cover(line: &[String], other: &[String], covered: &mut [bool]) {
    let width = other.len() + 1;
    let mut table = vec![0_usize; (line.len() + 1) * width];
    for (i, word) in (1..).zip(line) {
        for (j, counterpart) in (1..).zip(other) {
            table[i * width + j] = if word == counterpart {
                table[(i - 1) * width + j - 1] + 1
            } else {
                table[(i - 1) * width + j].max(table[i * width + j - 1])
            };
        }
    }
    let (mut i, mut j) = (line.len(), other.len());
    while i > 0 && j > 0 {
        if line[i - 1] == other[j - 1] {
            covered[i - 1] = true;
            i -= 1;
            j -= 1;
        } else if table[i * width + j - 1] > table[(i - 1) * width + j] {
            j -= 1;
        } else {
            i -= 1;
        }
    }
}
