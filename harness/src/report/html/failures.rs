//! Failed exchanges that the run kept, each closed until somebody opens it.
//!
//! Invariant: what services said is shown as text, never as markup.
//! Not here: which are kept, and how they are told (`load`), reading the files (`collect`).

use super::super::foreign;
use super::markup::{fitting, text};
use super::series::Kept;
use maud::{Markup, html};

/// Bytes of all of them.
const ROOM: usize = 48 * 1024;

/// Characters of why and when, which stand beside its name.
const LONGEST: usize = 200;

/// Characters of each; the files have all.
const MOST: usize = 4_000;

/// The exchanges; nothing if there are none.
pub(super) fn failures(all: &[Kept]) -> Markup {
    let one = |kept: &Kept| {
        let whole = foreign::block(&kept.text);
        let mut lines = whole.lines();
        let head = lines.next().unwrap_or_default();
        // Why and when: three of the same request and outcome differ by it.
        let about: Vec<&str> = lines.take_while(|line| !line.is_empty()).take(3).collect();
        let shown = foreign::clip(&whole, MOST);
        html! {
            details {
                summary {
                    (text(head))
                    @if !about.is_empty() { " " span class="aside" { (text(&foreign::clip(&about.join("; "), LONGEST))) } }
                }
                pre { code { (shown) } }
                @if shown.len() < whole.len() || kept.cut {
                    p class="aside" { "All of it is in failures/" (text(&kept.name)) }
                }
            }
        }
    };
    let (shown, list) = fitting(all.iter().map(one), ROOM);
    html! {
        @if !all.is_empty() {
            section id="failures" aria-labelledby="failures-head" {
                h2 id="failures-head" { "Failures kept" }
                p class="aside" {
                    "The first three exchanges of each request and outcome that was not ok, secrets "
                    "masked, each with the line that repeats it."
                }
                (list)
                @if shown < all.len() {
                    p class="aside" { "… and " (all.len() - shown) " more, in failures/." }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &str, text: &str) -> Kept {
        Kept { name: name.to_owned(), text: text.to_owned(), cut: false }
    }

    #[test]
    fn what_a_service_said_is_no_markup() {
        let hostile = "load a, request <b>: http_5xx\nstatus <500>\ndue at once\n\n< 500\n< <script>alert(1)</script>\u{202e}";
        let page = failures(&[kept("a.txt", hostile)]).into_string();
        let name = "<summary>load a, request &lt;b&gt;: http_5xx ";
        assert!(page.contains(name), "{page}");
        assert!(page.contains("status &lt;500&gt;; due at"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
        assert!(!page.contains("<script") && !page.contains('\u{202e}'));
        assert!(failures(&[]).into_string().is_empty());
    }

    #[test]
    fn long_ones_and_many_are_cut_and_counted() {
        let long = format!("head\n\n{}", "< x\n".repeat(5_000));
        let all: Vec<Kept> = (0..90).map(|n| kept(&format!("{n}.txt"), &long)).collect();
        let page = failures(&all).into_string();
        assert!(page.len() < ROOM + 2_000, "{}", page.len());
        assert!(page.contains("All of it is in failures/0.txt"));
        let shown = page.matches("<details>").count();
        assert!(shown > 3 && page.contains(&format!("… and {} more, in failures/.", 90 - shown)));
    }
}
