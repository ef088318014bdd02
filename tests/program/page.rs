//! The page of a plan in a real browser. Chromium is not everywhere, so this runs when it is asked for:
//! `cargo test --test program page:: -- --ignored`.

use std::path::Path;
use std::process::Command;

use crate::support::farebox;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

fn chromium(profile: &Path) -> Command {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let mut command = Command::new(found.expect("this test needs Chromium: install it, or leave --ignored out"));
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
    // Nothing of its own goes over the network, and nothing of another run is found.
    command.args(["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    command
}

/// What a page looks like, measured inside of a frame of that width by a script outside of the frame: the page itself has
/// none, and forbids any.
const MEASURE: &str = r#"
addEventListener('load', () => {
  const frame = document.querySelector('iframe'), page = frame.contentDocument, view = frame.contentWindow;
  const box = e => { const b = e.getBoundingClientRect(); return { left: b.left, right: b.right, width: b.width, height: b.height }; };
  const title = e => e.querySelector('title')?.textContent ?? '';
  const seen = e => { const b = e.getBoundingClientRect(); return b.width > 0 && b.height > 0; };
  // What is inside of a box that scrolls sideways can be reached, as long as the box itself is on the page. A box that only
  // may scroll, and has nothing to scroll to, excuses nothing; nor does any at the width of a desk.
  const scrolls = e => {
    if (frame.clientWidth >= 1200) return false;
    for (let box = e.parentElement; box && box !== page.body; box = box.parentElement) {
      const may = ['auto', 'scroll'].includes(view.getComputedStyle(box).overflowX);
      if (may && box.scrollWidth > box.clientWidth) return true;
    }
    return false;
  };
  const out = {
    width: frame.clientWidth,
    scroll_width: page.documentElement.scrollWidth,
    background: view.getComputedStyle(page.documentElement).backgroundColor,
    body_background: view.getComputedStyle(page.body).backgroundColor,
    text: view.getComputedStyle(page.body).color,
    outside: [...page.body.querySelectorAll('*')].filter(e => !scrolls(e) && seen(e))
      .filter(e => box(e).right > frame.clientWidth + 1 || box(e).left < -1).map(e => e.tagName + ' ' + e.textContent.slice(0, 40)),
    charts: [...page.querySelectorAll('figure')].map(figure => ({
      caption: figure.querySelector('figcaption').textContent,
      box: box(figure.querySelector('svg')),
      bars: [...figure.querySelectorAll('rect')].map(e => ({ title: title(e), fill: view.getComputedStyle(e).fill, ...box(e) })),
      marks: [...figure.querySelectorAll('rect, path, line, polygon, polyline, circle')].filter(e => {
        const b = box(e); return b.width + b.height > 1; }).length,
      texts: [...figure.querySelectorAll('text')].map(e => ({ text: e.textContent, ...box(e) })),
    })),
  };
  const pre = document.createElement('pre');
  pre.id = 'measured';
  pre.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(out))));
  document.body.append(pre);
});
"#;

/// Shows a page in a frame and gives back what [`MEASURE`] saw.
fn measured(dir: &Path, page: &str, width: u32, more: Option<&str>) -> Value {
    let quoted = page.replace('&', "&amp;").replace('"', "&quot;");
    let around = format!(
        "<!doctype html><meta charset=utf-8><meta name=color-scheme content='light dark'><body>\
         <iframe style='width:{width}px;height:4000px;border:0' srcdoc=\"{quoted}\"></iframe><script>{MEASURE}</script>"
    );
    let file = dir.join(format!("around-{width}.html"));
    std::fs::write(&file, around).unwrap();
    let address = format!("file://{}", file.display());
    let output = chromium(&dir.join("profile")).args(["--dump-dom"]).args(more).arg(&address).output().unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let (_, rest) = dom.split_once("<pre id=\"measured\">").expect("the page was measured");
    let (text, _) = rest.split_once("</pre>").unwrap();
    serde_json::from_slice(&BASE64_STANDARD.decode(text).unwrap()).unwrap()
}

/// Red, green and blue of `rgb(1, 2, 3)` or `rgba(1, 2, 3, 0)` as one brightness from 0 to 255; `None` if transparent.
fn brightness(colour: &Value) -> Option<f64> {
    let text = colour.as_str().unwrap();
    let inside = text.split_once('(').unwrap().1.trim_end_matches(')');
    let parts: Vec<f64> = inside.split(',').map(|part| part.trim().parse().unwrap()).collect();
    (parts.get(3) != Some(&0.0)).then(|| 0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2])
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

/// Every month's bars are together as high as what the month costs says, on one scale.
fn bars_are_as_high_as_the_months_cost(chart: &Value, rows: &[Value]) {
    let bars = chart["bars"].as_array().unwrap();
    let heights = rows.iter().map(|row| {
        let month = format!("{}, ", row["month"].as_str().unwrap());
        let of_month = bars.iter().filter(|bar| bar["title"].as_str().unwrap().starts_with(&month));
        of_month.map(|bar| number(&bar["height"])).sum::<f64>() / number(&row["expected_usd"])
    });
    let scale: Vec<f64> = heights.collect();
    assert!(scale.iter().all(|height| *height > 0.0 && (height / scale[0] - 1.0).abs() < 0.02), "{scale:?}");
}

#[test]
#[ignore = "needs Chromium: cargo test --test program page:: -- --ignored"]
fn a_browser_shows_the_numbers_of_the_json_in_light_dark_and_print() {
    let run = |format: &str| {
        farebox(["plan", "-w", "data/examples/tutor.yaml", "--at", "2026-11-22", "--format", format]).run().code(0)
    };
    let (json, page) = (run("json").json(), run("html").stdout);
    let rows = json["rows"].as_array().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plan.html");
    std::fs::write(&file, &page).unwrap();
    let address = format!("file://{}", file.display());
    let dom = chromium(&dir.path().join("profile")).args(["--dump-dom", &address]).output().unwrap();
    let dom = String::from_utf8_lossy(&dom.stdout).into_owned();
    for row in rows {
        for key in ["low_usd", "expected_usd", "high_usd"] {
            let exact = row[key].as_str().unwrap();
            assert!(dom.contains(&format!("title=\"{exact}\"")), "{exact} is not in the page");
        }
    }
    for (width, dark) in [(390, false), (390, true), (1200, false)] {
        let seen = measured(dir.path(), &page, width, dark.then_some("--blink-settings=preferredColorScheme=0"));
        assert_eq!(seen["width"], width);
        assert_eq!(seen["scroll_width"], width, "the page is wider than its window: {}", seen["outside"]);
        assert_eq!(seen["outside"], Value::Array(Vec::new()), "{width}");
        let paper = brightness(&seen["body_background"]).or(brightness(&seen["background"])).unwrap();
        let ink = brightness(&seen["text"]).unwrap();
        assert!(if dark { paper < 60.0 && ink > 180.0 } else { paper > 220.0 && ink < 80.0 }, "{paper} {ink}");
        let charts = seen["charts"].as_array().unwrap();
        assert_eq!(charts.len(), 4);
        for chart in charts {
            assert!(number(&chart["box"]["height"]) > 20.0 && number(&chart["marks"]) >= 2.0, "{chart}");
            for text in chart["texts"].as_array().unwrap() {
                let room = (number(&chart["box"]["left"]) - 1.0, number(&chart["box"]["right"]) + 1.0);
                assert!(room.0 <= number(&text["left"]) && number(&text["right"]) <= room.1, "{text} is cut off");
            }
            for bar in chart["bars"].as_array().unwrap() {
                let fill = brightness(&bar["fill"]).unwrap();
                assert!((fill - paper).abs() > 15.0, "{bar} cannot be told from the paper");
            }
        }
        bars_are_as_high_as_the_months_cost(&charts[0], rows);
    }
    let pdf = dir.path().join("plan.pdf");
    let printed = format!("--print-to-pdf={}", pdf.display());
    chromium(&dir.path().join("profile")).args([&printed, "--no-pdf-header-footer", &address]).output().unwrap();
    let pdf = std::fs::read(&pdf).unwrap();
    let pages = memchr::memmem::find_iter(&pdf, b"/Type /Page\n").count();
    assert!(pdf.starts_with(b"%PDF-") && (1..=6).contains(&pages), "{pages} pages");
}
