//! Sample numbers of one device, waiting in order.
//!
//! Invariant: kept as ranges, so a week of outage costs no more than its gaps.
//! Not here: how many may wait (`gateway`).

use std::collections::VecDeque;

/// Ascending numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Queue {
    /// First and last of each range, both included.
    ranges: VecDeque<(u64, u64)>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The first number.
    pub(super) fn first(&self) -> Option<u64> {
        self.ranges.front().map(|(first, _)| *first)
    }

    /// Adds a number greater than all that are there.
    pub(super) fn push_back(&mut self, number: u64) {
        match self.ranges.back_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => self.ranges.push_back((number, number)),
        }
    }

    /// Adds a number smaller than all that are there.
    pub(super) fn push_front(&mut self, number: u64) {
        match self.ranges.front_mut() {
            Some((first, _)) if number.checked_add(1) == Some(*first) => *first = number,
            _ => self.ranges.push_front((number, number)),
        }
    }

    /// Takes the first number out.
    pub(super) fn pop_front(&mut self) -> Option<u64> {
        let (first, last) = self.ranges.front_mut()?;
        let number = *first;
        if first == last {
            self.ranges.pop_front();
        } else {
            *first += 1;
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_in_order_with_gaps() {
        let mut queue = Queue::default();
        [1, 2, 3, 7].iter().for_each(|number| queue.push_back(*number));
        assert_eq!((queue.pop_front(), queue.first()), (Some(1), Some(2)));
        queue.push_front(1);
        assert_eq!(queue.ranges, [(1, 3), (7, 7)]);
        let all: Vec<_> = std::iter::from_fn(|| queue.pop_front()).collect();
        assert_eq!(all, [1, 2, 3, 7]);
        assert!(queue.is_empty() && queue.first().is_none());
        queue.push_front(9);
        assert_eq!(queue.first(), Some(9));
    }
}
