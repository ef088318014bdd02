//! Pages in a real browser. Chromium is not everywhere, so this runs when it is asked for:
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

/// What a page looks like, measured inside of a frame of that width by a script outside of the frame: the page itself forbids
/// any script but its own. Every header of the first table is then clicked twice.
const MEASURE: &str = r#"
addEventListener('load', () => {
  const frame = document.querySelector('iframe'), page = frame.contentDocument, view = frame.contentWindow;
  const box = e => { const b = e.getBoundingClientRect(); return { left: b.left, right: b.right, width: b.width, height: b.height }; };
  const title = e => e.querySelector('title')?.textContent ?? '';
  const seen = e => { const b = e.getBoundingClientRect(); return b.width > 0 && b.height > 0; };
  // What is inside of a box that scrolls sideways can be reached, as long as the box itself is on the page. A box that only
  // may scroll, and has nothing to scroll to, excuses nothing; nor does any where the page of a plan is measured on a desk: only
  // tables with many columns, such as that of compare, may scroll there.
  const scrolls = e => {
    if (frame.clientWidth === 1200) return false;
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
    title: page.querySelector('h1')?.textContent ?? '',
    headline: page.querySelector('.answer')?.textContent ?? '',
    day: page.querySelector('time')?.textContent ?? '',
    tables: [...page.querySelectorAll('table')].map(box),
    outside: [...page.body.querySelectorAll('*')].filter(e => !scrolls(e) && seen(e))
      .filter(e => box(e).right > frame.clientWidth + 1 || box(e).left < -1).map(e => e.tagName + ' ' + e.textContent.slice(0, 40)),
    // Of a picture for a desk and one for a phone one is shown.
    charts: [...page.querySelectorAll('figure')].map(figure => [figure, [...figure.querySelectorAll('svg')].filter(seen)]).map(([figure, [svg, ...more]]) => ({
      caption: figure.querySelector('figcaption').textContent,
      more: more.length,
      scrolls: figure.scrollWidth > figure.clientWidth,
      box: box(svg),
      has_bars: svg.classList.contains('bars'),
      bars: [...svg.querySelectorAll('rect')].map(e => ({ title: title(e), fill: view.getComputedStyle(e).fill, ...box(e) })),
      marks: [...svg.querySelectorAll('rect, path, line, polygon, polyline, circle')].filter(e => {
        const b = box(e); return b.width + b.height > 1; }).length,
      texts: [...svg.querySelectorAll('text')].map(e => ({ text: e.textContent, ...box(e) })),
    })),
  };
  const table = page.querySelector('table');
  const rows = () => [...table.tBodies[0].rows];
  // A single row has no order.
  out.sorts = [...(rows().length > 1 ? table.tHead.rows[0].cells : [])].map((head, column) => [1, 2].map(() => {
    const button = head.querySelector('button');
    button.focus();
    button.click();
    return {
      is_focused: page.activeElement === button,
      sort: head.getAttribute('aria-sort'),
      others: [...table.tHead.rows[0].cells].filter(e => e !== head).map(e => e.getAttribute('aria-sort')),
      is_number: head.hasAttribute('data-n'),
      rows: rows().map(e => e.cells[0].textContent),
      values: rows().map(e => e.cells[column]?.dataset.v ?? e.cells[column]?.textContent ?? ''),
    };
  }));
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

/// Pages of six commands: the name, the command, and how many pictures it has at least.
const PAGES: &[(&str, &str, usize)] = &[
    ("usage", "usage tests/data/usage/openai tests/data/usage/anthropic --by day,model --at 2026-11-22 -q", 1),
    ("compare", "compare --input-tokens 1000 --output-tokens 100 --at 2026-11-22", 1),
    ("tree", "count --tree docs -m openai/gpt-4o -m anthropic/claude-opus-4-6 --at 2026-11-22", 1),
    ("plan", "plan -w data/examples/tutor.yaml --at 2026-11-22", 4),
    ("prices", "prices list -p openai --at 2026-11-22", 0),
    ("check", "check -w data/examples/tutor.yaml --base none --at 2026-11-22", 0),
];

fn page_of(command: &str) -> String {
    farebox(command.split(' ')).args(["--format", "html"]).run_as_is().stdout
}

#[test]
#[ignore = "needs Chromium: cargo test --test program page:: -- --ignored"]
fn pages_fit_a_desk_a_phone_and_paper_in_light_and_dark() {
    let dir = tempfile::tempdir().unwrap();
    for (name, command, pictures) in PAGES {
        let page = page_of(command);
        for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
            let seen = measured(dir.path(), &page, width, dark.then_some("--blink-settings=preferredColorScheme=0"));
            assert_eq!(seen["scroll_width"], width, "{name} is wider than its window: {}", seen["outside"]);
            assert_eq!(seen["outside"], Value::Array(Vec::new()), "{name} {width}");
            let paper = brightness(&seen["body_background"]).or(brightness(&seen["background"])).unwrap();
            let ink = brightness(&seen["text"]).unwrap();
            assert!(
                if dark { paper < 60.0 && ink > 180.0 } else { paper > 220.0 && ink < 80.0 },
                "{name}: {paper} {ink}"
            );
            for part in ["title", "headline", "day"] {
                assert!(!seen[part].as_str().unwrap().is_empty(), "{name} has no {part}");
            }
            assert!(
                seen["headline"].as_str().unwrap().contains(|c: char| c.is_ascii_digit()),
                "{name}: {}",
                seen["headline"]
            );
            assert!(!seen["tables"].as_array().unwrap().is_empty(), "{name} has no table");
            let charts = seen["charts"].as_array().unwrap();
            assert!(charts.len() >= *pictures, "{name}: {}", charts.len());
            // Every picture is seen whole on a phone, too, once, and its texts can be read.
            for chart in charts {
                let caption = &chart["caption"];
                assert!(number(&chart["box"]["right"]) <= f64::from(width), "{name} {width}: {caption}");
                assert!(chart["more"] == 0 && chart["scrolls"] == false, "{name} {width}: {caption}");
                let heights = chart["texts"].as_array().unwrap().iter().map(|text| number(&text["height"]));
                assert!(heights.fold(f64::INFINITY, f64::min) > 9.0, "{name} {width}: {caption}");
            }
            for text in
                charts.iter().flat_map(|chart| chart["texts"].as_array().unwrap().iter().map(move |text| (chart, text)))
            {
                let (chart, text) = text;
                let room = (number(&chart["box"]["left"]) - 1.0, number(&chart["box"]["right"]) + 1.0);
                assert!(
                    room.0 <= number(&text["left"]) && number(&text["right"]) <= room.1,
                    "{name}: {text} is cut off"
                );
            }
        }
        // Nothing can be scrolled on paper: A4 less its margins is 182 mm wide, which are 688 px, and across 273 mm, 1,032 px.
        let printed = page.replace("@media print", "@media all");
        let width = if page.contains(" data-wide>") { 1032 } else { 688 };
        let seen = measured(dir.path(), &printed, width, None);
        for table in seen["tables"].as_array().unwrap() {
            assert!(number(&table["right"]) <= f64::from(width) + 1.0, "{name}: a table is cut off on paper: {table}");
        }
    }
}

/// The values in the order that a click asks for, what has none last.
fn assert_sorted(name: &str, click: &Value) {
    let values: Vec<&str> = click["values"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    let descends = click["sort"] == "descending";
    if click["is_number"] == true {
        let numbers: Vec<Option<f64>> = values.iter().map(|v| v.parse().ok()).collect();
        let known: Vec<f64> = numbers.iter().map_while(|n| *n).collect();
        assert!(numbers[known.len()..].iter().all(Option::is_none), "{name}: what has no number is last: {values:?}");
        let is_right = |pair: &[f64]| if descends { pair[0] >= pair[1] } else { pair[0] <= pair[1] };
        assert!(known.windows(2).all(is_right), "{name}: {values:?}");
    }
    assert!(click["others"].as_array().unwrap().iter().all(|other| other == "none"), "{name}");
    assert_eq!(click["is_focused"], true, "{name}: the header cannot be reached by the keyboard");
}

#[test]
#[ignore = "needs Chromium: cargo test --test program page:: -- --ignored"]
fn a_click_on_a_header_sorts_and_another_turns_it_around() {
    let dir = tempfile::tempdir().unwrap();
    let log: String = [("gpt-4o", 50_000), ("gpt-4o-mini", 900), ("gpt-4-turbo", 1_000_000), ("gpt-99-ultra", 5)]
        .map(|(model, input)| format!("{{\"provider\":\"openai\",\"model\":\"{model}\",\"timestamp\":\"2026-11-15T12:00:00Z\",\"usage\":{{\"input_tokens\":{input},\"output_tokens\":0}}}}\n"))
        .concat();
    let page =
        farebox(["usage", "--by", "model,day", "--format", "html", "-q"]).pinned().input(log).run().code(0).stdout;
    let seen = measured(dir.path(), &page, 1280, None);
    let sorts = seen["sorts"].as_array().unwrap();
    for clicks in sorts {
        let (first, second) = (&clicks[0], &clicks[1]);
        let want = if first["is_number"] == true { ("descending", "ascending") } else { ("ascending", "descending") };
        assert_eq!((first["sort"].as_str().unwrap(), second["sort"].as_str().unwrap()), want);
        assert_sorted("usage", first);
        assert_sorted("usage", second);
    }
    let rows = |click: &Value| {
        click["rows"].as_array().unwrap().iter().map(|r| r.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The model without a price has no cost: it is last both ways.
    let cost = &sorts[sorts.len() - 1];
    assert_eq!(rows(&cost[0]), ["openai/gpt-4-turbo", "openai/gpt-4o", "openai/gpt-4o-mini", "gpt-99-ultra"]);
    assert_eq!(rows(&cost[1]), ["openai/gpt-4o-mini", "openai/gpt-4o", "openai/gpt-4-turbo", "gpt-99-ultra"]);
    assert_eq!(rows(&sorts[0][0]), ["gpt-99-ultra", "openai/gpt-4-turbo", "openai/gpt-4o", "openai/gpt-4o-mini"]);
}

#[test]
#[ignore = "needs Chromium: cargo test --test program page:: -- --ignored"]
fn rows_of_a_tree_are_sorted_below_their_folder() {
    let dir = tempfile::tempdir().unwrap();
    for (file, words) in [("a/one.txt", 30), ("a/two.txt", 10), ("b/three.txt", 25), ("b/four.txt", 5)] {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "word ".repeat(words)).unwrap();
    }
    let args = ["count", "--tree", "a", "b", "--tokenizer", "o200k_base", "--format", "html"];
    let page = farebox(args).dir(dir.path()).run().code(0).stdout;
    let seen = measured(dir.path(), &page, 1280, None);
    let rows = |click: &Value| {
        click["rows"].as_array().unwrap().iter().map(|r| r.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let tokens = &seen["sorts"][2];
    assert_eq!(rows(&tokens[0]), ["a/", "one.txt", "two.txt", "b/", "three.txt", "four.txt"]);
    assert_eq!(rows(&tokens[1]), ["b/", "four.txt", "three.txt", "a/", "two.txt", "one.txt"]);
}
