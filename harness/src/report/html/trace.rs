//! Lines, areas and bars as path data.
//!
//! Invariant: a path has at most two points for each column it may use, and the least and the
//! greatest value of each column are among them: no spike is lost, however long the run.
//! Not here: axes (`scale`), colors (`ink`).

use std::fmt::Write;

/// A value at a place; none is a gap.
pub(super) type Point = (f64, Option<f64>);

/// At most two points for each of so many columns: the least and the greatest, in their order.
pub(super) fn thin(points: &[Point], columns: usize) -> Vec<Point> {
    let columns = columns.max(1);
    if points.len() <= 2 * columns {
        return points.to_vec();
    }
    let width = points.len().div_ceil(columns);
    let mut kept = Vec::with_capacity(2 * columns);
    for column in points.chunks(width) {
        let known = || column.iter().filter_map(|(x, y)| y.map(|y| (*x, y)));
        let least = known().min_by(|a, b| a.1.total_cmp(&b.1));
        let greatest = known().max_by(|a, b| a.1.total_cmp(&b.1));
        match (least, greatest) {
            (Some(least), Some(greatest)) => {
                let (first, second) =
                    if least.0 <= greatest.0 { (least, greatest) } else { (greatest, least) };
                kept.push((first.0, Some(first.1)));
                if second.0 > first.0 {
                    kept.push((second.0, Some(second.1)));
                }
            }
            _ => kept.extend(column.first().map(|(x, _)| (*x, None))),
        }
    }
    kept
}

/// Tenths: what a path is written in, so that rounding never adds up.
fn tenths(value: f64) -> i64 {
    (value * 10.0).round() as i64
}

fn push(path: &mut String, tenths: i64) {
    let sign = if tenths < 0 { "-" } else { "" };
    let (whole, rest) = (tenths.abs() / 10, tenths.abs() % 10);
    _ = if rest == 0 {
        write!(path, "{sign}{whole}")
    } else {
        write!(path, "{sign}{whole}.{rest}")
    };
}

/// A line through the points, broken at gaps; a lone point becomes a dot.
pub(super) fn line(points: &[Point]) -> String {
    let mut path = String::new();
    let mut before: Option<(i64, i64)> = None;
    let mut alone = false;
    for (x, y) in points {
        let Some(y) = y else {
            if alone {
                path.push_str("h0");
            }
            (before, alone) = (None, false);
            continue;
        };
        let (x, y) = (tenths(*x), tenths(*y));
        match before {
            None => {
                path.push('M');
                push(&mut path, x);
                path.push(' ');
                push(&mut path, y);
                alone = true;
            }
            Some((last_x, last_y)) => {
                path.push('l');
                push(&mut path, x - last_x);
                if y >= last_y {
                    path.push(' ');
                }
                push(&mut path, y - last_y);
                alone = false;
            }
        }
        before = Some((x, y));
    }
    if alone {
        path.push_str("h0");
    }
    path
}

/// The area between the points and a level; a gap counts as the level.
pub(super) fn area(points: &[Point], level: f64) -> String {
    let whole: Vec<Point> = points.iter().map(|(x, y)| (*x, Some(y.unwrap_or(level)))).collect();
    let (Some(first), Some(last)) = (whole.first(), whole.last()) else { return String::new() };
    let (first, last) = (first.0, last.0);
    let closed: Vec<Point> =
        [(first, Some(level))].into_iter().chain(whole).chain([(last, Some(level))]).collect();
    line(&closed) + "z"
}

/// Adds a rectangle to a path.
pub(super) fn rectangle(path: &mut String, x: f64, y: f64, width: f64, height: f64) {
    let (x, y, right, bottom) = (tenths(x), tenths(y), tenths(x + width), tenths(y + height));
    let (width, height) = ((right - x).max(1), (bottom - y).max(1));
    path.push('M');
    push(path, x);
    path.push(' ');
    push(path, y);
    path.push('h');
    push(path, width);
    path.push('v');
    push(path, height);
    path.push('h');
    push(path, -width);
    path.push('z');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_break_at_gaps() {
        let points = [(0.0, Some(1.0)), (1.0, Some(0.5)), (2.0, None), (3.0, Some(2.0))];
        assert_eq!(line(&points), "M0 1l1-0.5M3 2h0");
        assert_eq!(area(&points[..2], 4.0), "M0 4l0-3l1-0.5l0 3.5z");
        assert_eq!(area(&[], 4.0), "");
    }

    proptest! {
        #[test]
        fn no_spike_is_lost(
            values in proptest::collection::vec(proptest::option::of(0.0_f64..1e6), 1..2000),
            columns in 1_usize..300,
        ) {
            let points: Vec<Point> =
                values.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
            let kept = thin(&points, columns);
            prop_assert!(kept.len() <= 2 * columns);
            let greatest = |points: &[Point]| {
                points.iter().filter_map(|point| point.1).max_by(f64::total_cmp)
            };
            let least = |points: &[Point]| {
                points.iter().filter_map(|point| point.1).min_by(f64::total_cmp)
            };
            prop_assert_eq!(greatest(&points), greatest(&kept));
            prop_assert_eq!(least(&points), least(&kept));
            prop_assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
            prop_assert!(kept.iter().all(|point| points.contains(point)));
        }
    }
}
