//! report.html in a real browser: nothing fetched, nothing complained about, nothing to scroll
//! sideways, readable in the dark, the same without script.
//!
//! Skipped, loudly, where no `chromium` is in PATH. `ASSAY_SCREENSHOTS=DIR` keeps the pictures.
//! Not here: what the page says (the crate's own tests).

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

#[path = "browser/devtools.rs"]
mod devtools;
#[path = "browser/sample.rs"]
mod sample;
#[path = "browser/verdict.rs"]
mod verdict;

use devtools::Browser;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn write_page(dir: &Path, seconds: u64) -> PathBuf {
    let (head, scorecard) = (verdict::head(), verdict::scorecard());
    let series = sample::series(seconds);
    let page = assay::report::html::html(&head, &scorecard, &series, sample::SCENARIO);
    assert!(page.len() < assay::report::html::MOST_BYTES, "{}", page.len());
    std::fs::write(dir.join("report.css"), assay::report::html::STYLE).unwrap();
    let path = dir.join(format!("report-{seconds}.html"));
    std::fs::write(&path, page).unwrap();
    path
}

/// Every text whose contrast with what is behind it is too low, with that contrast. Drawings are
/// left out: their texts have halos.
const PALE: &str = r#"(() => {
  const parts = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = value => { value /= 255; return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const color = parts(getComputedStyle(one).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const pale = [];
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('svg')) continue;
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own) continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) pale.push(element.tagName + ' ' + element.className + ' ' + contrast.toFixed(2));
  }
  return pale;
})()"#;

/// What sticks out to the right.
const WIDE: &str = r#"(() => {
  const width = document.documentElement.clientWidth;
  const wide = [...document.querySelectorAll('body *')]
    .filter(one => !one.closest('svg') && !one.matches('.skip') && one.getBoundingClientRect().right > width + 1)
    .map(one => one.tagName + '.' + one.className);
  return [document.documentElement.scrollWidth, width, wide.slice(0, 5)];
})()"#;

#[test]
fn the_page_needs_nothing_and_fits() {
    let dir = tempfile::tempdir().unwrap();
    let short = write_page(dir.path(), sample::SECONDS);
    let long = write_page(dir.path(), 3_600);
    let Some(mut browser) = Browser::start(dir.path()) else {
        devtools::say("SKIPPED: no `chromium` in PATH, report.html was not looked at");
        return;
    };
    let pictures = std::env::var_os("ASSAY_SCREENSHOTS").map(PathBuf::from);
    let mut bodies = Vec::new();
    for (name, page, width, scheme, script) in [
        ("long-light", &long, 1280, "light", true),
        ("long-narrow", &long, 400, "light", true),
        ("wide-light", &short, 1280, "light", true),
        ("wide-dark", &short, 1280, "dark", true),
        ("narrow-light", &short, 400, "light", true),
        ("narrow-dark", &short, 400, "dark", true),
        ("between-light", &short, 990, "light", true),
        ("middle-light", &short, 800, "light", true),
        ("wide-without-script", &short, 1280, "light", false),
    ] {
        browser.call(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}),
        );
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        browser.call("Emulation.setEmulatedMedia", json!({"media": "", "features": features}));
        browser.call("Emulation.setScriptExecutionDisabled", json!({"value": !script}));
        browser.open(&format!("file://{}", page.display()));
        let body = browser.text_of_page();
        assert!(body.contains("backend-outage"), "{body}");
        bodies.push((page, body));
        if script {
            let fits = browser.value(WIDE);
            assert_eq!(fits[2], json!([]), "{name}: {fits}");
            assert!(fits[0].as_u64() <= fits[1].as_u64(), "{name}: {fits}");
            assert_eq!(browser.value(PALE), json!([]), "{name}");
        }
        if let Some(pictures) = &pictures {
            std::fs::create_dir_all(pictures).unwrap();
            std::fs::copy(page, pictures.join(format!("{name}.html"))).unwrap();
            std::fs::write(pictures.join(format!("{name}.png")), browser.picture()).unwrap();
        }
    }
    // With or without script, wide or narrow: the same document.
    for (page, body) in &bodies {
        let first = bodies.iter().find(|(one, _)| one == page).map(|(_, body)| body);
        assert!(Some(body) == first, "{}", page.display());
    }
    printed(&mut browser, pictures.as_deref());
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let foreign: Vec<_> =
        browser.requests().into_iter().filter(|url| !url.starts_with("file://")).collect();
    assert_eq!(foreign, Vec::<String>::new());
}

/// On paper everything is light, and what is folded is open.
fn printed(browser: &mut Browser, pictures: Option<&Path>) {
    let paper = json!({"width": 1031, "height": 702, "deviceScaleFactor": 1, "mobile": false});
    browser.call("Emulation.setDeviceMetricsOverride", paper);
    let features = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
    browser.call("Emulation.setEmulatedMedia", json!({"media": "print", "features": features}));
    browser.call("Emulation.setScriptExecutionDisabled", json!({"value": false}));
    let seen = browser.value(
        "[getComputedStyle(document.body).backgroundColor, \
         [...document.querySelectorAll('details pre, details table')].map(one => one.offsetHeight)]",
    );
    assert_eq!(seen[0], json!("rgb(255, 255, 255)"));
    assert_eq!(browser.value(WIDE)[2], json!([]));
    let heights = seen[1].as_array().unwrap();
    assert!(heights.len() > 2 && heights.iter().all(|one| one.as_u64() > Some(20)), "{seen}");
    if let Some(pictures) = pictures {
        std::fs::write(pictures.join("printed.png"), browser.picture()).unwrap();
        let printed = browser.call("Page.printToPDF", json!({"printBackground": true}));
        std::fs::write(pictures.join("printed.pdf"), devtools::bytes(&printed["data"])).unwrap();
    }
    assert_eq!(browser.value("document.scripts.length"), Value::from(0));
}
