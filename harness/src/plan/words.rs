//! Numbers as people read them: rates, lengths of time, counts; and words as a shell reads them.
//!
//! Not here: how scalars are written back (`spec::scalar`).

/// A rate in thousandths a minute: `300/s`, `0.5/s`, and `20/m` where seconds would need more
/// than three decimals and minutes none.
#[must_use]
pub(super) fn rate(milli_per_min: u64) -> String {
    match milli_per_min {
        of if of % 60 != 0 && (of % 1000 == 0 || of < 60_000) => format!("{}/m", decimal(of, 3)),
        of => format!("{}/s", decimal(of / 60, 3)),
    }
}

/// A length of time as timetables have it: `500 ms`, `1.5 s`, `110 s`; from 10 min on with
/// minutes and hours, `12 min 30 s`, `2 h`.
#[must_use]
pub fn time(us: u64) -> String {
    match us {
        0 => "0 s".to_owned(),
        us if us < 1000 => format!("{us} µs"),
        us if us < 1_000_000 => format!("{} ms", decimal(us, 3)),
        us if us < 600_000_000 => format!("{} s", decimal(us, 6)),
        us => {
            let (minutes, rest) = (us / 60_000_000, us % 60_000_000);
            let parts =
                [(minutes / 60 * 1_000_000, "h"), (minutes % 60 * 1_000_000, "min"), (rest, "s")];
            let parts = parts.iter().filter(|(of, _)| *of > 0);
            let parts = parts.map(|(of, unit)| format!("{} {unit}", decimal(*of, 6)));
            parts.collect::<Vec<_>>().join(" ")
        }
    }
}

/// A count with thin groups of three: `10 400`.
#[must_use]
pub fn count(of: u64) -> String {
    let digits = of.to_string();
    let grouped = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    grouped.collect::<Vec<_>>().join(" ")
}

/// `1 request`, `2 requests`.
#[must_use]
pub fn several(of: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(of), if of == 1 { one } else { more })
}

/// Steps of 10^-`places` without trailing zeros.
fn decimal(steps: u64, places: usize) -> String {
    let one = 10_u64.pow(u32::try_from(places).unwrap_or(0).min(19));
    let digits = format!("{:0places$}", steps % one);
    match digits.trim_end_matches('0') {
        "" => (steps / one).to_string(),
        digits => format!("{}.{digits}", steps / one),
    }
}

/// A word as a shell takes it.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_pasted_as_they_are_meant() {
        let words = ["rm", "rm -f X", "it's", ""].map(quoted);
        assert_eq!(words, ["rm", "'rm -f X'", r"'it'\''s'", "''"]);
    }

    #[test]
    fn numbers_read_well() {
        let rates = [300 * 60_000, 30_000, 20_000, 1, 8_571_428].map(rate);
        assert_eq!(rates, ["300/s", "0.5/s", "20/m", "0.001/m", "142.857/s"]);
        let times = [0, 117, 1_500, 500_000, 1_500_000, 110_000_000, 750_000_000, 7_205_500_000];
        let shown =
            ["0 s", "117 µs", "1.5 ms", "500 ms", "1.5 s", "110 s", "12 min 30 s", "2 h 5.5 s"];
        assert_eq!(times.map(time), shown);
        assert_eq!(
            [count(7), count(999), count(10_400), count(1_000_000)],
            ["7", "999", "10 400", "1 000 000"]
        );
        assert_eq!(several(1, "request", "requests"), "1 request");
    }
}
