//! Excerpts of real files, against rates that were read in them with the naked eye; see `tests/data/README.md`.

use super::write::imported;
use super::*;
use crate::period::Instant;
use crate::pricing::card::{self, Evidence, Kind, Source};
use crate::pricing::compile::{PriceFile, Use, compile};

const LITELLM: &str = include_str!("../../../tests/data/import/litellm.json");
const GENAI_PRICES: &str = include_str!("../../../tests/data/import/genai-prices.json");
const MODELS_DEV: &str = include_str!("../../../tests/data/import/models-dev.json");
const OPENROUTER: &str = include_str!("../../../tests/data/import/openrouter.json");
const LLM_PRICES: &str = include_str!("../../../tests/data/import/llm-prices-current.json");
const LLM_PRICES_VENDOR: &str = include_str!("../../../tests/data/import/llm-prices-vendor.json");

const ALL: [(&str, DatabaseFormat); 6] = [
    (LITELLM, DatabaseFormat::Litellm),
    (GENAI_PRICES, DatabaseFormat::GenaiPrices),
    (MODELS_DEV, DatabaseFormat::ModelsDev),
    (OPENROUTER, DatabaseFormat::OpenRouter),
    (LLM_PRICES, DatabaseFormat::LlmPrices),
    (LLM_PRICES_VENDOR, DatabaseFormat::LlmPrices),
];

fn source() -> Source {
    let checked = "2026-11-22".parse().unwrap();
    Source { url: "https://example.org".into(), checked, evidence: Evidence::Single }
}

/// Of a model: `meter condition | price / per`, in the order of the file; prices that hold on a day.
fn shown(database: &Database, provider: &str, model: &str, on: &str) -> Vec<String> {
    let at: Instant = on.parse().unwrap();
    let provider = database.provider(provider).unwrap_or_else(|| panic!("{provider} is listed"));
    let model = provider.models.iter().find(|m| m.id == model).unwrap_or_else(|| panic!("{model} is listed"));
    let line = |f: &Fact| match (f.condition.to_string().as_str(), f.price.per) {
        ("", 1_000_000) => format!("{} {}", f.meter, f.price.usd),
        ("", per) => format!("{} {} / {per}", f.meter, f.price.usd),
        (when, 1_000_000) => format!("{} {} if {when}", f.meter, f.price.usd),
        (when, per) => format!("{} {} / {per} if {when}", f.meter, f.price.usd),
    };
    let mut lines: Vec<String> = model.facts.iter().filter(|f| f.period.contains(at)).map(line).collect();
    lines.sort();
    lines
}

#[track_caller]
fn check(database: &Database, model: &str, on: &str, want: &[&str]) {
    let (provider, id) = model.split_once('/').unwrap();
    let mut want = want.to_vec();
    want.sort_unstable();
    assert_eq!(shown(database, provider, id, on), want, "{model}");
}

fn unread(database: &Database) -> Vec<(String, usize)> {
    by_kind(&database.unread).into_iter().map(|(what, places)| (what.to_owned(), places.len())).collect()
}

#[test]
fn the_content_says_whose_format_it_is() {
    for (text, format) in ALL {
        assert_eq!(read(text, None).unwrap().format, format);
        assert_eq!(read(text, Some(format)).unwrap().format, format);
        let other = if format == DatabaseFormat::Litellm { DatabaseFormat::ModelsDev } else { DatabaseFormat::Litellm };
        assert_eq!(read(text, Some(other)).unwrap_err(), ImportError::OtherShape(other));
    }
    // Version 3 of genai-prices puts the list of version 2 into an object.
    let version_3 = format!("{{\"units\": {{}}, \"providers\": {GENAI_PRICES}}}");
    let (two, three) = (read(GENAI_PRICES, None).unwrap(), read(&version_3, None).unwrap());
    assert_eq!((three.format, three.fact_count()), (DatabaseFormat::GenaiPrices, two.fact_count()));
}

#[test]
fn what_is_no_database_says_what_it_is() {
    let error = |text: &str| {
        let error = read(text, None).unwrap_err();
        crate::jobs::error::with_help(&error, error.help())
    };
    assert_eq!(
        error("<html><body>Not found</body></html>"),
        "this is not JSON: expected value (line 1, column 1); it looks like a web page"
    );
    assert_eq!(
        error("{\"gpt-4o\": {\"litellm_provider\""),
        "this is not JSON: EOF while parsing an object (line 1, column 30); it ends too early\n  help: the file is not whole: get it again"
    );
    assert!(
        error("schema: 1\nprovider: acme\n")
            .ends_with("help: a price file of farebox's own is used with --prices FILE")
    );
    for text in ["{}", "[]", "3", "null", "{\"a\": {\"b\": 1}}", "{\"data\": []}"] {
        assert_eq!(read(text, None).unwrap_err(), ImportError::UnknownShape, "{text}");
    }
    let free = r#"{"m": {"litellm_provider": "p", "input_cost_per_token": 0, "output_cost_per_token": 0}}"#;
    assert_eq!(read(free, None).unwrap_err(), ImportError::NoPrices(DatabaseFormat::Litellm));
}

#[test]
fn litellm_is_read_to_the_last_ending() {
    let database = read(LITELLM, None).unwrap();
    let on = "2026-11-22";
    check(
        &database,
        "openai/gpt-5.5",
        on,
        &[
            "input 5",
            "input 10 if prompt_tokens>272000",
            "input 2.5 if processing=batch",
            "input 5 if processing=batch, prompt_tokens>272000",
            "input 2.5 if service_tier=flex",
            "input 5 if service_tier=flex, prompt_tokens>272000",
            "input 12.5 if service_tier=priority",
            "cache_read 0.5",
            "cache_read 1 if prompt_tokens>272000",
            "cache_read 0.25 if processing=batch",
            "cache_read 0.5 if processing=batch, prompt_tokens>272000",
            "cache_read 0.25 if service_tier=flex",
            "cache_read 0.5 if service_tier=flex, prompt_tokens>272000",
            "cache_read 1.25 if service_tier=priority",
            "output 30",
            "output 45 if prompt_tokens>272000",
            "output 15 if processing=batch",
            "output 22.5 if processing=batch, prompt_tokens>272000",
            "output 15 if service_tier=flex",
            "output 22.5 if service_tier=flex, prompt_tokens>272000",
            "output 75 if service_tier=priority",
            "web_search 10 / 1000",
        ],
    );
    check(&database, "groq/whisper-large-v3", on, &["audio_seconds 0.00003083 / 1"]);
    check(
        &database,
        "alibaba/qwen-flash",
        on,
        &["input 0.05", "input 0.25 if prompt_tokens>256000", "output 0.4", "output 2 if prompt_tokens>256000"],
    );
    check(
        &database,
        "perplexity/sonar",
        on,
        &[
            "input 1",
            "output 1",
            "requests 5 / 1000 if search_context_size=low",
            "requests 8 / 1000 if search_context_size=medium",
            "requests 12 / 1000 if search_context_size=high",
        ],
    );
    check(
        &database,
        "mistral/mistral-ocr-latest",
        on,
        &[
            "pages 4 / 1000",
            "pages 2 / 1000 if processing=batch",
            "annotated_pages 5 / 1000",
            "annotated_pages 2.5 / 1000 if processing=batch",
        ],
    );
    check(&database, "cohere/rerank-v3.5", on, &["search_units 0.002 / 1"]);
    check(&database, "openai/gpt-image-1.5", on, &["images 0.009 / 1 if quality=low, size=1024x1024"]);
    check(
        &database,
        "databricks/databricks-claude-sonnet-4-1",
        on,
        // 2.9999900000000002e-06 and 1.5000020000000002e-05 in the file.
        &["input 2.99999", "cache_read 0.30002", "cache_write_5m 3.74997", "output 15.00002"],
    );
    assert_eq!(database.mended.len(), 2);
    let hours = shown(&database, "openai", "gpt-6-astra", on);
    assert!(
        hours.contains(&"cache_write_12h 300 if service_tier=ultrafast, prompt_tokens>272000".to_owned()),
        "{hours:?}"
    );
}

#[test]
fn the_flat_price_of_deepseek_at_litellm_is_that_of_the_peak() {
    let database = read(LITELLM, None).unwrap();
    let peak = "01:00-04:00, 06:00-10:00 UTC mon-fri";
    let want = [
        "input 0.15".to_owned(),
        "cache_read 0.003".to_owned(),
        "output 0.6".to_owned(),
        format!("input 0.3 if {peak}"),
        format!("cache_read 0.006 if {peak}"),
        format!("output 1.2 if {peak}"),
    ];
    let want: Vec<&str> = want.iter().map(String::as_str).collect();
    check(&database, "deepseek/deepseek-v4-flash", "2026-11-22", &want);
    // Listed with and without the provider in its key, and once.
    assert_eq!(database.provider("deepseek").unwrap().models.len(), 2);
    check(&database, "deepseek/deepseek-chat", "2026-11-22", &["input 0.28", "cache_read 0.028", "output 0.42"]);
}

#[test]
fn what_litellm_says_beside_prices_is_kept() {
    let database = read(LITELLM, None).unwrap();
    let provider = database.provider("openai").unwrap();
    let info = |id: &str| &provider.models.iter().find(|m| m.id == id).unwrap().info;
    assert_eq!(info("gpt-image-1.5").kind, Kind::Image);
    assert_eq!(info("gpt-image-1.5").retired, Some("2026-12-01".parse().unwrap()));
    assert_eq!((info("gpt-5.5").context_window, info("gpt-5.5").max_output), (Some(1_050_000), Some(128_000)));
    assert_eq!(info("gpt-6-astra").input, ["text", "image"]);
    assert_eq!(info("text-embedding-3-small").kind, Kind::Embedding);
    assert!(info("gpt-4o").capabilities.contains(&"json_schema".to_owned()));
}

#[test]
fn what_has_no_place_is_counted() {
    let unread = unread(&read(LITELLM, None).unwrap());
    let count = |what: &str| unread.iter().find(|(w, _)| w == what).map(|(_, n)| *n);
    let cases = [
        ("field `provider_specific_entry`", Some(2)), // claude-opus-4-6, claude-haiku-5-5
        ("field `regional_processing_uplift_multiplier_eu`", Some(2)), // gpt-5.5, gpt-6-astra
        ("field `input_dbu_cost_per_token`", Some(1)),
        ("field `input_cost_per_pixel`", Some(1)), // dall-e-3
        ("images by the number of steps", Some(1)),
        ("a model whose every price is 0: free, or not known", Some(1)), // gemini-exp-1114
        ("field `cache_creation_input_token_cost` is 0: free, not sold, or not known", Some(2)), // deepseek
        ("field `max_tokens`", None),
    ];
    for (what, want) in cases {
        assert_eq!(count(what), want, "{what}: {unread:#?}");
    }
}

#[test]
fn genai_prices_is_read_with_its_dates_and_variants() {
    let database = read(GENAI_PRICES, None).unwrap();
    let long = |on| {
        shown(&database, "anthropic", "claude-opus-4-6", on).contains(&"input 10 if prompt_tokens>200000".to_owned())
    };
    assert!(long("2026-03-12") && !long("2026-03-13"), "the tier ends on 2026-03-13");
    check(
        &database,
        "anthropic/claude-fable-5-2",
        "2026-11-22",
        &[
            "input 8",
            "cache_write_5m 10",
            "cache_read 0.2",
            "output 40",
            "cache_write_1h 16",
            "web_search 10 / 1000",
            "input 4 if processing=batch",
            "cache_write_5m 5 if processing=batch",
            "cache_read 0.1 if processing=batch",
            "output 20 if processing=batch",
            "cache_write_1h 8 if processing=batch",
            "input 16 if speed=fast",
            "cache_write_5m 20 if speed=fast",
            "cache_read 0.4 if speed=fast",
            "output 80 if speed=fast",
            "cache_write_1h 32 if speed=fast",
        ],
    );
    // The variants of GPT-5.5 begin on 2026-10-12; a price without tiers holds for long prompts too.
    let variant = |on, line: &str| shown(&database, "openai", "gpt-5.5", on).contains(&line.to_owned());
    assert!(!variant("2026-10-11", "input 12.5 if service_tier=priority"));
    assert!(variant("2026-10-12", "input 12.5 if service_tier=priority"));
    assert!(variant("2026-10-12", "input 12.5 if service_tier=priority, prompt_tokens>272000"));
    assert!(variant("2026-10-12", "input 5 if service_tier=flex, prompt_tokens>272000"));
    check(
        &database,
        "groq/whisper-large-v3",
        "2026-11-22",
        &["audio_seconds 0.111 / 3600", "audio_seconds 0.0555 / 3600 if processing=batch"],
    );
    // Hours without a date of their own are read into the last period only.
    let hours = |on| shown(&database, "deepseek", "deepseek-chat", on).iter().any(|line| line.contains("UTC"));
    assert!(hours("2026-11-22"));
    let model = &database.provider("huggingface").unwrap().models[0];
    assert_eq!(model.id, "novita/MiniMaxAI/MiniMax-M1-80k");
    let gpt = database.provider("openai").unwrap().models.iter().find(|m| m.id == "gpt-5.5").unwrap();
    assert!(gpt.aliases.contains(&"gpt-5.5-2026-04-23".to_owned()));
}

#[test]
fn models_dev_is_read_without_its_older_tiers() {
    let database = read(MODELS_DEV, None).unwrap();
    check(
        &database,
        "openai/gpt-5.4",
        "2026-11-22",
        &[
            "input 2.5",
            "cache_read 0.25",
            "output 15",
            "input 5 if prompt_tokens>272000",
            "cache_read 0.5 if prompt_tokens>272000",
            "output 22.5 if prompt_tokens>272000",
            "input 5 if service_tier=priority",
            "cache_read 0.5 if service_tier=priority",
            "output 30 if service_tier=priority",
        ],
    );
    let fast = shown(&database, "anthropic", "claude-opus-4-6", "2026-11-22");
    assert!(fast.contains(&"output 150 if speed=fast".to_owned()), "{fast:?}");
    assert_eq!(database.provider("vertex").unwrap().models[0].id, "claude-opus-4-6@default");
    assert!(database.provider("alibaba-coding-plan").is_none(), "a plan by the month has no price of a token");
    assert_eq!(database.mended.len(), 2); // gemma-3-12b at Bedrock: 0.049999999999999996 and 0.09999999999999999
}

#[test]
fn openrouter_is_read_with_its_overrides() {
    let database = read(OPENROUTER, None).unwrap();
    check(
        &database,
        "openrouter/x-ai/grok-4.6",
        "2026-11-22",
        &[
            "input 2",
            "cache_read 0.5",
            "output 6",
            "web_search 5 / 1000",
            "input 4 if prompt_tokens>200000",
            "cache_read 1 if prompt_tokens>200000",
            "output 12 if prompt_tokens>200000",
        ],
    );
    let peak = "01:00-04:00, 06:00-10:00 UTC mon-fri";
    let hours = shown(&database, "openrouter", "deepseek/deepseek-v4-flash-vision-exp", "2026-11-22");
    assert_eq!(
        hours,
        [
            "cache_read 0.007".to_owned(),
            format!("cache_read 0.014 if {peak}"),
            "input 0.22".into(),
            format!("input 0.44 if {peak}"),
            "output 0.66".into(),
            format!("output 1.32 if {peak}"),
        ]
    );
    check(
        &database,
        "openrouter/google/gemini-3.8-flash",
        "2026-11-22",
        &[
            "input 0.75",
            "output 3.75",
            "reasoning 3.75",
            "input_image 0.75",
            "input_audio 0.75",
            "cache_read 0.075",
            "cache_read_audio 0.075",
            "cache_write_5m 0.0416666666666667",
            "web_search 14 / 1000",
        ],
    );
    check(&database, "openrouter/nex-agi/nex-n2-pro:free", "2026-11-22", &["input 0", "output 0"]);
    check(
        &database,
        "openrouter/deepseek/deepseek-v4-pro-0813",
        "2026-11-22",
        &["input 1.12068", "cache_read 0.037356", "output 3.36204"],
    );
    let provider = database.provider("openrouter").unwrap();
    assert!(!provider.models.iter().any(|m| m.id == "openrouter/fusion"));
    let glm = provider.models.iter().find(|m| m.id == "z-ai/glm-5.2").unwrap();
    assert_eq!((glm.info.retired, glm.info.max_output), (None, Some(131_072)));
    assert_eq!(
        unread(&database),
        [
            ("a price of -1: it depends on where the router sends the request".to_owned(), 2),
            ("a model without a price".to_owned(), 1)
        ]
    );
}

#[test]
fn llm_prices_is_read_with_tiers_that_are_models_there() {
    let database = read(LLM_PRICES, None).unwrap();
    check(
        &database,
        "google/gemini-2.5-pro",
        "2026-11-22",
        &[
            "input 1.25",
            "cache_read 0.125",
            "output 10",
            "input 2.5 if prompt_tokens>200000",
            "cache_read 0.25 if prompt_tokens>200000",
            "output 15 if prompt_tokens>200000",
        ],
    );
    check(&database, "amazon-nova/nova-micro", "2026-11-22", &["input 0.035", "output 0.14"]);
    check(&database, "moonshot/kimi-k2-turbo-preview", "2026-11-22", &["input 1.15", "cache_read 0.15", "output 8"]);
    let database = read(LLM_PRICES_VENDOR, None).unwrap();
    check(&database, "deepseek/deepseek-chat", "2025-02-07", &["input 0.14", "output 0.28"]);
    check(&database, "deepseek/deepseek-chat", "2025-02-08", &["input 0.27", "output 1.1"]);
}

#[test]
fn what_is_written_reads_back_the_same() {
    let today: Instant = "2026-11-22".parse().unwrap();
    for (text, format) in ALL {
        let database = read(text, None).unwrap();
        let source = Source { url: format.page().to_owned(), checked: today, evidence: Evidence::Single };
        let source = std::sync::Arc::new(source);
        for provider in &database.providers {
            let file = PriceFile { path: format!("{}.yaml", provider.id), text: imported(&database, provider, today) };
            let (compiled, problems) = compile(std::slice::from_ref(&file), Use::Table, &|_, _| None);
            assert_eq!(problems, [], "{format} {}\n{}", provider.id, file.text);
            for (card, model) in compiled[0].models.iter().zip(&provider.models) {
                let mut read_back = card.rate_cards.clone();
                // The head's fallbacks are added by the one that reads.
                let fallback =
                    |rate: &crate::pricing::card::Rate| matches!(rate, crate::pricing::card::Rate::SameAs(_));
                read_back.iter_mut().for_each(|card| card.rates.retain(|(_, rate)| !fallback(rate)));
                assert_eq!(read_back, rate_cards(&model.facts, &source), "{format} {}/{}", provider.id, model.id);
                assert_eq!((&card.id, &card.info), (&model.id, &model.info));
                assert!(card.aliases.iter().map(|a| &a.id).eq(&model.aliases));
            }
        }
    }
}

#[test]
fn a_price_file_reads_like_this() {
    let database = read(OPENROUTER, None).unwrap();
    let mut provider = database.provider("openrouter").unwrap().clone();
    provider.models.retain(|m| m.id.ends_with("vision-exp") || m.id.contains("seed-2.0") || m.id == "z-ai/glm-5.2");
    insta::assert_snapshot!(imported(&database, &provider, "2026-11-22".parse().unwrap()));
}

#[test]
fn the_shortest_prompt_that_a_cache_takes_is_read_and_says_where_it_is_from() {
    let text = r#"{"acme/m": {"litellm_provider": "acme", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
        "cache_read_input_token_cost": 1e-07, "prompt_cache_min_tokens": 4096}}"#;
    let database = read(text, None).unwrap();
    let provider = database.provider("acme").unwrap();
    assert_eq!(provider.models[0].info.smallest_cacheable, Some(4096));
    let written = imported(&database, provider, "2026-11-22".parse().unwrap());
    let file = PriceFile { path: "acme.yaml".into(), text: written.clone() };
    let (providers, problems) = compile(&[file], Use::Overlay, &|_, _| None);
    assert_eq!(problems, [], "{written}");
    let info = &providers[0].models[0].info;
    assert_eq!(info.smallest_cacheable, Some(4096));
    assert!(info.source_of(card::Fact::SmallestCacheable).unwrap().url.contains("litellm"), "{written}");
}

#[test]
fn a_second_entry_that_disagrees_is_listed() {
    let text = r#"{
        "acme/m": {"litellm_provider": "acme", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
        "M": {"litellm_provider": "acme", "input_cost_per_token": 1e-06, "output_cost_per_token": 3e-06, "max_input_tokens": 8}
    }"#;
    let database = read(text, None).unwrap();
    check(&database, "acme/m", "2026-11-22", &["input 1", "output 2"]);
    assert_eq!(database.provider("acme").unwrap().models[0].info.context_window, Some(8));
    let want =
        Unread { what: "listed twice with another price of `output`: the first stands".into(), place: "M".into() };
    assert_eq!(database.unread, [want]);
}

#[test]
fn prices_that_cannot_be_are_listed_and_not_read() {
    let text = r#"{"m": {"litellm_provider": "acme", "input_cost_per_token": 1e-06, "output_cost_per_token": "2e-06",
        "cache_read_input_token_cost": -1e-07, "cache_creation_input_token_cost": "a lot",
        "output_cost_per_reasoning_token": [1], "input_cost_per_audio_token": 1e-40, "input_cost_per_image_token": null}}"#;
    let database = read(text, None).unwrap();
    check(&database, "acme/m", "2026-11-22", &["input 1", "output 2"]);
    let kinds: Vec<String> = database.unread.into_iter().map(|u| u.what).collect();
    assert_eq!(
        kinds,
        [
            "field `cache_read_input_token_cost` is negative",
            "field `cache_creation_input_token_cost` is no number",
            "field `output_cost_per_reasoning_token` in a form that is no price",
            "field `input_cost_per_audio_token` has more digits than the 28 a price may have",
        ]
    );
}

#[test]
fn periods_that_overlap_are_settled() {
    let history = |periods: &[(&str, &str, &str)]| {
        let price = |(input, from, to): &(&str, &str, &str)| {
            format!(r#"{{"input": {input}, "output": 9, "from_date": {from}, "to_date": {to}}}"#)
        };
        let periods: Vec<String> = periods.iter().map(price).collect();
        let text = format!(
            r#"{{"vendor": "acme", "models": [{{"id": "m", "name": "M", "price_history": [{}]}}]}}"#,
            periods.join(",")
        );
        let database = read(&text, None).unwrap();
        let cards = rate_cards(&database.providers[0].models[0].facts, &std::sync::Arc::new(source()));
        let shown: Vec<String> = cards.iter().map(|c| c.period.to_string()).collect();
        (shown.join(", "), database.unread.len())
    };
    type Case = (&'static [(&'static str, &'static str, &'static str)], &'static str, usize);
    let cases: [Case; 4] = [
        // The order of the file does not matter, and periods that meet are fine.
        (&[("2", "\"2025-02-08\"", "null"), ("1", "null", "\"2025-02-08\"")], "until 2025-02-08, since 2025-02-08", 0),
        (&[("1", "null", "null"), ("2", "\"2025-02-08\"", "null")], "until 2025-02-08, since 2025-02-08", 1),
        (&[("1", "null", "null"), ("2", "null", "null")], "start not known", 1),
        (&[("1", "\"2025-02-08\"", "\"2025-02-01\""), ("2", "\"2025-03-01\"", "null")], "since 2025-03-01", 1),
    ];
    for (periods, want, unread) in cases {
        assert_eq!(history(periods), (want.to_owned(), unread), "{periods:?}");
    }
}

#[test]
fn odd_names_survive_the_price_file() {
    let ids =
        ["yes", "1.0", "@cf/a b", "~x/latest", "a: b", "näme", "a\u{2028}b", "a#b", "x:free", "- y", "null", "a\"b\\c"];
    let member = |id: &&str| {
        let key = serde_json::to_string(id).unwrap();
        format!("{key}: {{\"litellm_provider\": \"Odd Provider!\", \"input_cost_per_token\": 1e-06}}")
    };
    let text = format!("{{{}}}", ids.iter().map(member).collect::<Vec<_>>().join(","));
    let database = read(&text, None).unwrap();
    let file = imported(&database, &database.providers[0], "2026-11-22".parse().unwrap());
    let file = PriceFile { path: "odd.yaml".into(), text: file };
    let (compiled, problems) = compile(std::slice::from_ref(&file), Use::Table, &|_, _| None);
    assert_eq!(problems, [], "{}", file.text);
    assert!(compiled[0].models.iter().map(|m| m.id.as_str()).eq(ids), "{}", file.text);
    assert_eq!(compiled[0].head.id, "odd-provider-");
}
