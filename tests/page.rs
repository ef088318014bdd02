//! The page of a plan in a real browser. Chromium is not everywhere, so this runs when it is asked for:
//! `cargo test --test page -- --ignored`.

mod support;

use std::path::Path;
use std::process::Command;

use support::farebox;

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

#[test]
#[ignore = "needs Chromium: cargo test --test page -- --ignored"]
fn a_browser_shows_the_numbers_of_the_json_in_light_dark_and_print() {
    let run = |format: &str| {
        farebox(["plan", "-w", "data/examples/tutor.yaml", "--at", "2026-11-22", "--format", format]).run().code(0)
    };
    let (json, page) = (run("json").json(), run("html").stdout);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plan.html");
    std::fs::write(&file, page).unwrap();
    let address = format!("file://{}", file.display());
    let profile = &dir.path().join("profile");
    let dom = chromium(profile).args(["--dump-dom", &address]).output().unwrap();
    let dom = String::from_utf8_lossy(&dom.stdout).into_owned();
    for row in json["rows"].as_array().unwrap() {
        for key in ["low_usd", "expected_usd", "high_usd"] {
            let exact = row[key].as_str().unwrap();
            assert!(dom.contains(&format!("title=\"{exact}\"")), "{exact} is not in the page");
        }
    }
    for (name, more) in [("light", None), ("dark", Some("--blink-settings=preferredColorScheme=0"))] {
        let shot = dir.path().join(format!("{name}.png"));
        let taken = format!("--screenshot={}", shot.display());
        chromium(profile).args(["--window-size=1200,2400", &taken]).args(more).arg(&address).output().unwrap();
        assert!(std::fs::metadata(&shot).unwrap().len() > 20_000, "{name}");
    }
    let pdf = dir.path().join("plan.pdf");
    chromium(profile)
        .args([&format!("--print-to-pdf={}", pdf.display()), "--no-pdf-header-footer"])
        .arg(&address)
        .output()
        .unwrap();
    assert!(std::fs::metadata(&pdf).unwrap().len() > 10_000);
}
