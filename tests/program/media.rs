//! Attachments and models that are not billed by the token, as a user asks for their price: each on the meter that its card
//! has for it, and refused where the card has none. All prices are in a small table of this file's own.

use std::path::PathBuf;

use crate::support::{Farebox, Ran, farebox};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The ids begin like those of models whose images and sound have a published rule: 32 tokens a second of audio and 263
/// of video (Gemini), tiles of 170 tokens on top of 85 (GPT-4o). See `data/chat/media.csv`.
const PRICES: &str = r#"
schema: 1
provider: lab
fallbacks: {reasoning: output, input_image: input}
neutral: {service_tier: [default, standard]}
models:
  - id: gemini-2.5-ears
    tokenizer: o200k_base
    prices:
      - rates: {input: "0.3", cache_read: "0.03", input_audio: "1", cache_read_audio: "0.1", input_video: "0.5", output: "2"}
        tiers: [{when: {prompt_tokens: ">200000"}, rates: {input: "0.6", input_audio: "2", output: "3"}, others: inherit}]
  - id: gemini-2.5-alike
    tokenizer: o200k_base
    prices: [{rates: {input: "0.4", input_audio: =input, input_video: =input, output: "2"}}]
  - id: gpt-4o-eyes
    tokenizer: o200k_base
    prices: [{rates: {input: "4", cache_read: "0.4", input_image: "8", output: "10"}}]
  - id: gpt-4o-deaf
    tokenizer: o200k_base
    prices: [{rates: {input: "2.5", cache_read: "1.25", output: "10"}}]
  - id: queued
    tokenizer: o200k_base
    prices:
      - rates: {input: "2", output: "10"}
        variants:
          - {when: {service_tier: flex}, rates: {input: "1", output: "5"}}
          - {when: {service_tier: priority}, rates: {input: "4", output: "20"}}
  - id: text-alone
    tokenizer: o200k_base
    input: [text]
    prices: [{rates: {input: "1", output: "2"}}]
  - {id: some-vl-text, tokenizer: o200k_base, input: [text], prices: [{rates: {input: "1", output: "2"}}]}
  - id: seconds-and-text
    tokenizer: o200k_base
    prices: [{rates: {input: "0.1", output: "0.4", audio_seconds: {price: "0.36", per: 3600}}}]
  - {id: live, prices: [{rates: {audio_seconds: {price: "3", per: 3600}}}]}
  - {id: whisper, kind: transcription, prices: [{rates: {audio_seconds: {price: "0.72", per: 3600, minimum: "10"}}}]}
  - {id: transcribe, kind: transcription, tokenizer: o200k_base, prices: [{rates: {input: "2", input_audio: "6", output: "10"}}]}
  - {id: speak, kind: speech, prices: [{rates: {characters: {price: "15", per: 1000000}}}]}
  - {id: speak-tokens, kind: speech, tokenizer: o200k_base, prices: [{rates: {input: "1", output: "5", output_audio: "20"}}]}
  - {id: song, kind: speech, prices: [{rates: {requests: {price: "0.08", per: 1}}}]}
  - {id: film, kind: video, prices: [{rates: {}, variants: [{when: {resolution: 720p}, rates: {video_seconds: {price: "0.1", per: 1}}}]}]}
  - {id: ocr, kind: ocr, prices: [{rates: {pages: {price: "2", per: 1000}}}]}
  - {id: embed, kind: embedding, tokenizer: o200k_base, prices: [{rates: {input: "0.1", output: "0", input_images: {price: "0.0001", per: 1}}}]}
  - {id: rerank, kind: rerank, prices: [{rates: {input: "0", output: "0", search_units: {price: "0.002", per: 1}}}]}
  - {id: search, kind: search, prices: [{rates: {web_search: {price: "5", per: 1000}}}]}
  - {id: machine, kind: endpoint, prices: [{rates: {replica_minutes: {price: "0.5", per: 1}}}]}
  - {id: letters, kind: chat, prices: [{rates: {characters: {price: "5", per: 1000000}, output_characters: {price: "15", per: 1000000}}}]}
  - id: paint
    kind: image
    tokenizer: o200k_base
    prices:
      - rates: {input: "5", input_image: "8", output: "10", output_image: "32"}
        variants:
          - {when: {quality: low, size: 1024x1024}, rates: {images: {price: "0.009", per: 1}}, others: inherit}
          - {when: {quality: high, size: 1024x1024}, rates: {images: {price: "0.133", per: 1}}, others: inherit}
  - {id: paint-pieces, kind: image, prices: [{rates: {images: {price: "0.04", per: 1}}}]}
"#;

struct Lab {
    folder: TempDir,
}

impl Lab {
    fn new() -> Lab {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("lab.yaml"), PRICES).expect("written");
        Lab { folder }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    fn ask(&self, args: &[&str]) -> Farebox {
        farebox(args.iter().copied()).arg("--prices").arg(self.folder.path().join("lab.yaml"))
    }

    fn json(&self, args: &[&str]) -> Ran {
        self.ask(args).args(["--format", "json"]).run()
    }

    /// The lines of the only row as meter, quantity and dollars, and its total.
    #[track_caller]
    fn bill(&self, args: &[&str]) -> (Vec<[String; 3]>, String) {
        bill(&self.json(args).code(0).json()["rows"][0])
    }
}

#[track_caller]
fn bill(row: &Value) -> (Vec<[String; 3]>, String) {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{row}")).to_owned();
    let lines = row["lines"].as_array().unwrap_or_else(|| panic!("{row}"));
    let lines = lines.iter().map(|line| ["meter", "quantity", "usd"].map(|key| text(&line[key]))).collect();
    (lines, text(&row["total_usd"]))
}

#[track_caller]
fn assert_bill(bill: (Vec<[String; 3]>, String), lines: &[[&str; 3]], total: &str) {
    let got: Vec<[&str; 3]> = bill.0.iter().map(|line| line.each_ref().map(String::as_str)).collect();
    assert_eq!((got.as_slice(), bill.1.as_str()), (lines, total));
}

#[test]
fn audio_is_billed_as_audio_whatever_command_asks() {
    let lab = Lab::new();
    // A minute is 60 × 32 = 1,920 tokens at $1 a million; 100 tokens of an answer at $2.
    let lines = [["input_audio", "1920", "0.00192"], ["output", "100", "0.0002"]];
    for command in ["estimate", "compare"] {
        let args = [command, "--audio", "60s", "-m", "lab/gemini-2.5-ears", "--output-tokens", "100"];
        assert_bill(lab.bill(&args), &lines, "0.00212");
    }
    // 1,000 requests of three recordings, with text next to them: 3 × 320 tokens each.
    let args = [
        "estimate",
        "--input-tokens",
        "1000",
        "--audio",
        "10s",
        "--audio",
        "10s",
        "--audio",
        "10s",
        "-n",
        "1000",
        "-m",
        "lab/gemini-2.5-ears",
        "--output-tokens",
        "0",
    ];
    assert_bill(lab.bill(&args), &[["input", "1000000", "0.3"], ["input_audio", "960000", "0.96"]], "1.26");
    // A card may say that audio is billed as text is.
    let args = ["estimate", "--audio", "60s", "-m", "lab/gemini-2.5-alike", "--output-tokens", "0"];
    assert_bill(lab.bill(&args), &[["input", "1920", "0.000768"]], "0.000768");
}

#[test]
fn cached_tokens_are_text_first() {
    let lab = Lab::new();
    let args = |cached| {
        [
            "estimate",
            "--input-tokens",
            "1000",
            "--audio",
            "60s",
            "-m",
            "lab/gemini-2.5-ears",
            "--output-tokens",
            "0",
            "--cached-tokens",
            cached,
        ]
    };
    let lines = [["input", "400", "0.00012"], ["cache_read", "600", "0.000018"], ["input_audio", "1920", "0.00192"]];
    assert_bill(lab.bill(&args("600")), &lines, "0.002058");
    // All the text at $0.03, then 1,000 of the audio at $0.10 and the other 920 at $1.
    let lines =
        [["cache_read", "1000", "0.00003"], ["input_audio", "920", "0.00092"], ["cache_read_audio", "1000", "0.0001"]];
    assert_bill(lab.bill(&args("2000")), &lines, "0.00105");
    // Images that are billed as text are cached as text; those with a price of their own need a price in the cache too.
    let image = |model| {
        ["estimate", "--image", "1024x1024:high", "-m", model, "--output-tokens", "0", "--cached-tokens", "765"]
    };
    assert_bill(lab.bill(&image("lab/gpt-4o-deaf")), &[["cache_read", "765", "0.00095625"]], "0.00095625");
    let refused = lab.json(&image("lab/gpt-4o-eyes")).code(2).json();
    assert!(refused["rows"][0]["reason"].as_str().unwrap().contains("765 of cache_read_image"), "{refused}");
}

#[test]
fn tiers_depend_on_the_whole_prompt() {
    let lab = Lab::new();
    let args = |text| {
        ["estimate", "--input-tokens", text, "--audio", "60s", "-m", "lab/gemini-2.5-ears", "--output-tokens", "0"]
    };
    // 198,080 + 1,920 is 200,000, not more.
    let lines = [["input", "198080", "0.059424"], ["input_audio", "1920", "0.00192"]];
    assert_bill(lab.bill(&args("198080")), &lines, "0.061344");
    let lines = [["input", "198081", "0.1188486"], ["input_audio", "1920", "0.00384"]];
    assert_bill(lab.bill(&args("198081")), &lines, "0.1226886");
}

#[test]
fn images_are_billed_as_images() {
    let lab = Lab::new();
    // 1024 × 1024 is shrunk to 768 × 768: four tiles, 85 + 4 × 170 = 765 tokens (OpenAI's vision guide).
    for command in ["estimate", "compare"] {
        let args = |model| [command, "--image", "1024x1024:high", "-m", model, "--output-tokens", "0"];
        assert_bill(lab.bill(&args("lab/gpt-4o-eyes")), &[["input_image", "765", "0.00612"]], "0.00612");
        assert_bill(lab.bill(&args("lab/gpt-4o-deaf")), &[["input", "765", "0.0019125"]], "0.0019125");
        assert_bill(lab.bill(&args("lab/embed")), &[["input_images", "1", "0.0001"]], "0.0001");
    }
}

#[test]
fn the_sound_of_a_video_is_audio() {
    let lab = Lab::new();
    let args = |model| ["estimate", "--video", "10s", "-m", model, "--output-tokens", "0"];
    let row = &lab.json(&args("lab/gemini-2.5-ears")).code(0).json()["rows"][0];
    let lines = [["input_audio", "320", "0.00032"], ["input_video", "2630", "0.001315"]];
    assert_bill(bill(row), &lines, "0.001635");
    // Silent, and without the stamps of time: 258 a second.
    assert_eq!(row["low_usd"], "0.00129");
    assert_bill(lab.bill(&args("lab/gemini-2.5-alike")), &[["input", "2950", "0.00118"]], "0.00118");
}

#[test]
fn recordings_are_billed_by_the_second_where_the_card_says_so() {
    let lab = Lab::new();
    let args = |length, model| ["estimate", "--audio", length, "-m", model, "--output-tokens", "0"];
    assert_bill(lab.bill(&args("1m30s", "lab/whisper")), &[["audio_seconds", "90", "0.018"]], "0.018");
    assert_bill(lab.bill(&args("2500ms", "lab/whisper")), &[["audio_seconds", "10", "0.002"]], "0.002"); // at least 10 s
    assert_bill(lab.bill(&args("1.5s", "lab/seconds-and-text")), &[["audio_seconds", "1.5", "0.00015"]], "0.00015");
    // An hour of listening and speaking, whatever is said in it.
    let spoken = ["estimate", "--audio", "1h", "-m", "lab/live", "--output-tokens", "500"];
    assert_bill(lab.bill(&spoken), &[["audio_seconds", "3600", "3"]], "3");
    let told = lab.json(&[&spoken[..], &["-t", "Be brief"]].concat()).code(2).json();
    assert!(told["rows"][0]["reason"].as_str().unwrap().contains("bills audio_seconds"), "{told}");
    let ran = lab.ask(&["count", "--audio", "60s", "-m", "lab/whisper"]).run().code(2);
    ran.says("lab/whisper bills audio by audio_seconds, not by tokens").says("farebox estimate -m lab/whisper");
    // A transcription by the token answers in text, whose length is not known.
    let json = lab.json(&["estimate", "--audio", "60s", "-m", "lab/whisper"]).code(0).json();
    assert_eq!(json["rows"][0]["total_usd"], "0.012");
    assert_eq!(json["rows"][0].get("high_usd"), None);
    assert!(!lab.json(&["estimate", "--audio", "60s", "-m", "lab/whisper"]).stderr.contains("tokens are a range"));
}

#[test]
fn pages_are_billed_by_the_page_where_the_card_says_so() {
    let lab = Lab::new();
    let row = &lab.json(&["estimate", "--pdf", "12", "-m", "lab/ocr", "-n", "10"]).code(0).json()["rows"][0];
    assert_bill(bill(row), &[["pages", "120", "0.24"]], "0.24");
    assert_eq!((&row["tokens"]["input"]["tokens"], row.get("low_usd")), (&json!(0), None));
    assert_bill(lab.bill(&["estimate", "--image", "800x600", "-m", "lab/ocr"]), &[["pages", "1", "0.002"]], "0.002");
}

/// A request with a recording, and one with an image of 512 × 512 pixels, one tile.
const HEARD: &str = r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"},
    {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}], "max_tokens": 10}"#;

#[test]
fn what_a_card_has_no_meter_for_is_refused() {
    let lab = Lab::new();
    for (flag, value, name) in [("--audio", "60s", "audio"), ("--video", "60s", "video")] {
        for command in ["estimate", "compare"] {
            let args = [command, "-t", "Hi", flag, value, "-m", "lab/gpt-4o-deaf", "--output-tokens", "9"];
            let row = &lab.json(&args).code(2).json()["rows"][0];
            assert_eq!((&row["total_usd"], &row["status"]), (&Value::Null, &json!("no-rate")), "{row}");
            let reason = row["reason"].as_str().unwrap();
            assert!(reason.contains(&format!("no rate for {name}")) && reason.contains("help: "), "{reason}");
        }
        let ran = lab.ask(&["count", flag, value, "-m", "lab/gpt-4o-deaf"]).run().code(2);
        ran.says(&format!("no rate for {name}"));
    }
    let heard = lab.file("heard.json", HEARD).display().to_string();
    let row = &lab.json(&["estimate", &heard, "-m", "lab/gpt-4o-deaf"]).code(2).json()["rows"][0];
    assert_eq!(row["status"], "no-rate", "{row}");
    let ran = lab.ask(&["count", "--chat", &heard, "-m", "lab/gpt-4o-deaf", "--strict"]).run().code(3);
    ran.says("no rate for audio");
    // A name may say more than the table does.
    let args = ["estimate", "--image", "512x512", "-m", "lab/some-vl-text", "--output-tokens", "9"];
    assert_eq!(lab.json(&args).code(0).json()["rows"][0]["status"], "priced");
    // Everything that is known of the model says that it reads text.
    for command in ["estimate", "compare"] {
        let args = [command, "--image", "512x512", "-m", "lab/text-alone", "--output-tokens", "9"];
        let row = &lab.json(&args).code(2).json()["rows"][0];
        assert!(row["reason"].as_str().unwrap().contains("the model reads text"), "{row}");
    }
}

#[test]
fn requests_are_billed_as_flags_are() {
    let lab = Lab::new();
    // A recording of unknown length: a second to an hour, a minute expected, 32 tokens each second.
    let heard = lab.file("heard.json", HEARD).display().to_string();
    let row =
        &lab.json(&["estimate", &heard, "-m", "lab/gemini-2.5-ears", "--output-tokens", "0"]).code(0).json()["rows"][0];
    let audio = row["lines"].as_array().unwrap().iter().find(|line| line["meter"] == "input_audio").unwrap();
    assert_eq!((&audio["quantity"], &audio["usd"]), (&json!("1920"), &json!("0.00192")));
    let compared = lab.json(&["compare", &heard, "-m", "lab/gemini-2.5-ears", "--output-tokens", "0"]).code(0).json();
    assert_eq!(compared["rows"][0]["lines"], row["lines"], "{compared}");
    let bound = |key: &str| row[key].as_str().unwrap().parse::<Decimal>().unwrap();
    let text = bound("total_usd") - Decimal::new(192, 5);
    // 3,600 × 32 at $1 a million, and what either of Gemini's hosts may add around three contents.
    let beside = bound("high_usd") - text - Decimal::new(1152, 4);
    assert!(Decimal::ZERO <= beside && beside <= Decimal::new(3, 7), "{beside}");
}

#[test]
fn an_image_that_is_made_has_the_price_of_an_image() {
    let lab = Lab::new();
    let paint =
        |more: &[&'static str]| [&["estimate", "--input-tokens", "2", "-m", "lab/paint", "-n", "500"], more].concat();
    let stated = ["--with", "quality=high", "--with", "size=1024x1024"];
    // 500 × 2 tokens at $5 a million, and 500 images at $0.133.
    let lines = [["input", "1000", "0.005"], ["images", "500", "66.5"]];
    assert_bill(lab.bill(&paint(&stated)), &lines, "66.505");
    let compare = ["compare", "--input-tokens", "2", "-m", "lab/paint", "-n", "500"];
    assert_bill(lab.bill(&[&compare[..], &stated].concat()), &lines, "66.505");
    // An image to edit next to it: one tile and the base of OpenAI's rule would be another model's; what is not known is a range.
    let edited = lab.json(&[&paint(&stated)[..], &["--image", "512x512"]].concat()).code(0).json();
    assert!(
        edited["rows"][0]["lines"].as_array().unwrap().iter().any(|line| line["meter"] == "input_image"),
        "{edited}"
    );
    // By the token, where the tokens of the image are given.
    let lines = [["input", "1000", "0.005"], ["output_image", "500000", "16"]];
    assert_bill(lab.bill(&paint(&["--output-tokens", "1000"])), &lines, "16.005");
    // What was not said is asked for, never left out.
    for (more, missing) in [
        (&[][..], "quality and size, which was not said"),
        (&["--with", "quality=high"][..], "their size, which was not said"),
        (&["--with", "quality=high", "--with", "size=9x9"], "quality=high and size=9x9"),
    ] {
        let row = &lab.json(&paint(more)).code(2).json()["rows"][0];
        let reason = row["reason"].as_str().unwrap();
        assert!(reason.contains(missing) && reason.contains("--with quality=low --with size=1024x1024"), "{reason}");
    }
    assert_bill(
        lab.bill(&["estimate", "-t", "a cat", "-m", "lab/paint-pieces", "-n", "3"]),
        &[["images", "3", "0.12"]],
        "0.12",
    );
}

#[test]
fn a_request_says_how_many_answers_it_asks_for_and_of_what_quality() {
    let lab = Lab::new();
    let of = |body: &Value, more: &[&str]| {
        let file = lab.file("request.json", &body.to_string()).display().to_string();
        lab.json(&[&["estimate", file.as_str()], more].concat())
    };
    let image = json!({"model": "lab/paint", "prompt": "a cat", "n": 4, "quality": "high", "size": "1024x1024"});
    let (lines, _) = bill(&of(&image, &[]).code(0).json()["rows"][0]);
    assert_eq!(lines.last().unwrap(), &["images", "4", "0.532"].map(str::to_owned)); // 4 × $0.133
    // What the user says goes before it.
    let (lines, _) = bill(&of(&image, &["--with", "quality=low"]).code(0).json()["rows"][0]);
    assert_eq!(lines.last().unwrap(), &["images", "4", "0.036"].map(str::to_owned)); // 4 × $0.009
    // A provider that chooses itself leaves open what it costs.
    let auto = json!({"model": "lab/paint", "prompt": "a cat", "quality": "auto", "size": "1024x1024"});
    let row = &of(&auto, &[]).code(2).json()["rows"][0];
    assert!(row["reason"].as_str().unwrap().contains("quality, which was not said"), "{row}");
    // Three answers of 100 tokens at $10 a million.
    let chat = json!({"model": "lab/gpt-4o-deaf", "n": 3, "messages": [{"role": "user", "content": "Hi"}]});
    let (lines, _) = bill(&of(&chat, &["--output-tokens", "100"]).code(0).json()["rows"][0]);
    assert_eq!(lines.last().unwrap(), &["output", "300", "0.003"].map(str::to_owned));
    let gemini = json!({"model": "lab/gpt-4o-deaf", "contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": {"candidateCount": 2}});
    let (lines, _) = bill(&of(&gemini, &["--output-tokens", "100"]).code(0).json()["rows"][0]);
    assert_eq!(lines.last().unwrap(), &["output", "200", "0.002"].map(str::to_owned));
}

#[test]
fn a_request_is_priced_in_the_queue_that_it_asks_for() {
    let lab = Lab::new();
    let of = |tier: &str, more: &[&str]| {
        let body =
            json!({"model": "lab/queued", "service_tier": tier, "messages": [{"role": "user", "content": "Hi"}]});
        let file = lab.file("request.json", &body.to_string()).display().to_string();
        lab.json(&[&["estimate", file.as_str(), "--output-tokens", "1000"], more].concat())
    };
    let output = |ran: Ran| bill(&ran.code(0).json()["rows"][0]).0.pop().unwrap();
    assert_eq!(output(of("auto", &[])), ["output", "1000", "0.01"].map(str::to_owned));
    assert_eq!(output(of("default", &[])), ["output", "1000", "0.01"].map(str::to_owned));
    assert_eq!(output(of("flex", &[])), ["output", "1000", "0.005"].map(str::to_owned));
    assert_eq!(output(of("flex", &["--with", "service_tier=priority"])), ["output", "1000", "0.02"].map(str::to_owned));
    // On another model it counts where that one has such a queue.
    assert_eq!(output(of("flex", &["-m", "lab/gpt-4o-deaf"])), ["output", "1000", "0.01"].map(str::to_owned));
    assert_eq!(of("scale", &[]).code(2).json()["rows"][0]["status"], "no-rate");
}

#[test]
fn models_that_are_billed_by_the_request_need_no_more() {
    let lab = Lab::new();
    let args = |model| ["estimate", "-t", "some words", "-m", model, "-n", "10"];
    assert_bill(lab.bill(&args("lab/song")), &[["requests", "10", "0.8"]], "0.8");
    assert_bill(lab.bill(&args("lab/search")), &[["web_search", "10", "0.05"]], "0.05");
    let (lines, total) = lab.bill(&args("lab/rerank"));
    assert_eq!((lines.last().unwrap(), total.as_str()), (&["search_units", "10", "0.02"].map(str::to_owned), "0.02"));
    let args = ["estimate", "--input-tokens", "1000", "-m", "lab/speak-tokens", "--output-tokens", "2000"];
    assert_bill(lab.bill(&args), &[["input", "1000", "0.001"], ["output_audio", "2000", "0.04"]], "0.041");
}

#[test]
fn text_alone_is_never_the_price_of_something_else() {
    let lab = Lab::new();
    for (model, bills, help) in [
        ("film", "bills video_seconds", "\"context\":{\"resolution\":\"720p\"}"),
        ("machine", "bills replica_minutes", "replica_minutes"),
        ("live", "bills audio_seconds", "--audio 60s"),
        ("letters", "bills characters, output_characters", "characters"),
        ("whisper", "billed by its recording", "--audio 60s"),
        ("transcribe", "billed by its recording", "--audio 60s"),
        ("ocr", "billed by the page", "--pdf 12"),
        ("speak-tokens", "billed by output_audio tokens", "--output-tokens N"),
    ] {
        let id = format!("lab/{model}");
        for command in ["estimate", "compare"] {
            let row = &lab.json(&[command, "-t", "some words", "-m", &id]).code(2).json()["rows"][0];
            let reason = row["reason"].as_str().unwrap();
            assert!(reason.contains(bills) && reason.contains(help) && !reason.contains("`input`"), "{reason}");
        }
    }
}

#[test]
fn the_record_that_a_refusal_suggests_is_priced() {
    let lab = Lab::new();
    // 10 seconds at $0.10; 10 minutes at $0.50.
    for (model, usd) in [("film", "1"), ("machine", "5")] {
        let id = format!("lab/{model}");
        let json = lab.json(&["estimate", "-t", "some words", "-m", &id]).code(2).json();
        let reason = json["rows"][0]["reason"].as_str().unwrap();
        let record = reason.split('\'').nth(1).unwrap_or_else(|| panic!("{reason}"));
        let ran = lab.ask(&["usage", "--at", "2026-11-22", "--format", "jsonl"]).input(record).run().code(0);
        assert_eq!(ran.json_lines()[0]["total_usd"], usd, "{record}");
    }
}

/// The bundled cards of a past day; each rate as `farebox prices show MODEL --at 2026-08-22` prints it.
#[test]
fn the_bundled_cards_bill_each_thing_as_they_say() {
    let ask = |args: &[&str]| {
        let ran =
            farebox(args.iter().copied()).args(["--at", "2026-08-22", "--output-tokens", "0", "--format", "json"]);
        ran.run().json()["rows"][0].clone()
    };
    for (model, flag, value, line, total) in [
        // 1,920 tokens at $1 a million; 600 at $32 and at $40; 60 s at $0.36 an hour; 765 tokens at $2.50.
        ("google/gemini-2.5-flash", "--audio", "60s", ["input_audio", "1920", "0.00192"], "0.00192"),
        ("openai/gpt-realtime", "--audio", "60s", ["input_audio", "600", "0.0192"], "0.0192"),
        ("openai/gpt-4o-audio-preview", "--audio", "60s", ["input_audio", "600", "0.024"], "0.024"),
        ("openai/whisper-1", "--audio", "60s", ["audio_seconds", "60", "0.006"], "0.006"),
        ("openai/gpt-4o", "--image", "1024x1024:high", ["input", "765", "0.0019125"], "0.0019125"),
    ] {
        assert_bill(bill(&ask(&["estimate", flag, value, "-m", model])), &[line], total);
    }
    for model in ["anthropic/claude-opus-4-8", "openai/gpt-4o"] {
        let row = ask(&["estimate", "--audio", "60s", "-m", model]);
        assert_eq!((&row["status"], &row["total_usd"]), (&json!("no-rate"), &Value::Null), "{row}");
    }
    // 500 images of high quality at $0.133, and 500 × 2 tokens at $5 a million.
    let stated = ["--with", "quality=high", "--with", "size=1024x1024"];
    let image = ["estimate", "--input-tokens", "2", "-m", "openai/gpt-image-1.5", "-n", "500"];
    assert_eq!(ask(&[&image[..], &stated].concat())["total_usd"], "66.505");
}

#[test]
fn attachments_of_nothing_are_errors() {
    let lab = Lab::new();
    for command in ["count", "estimate", "compare"] {
        for (flag, value) in [
            ("--audio", ""),
            ("--audio", " "),
            ("--audio", "0s"),
            ("--audio", "0"),
            ("--audio", "nan"),
            ("--audio", "99999999999999999999h"),
            ("--video", ""),
            ("--video", "0s"),
            ("--image", ""),
            ("--image", "0x0"),
            ("--image", ":high"),
            ("--image", "-1x5"),
            ("--pdf", ""),
            ("--pdf", "0"),
            ("--pdf", "1.5"),
            ("--pdf", "99999999999999999999"),
        ] {
            let ran = lab.ask(&[command, "-m", "lab/gemini-2.5-ears"]).arg(format!("{flag}={value}")).run().code(2);
            assert!(
                ran.stderr.contains("help: ") && !ran.stderr.contains("no such file"),
                "{flag}={value}: {}",
                ran.stderr
            );
            assert_eq!(ran.stdout, "", "{flag}={value}");
        }
    }
}

fn plan(lab: &Lab, feature: &str) -> Ran {
    let text = format!("version: 1\nname: Test\nstart: 2027-01-01\nmonths: 1\nfeatures:\n{feature}");
    let file = lab.file("farebox.yaml", &text).display().to_string();
    lab.json(&["plan", "-w", &file, "--at", "2026-11-22"])
}

fn expected(ran: Ran) -> Decimal {
    ran.code(0).json()["total"]["expected_usd"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_plan_bills_what_an_estimate_does() {
    let lab = Lab::new();
    let feature = |model: &str, more: &str| {
        format!("  f:\n    model: lab/{model}\n    prompt: 100\n    calls: 31 per month\n{more}")
    };
    let images = "    attachments: [{image: 1024x1024}]\n    output: 0\n";
    // 31 × (100 tokens at $4 and 765 at $8 a million), and 31 × 865 at $2.50.
    assert_eq!(expected(plan(&lab, &feature("gpt-4o-eyes", images))), Decimal::new(20_212, 5));
    assert_eq!(expected(plan(&lab, &feature("gpt-4o-deaf", images))), Decimal::new(670_375, 7));
    // Two turns: the question and the image are sent again in the second, as text and as an image.
    let twice = format!("{images}    turns: 2\n");
    assert_eq!(expected(plan(&lab, &feature("gpt-4o-eyes", &twice))), Decimal::new(3 * 20_212, 5));
    // 31 × (100 tokens at $5 a million and an image at $0.133).
    let stated = "    with: {quality: high, size: 1024x1024}\n    output: 0\n";
    assert_eq!(expected(plan(&lab, &feature("paint", stated))), Decimal::new(41_385, 4));
    // 31 × (100 tokens at $5 and 1,000 at $32).
    assert_eq!(expected(plan(&lab, &feature("paint", "    output: 1000\n"))), Decimal::new(10_075, 4));
    // A model without a rate for text is planned by what the file says of the rest: 31 × 200 characters at $15 a million.
    let spoken = "    output: 0\n    also: {characters: 200}\n";
    assert_eq!(expected(plan(&lab, &feature("speak", spoken))), Decimal::new(93, 3));
    for (model, more, why) in [
        ("text-alone", images, "the model reads text"),
        ("embed", images, "images are billed by input_images"),
        ("whisper", "    output: 0\n", "billed by its recording"),
        ("speak", "    output: 100\n", "bills characters"),
        ("letters", "    output: 0\n    also: {characters: 200}\n", "bills characters"),
        ("paint", "    output: 0\n", "quality and size, which was not said"),
    ] {
        let ran = plan(&lab, &feature(model, more));
        assert!(ran.code != 0 || ran.json()["total"]["expected_usd"] == "0", "{model}: {}", ran.stdout);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(why), "{model}: {}{}", ran.stdout, ran.stderr);
    }
}

/// Each of three features alike costs a third of the plan; half of a third is still half of what the feature costs.
#[test]
fn a_smaller_model_is_found_among_equal_features() {
    let folder = tempfile::tempdir().expect("a folder");
    let prices = folder.path().join("lab.yaml");
    let card = |id: &str, input: &str| {
        format!(
            "  - {{id: {id}, kind: chat, released: 2026-01-01, prices: [{{rates: {{input: \"{input}\", output: \"10\"}}}}]}}\n"
        )
    };
    let cards = card("big", "8") + &card("middle", "4") + &card("near", "6") + &card("small", "1");
    std::fs::write(
        &prices,
        format!("schema: 1\nprovider: lab\nrole: maker\nmakes: [big, middle, near, small]\nmodels:\n{cards}"),
    )
    .unwrap();
    let feature =
        |name: &str| format!("  {name}: {{model: lab/big, prompt: 1000, output: 0, calls: 1000 per month}}\n");
    let all: String = ["one", "two", "three"].map(feature).concat();
    let file = folder.path().join("farebox.yaml");
    std::fs::write(&file, format!("version: 1\nname: Test\nstart: 2027-01-01\nmonths: 1\nfeatures:\n{all}")).unwrap();
    let ran =
        farebox(["plan", "--format", "json", "--at", "2026-11-22"]).arg("-w").arg(&file).arg("--prices").arg(&prices);
    let json = ran.run().code(0).json();
    let levers = json["levers"].as_array().unwrap().iter().filter(|lever| lever["kind"] == "smaller-model");
    // A million tokens cost $8 and $4: the least change that saves a third of it. $6 saves too little, $1 changes more.
    let found: Vec<_> = levers
        .map(|l| (l["feature"].as_str().unwrap(), l["what"].as_str().unwrap(), l["saving_usd"].as_str().unwrap()))
        .collect();
    assert_eq!(found, ["one", "two", "three"].map(|name| (name, "use lab/middle", "4")));
}
