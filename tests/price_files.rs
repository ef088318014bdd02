//! Every mistake in a price file is reported under its code, at its line and column, and none makes the reader panic.
//!
//! One row per mistake. The sign `§` in a row marks where the problem must point; it is taken out before the file is
//! read, so that nobody has to count columns. A row with two signs expects two problems of the same code.

use farebox::pricing::compile::{PriceFile, Provider, Use, compile};
use farebox::pricing::problem::{Place, Problem, Severity};
use proptest::prelude::*;

fn read(text: &str, role: Use) -> (Vec<Provider>, Vec<Problem>) {
    compile(&[PriceFile { path: "prices.yaml".into(), text: text.to_owned() }], role, &|_, _| None)
}

/// The text without its signs, and the places where they stood.
fn unmarked(text: &str) -> (String, Vec<Place>) {
    let mut plain = String::with_capacity(text.len());
    let mut places = Vec::new();
    let (mut line, mut column) = (1, 1);
    for c in text.chars() {
        match c {
            '§' => {
                places.push(Place { line, column });
                continue;
            }
            '\n' => (line, column) = (line + 1, 1),
            '\u{feff}' => {}
            _ => column += 1,
        }
        plain.push(c);
    }
    (plain, places)
}

/// Problems as `code@line:column`.
fn at(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|p| format!("{}@{}:{}", p.code, p.place.line, p.place.column)).collect()
}

/// What a row gets wrong, if anything.
fn wrong((name, code, marked): &Row) -> Option<String> {
    let role = if matches!(*code, "no-source" | "bad-source" | "dropped-variant") { Use::Table } else { Use::Overlay };
    let (text, places) = unmarked(marked);
    let want: Vec<String> = places.iter().map(|p| format!("{code}@{}:{}", p.line, p.column)).collect();
    let (providers, mut problems) = read(&text, role);
    // A short example says little; that it does is looked at where it is the point.
    problems.retain(|problem| problem.code != "unsaid-meter" || *code == "unsaid-meter");
    let is_refused = problems.iter().any(|p| p.severity == Severity::Error);
    let is_shown = problems.iter().all(|p| p.render(&text).contains(&p.message));
    let got = at(&problems);
    let shown: String = text.chars().take(400).collect();
    (got != want || is_refused != providers.is_empty() || !is_shown)
        .then(|| format!("{name}: got {got:?}, want {want:?}\n{shown}\n"))
}

/// A file with these lines in its model.
fn fact(lines: &str) -> String {
    format!(
        "schema: 1\nprovider: acme\nsources:\n  page: {{url: \"https://acme.example\", checked: 2026-01-01, evidence: single}}\nmodels:\n  - id: small\n{lines}    prices: [{{from: 2026-01-01, source: page, rates: {{input: \"1\"}}}}]\n"
    )
}

/// A file with these lines in its head.
fn head(lines: &str) -> String {
    format!(
        "schema: 1\nprovider: acme\n{lines}\nmodels:\n  - id: small\n    prices: [{{from: 2026-01-01, rates: {{input: \"1\"}}}}]\n"
    )
}

/// A file whose only model has this input rate.
fn rate(rate: &str) -> String {
    models(&format!("  - id: small\n    prices:\n      - from: 2026-01-01\n        rates:\n          input: {rate}"))
}

/// A file whose only period has these rates.
fn rates(rates: &str) -> String {
    models(&format!("  - id: small\n    prices:\n      - from: 2026-01-01\n        rates: {rates}"))
}

/// A file whose only period goes on with these lines.
fn period(lines: &str) -> String {
    rates(&format!("{{input: \"1\", output: \"2\"}}\n{lines}"))
}

/// A file with one model, and these lines below it.
fn and_models(lines: &str) -> String {
    models(&format!("  - {{id: small, prices: [{{from: 2026-01-01, rates: {{input: \"2\"}}}}]}}\n{lines}"))
}

fn models(lines: &str) -> String {
    format!("schema: 1\nprovider: acme\nmodels:\n{lines}\n")
}

fn schedule(entry: &str) -> String {
    period(&format!("        schedule:\n          - {entry}"))
}

fn tier(entry: &str) -> String {
    period(&format!("        tiers:\n          - {entry}"))
}

fn variant(entry: &str) -> String {
    period(&format!("        variants:\n          - {entry}"))
}

const LONGEST: &str = "79228162514264337593543950335";

/// Name, code, file.
type Row = (&'static str, &'static str, String);

fn prices() -> Vec<Row> {
    let digits = |n: usize| "9".repeat(n);
    vec![
        ("a float", "float-price", rate("§2.50")),
        ("a float in a full price", "float-price", rate("{price: §2.50, per: 1000}")),
        ("a float in a flow map", "float-price", rates("{input: \"1\", output: §0.1}")),
        ("an integer", "float-price", rate("§2")),
        ("a negative number", "float-price", rate("§-2.5")),
        ("an exponent without quotes", "float-price", rate("§1e-7")),
        ("an underscore without quotes", "float-price", rate("§1_000")),
        ("a hexadecimal number", "float-price", rate("§0x10")),
        ("infinity", "float-price", rate("§.inf")),
        ("not a number", "float-price", rate("§.nan")),
        ("a number beyond all floats", "float-price", rate(&format!("§{}", digits(100_000)))),
        ("a minimum without quotes", "float-price", rate("{price: \"1\", minimum: §10}")),
        ("a factor without quotes", "float-price", head("multipliers: [{when: {speed: fast}, factor: §1.1}]")),
        ("a credit without quotes", "float-price", head("credits: [{usd: §0.01}]")),
        ("a negative price", "negative-price", rate("§\"-2\"")),
        ("a negative factor", "negative-price", head("multipliers: [{when: {speed: fast}, factor: §\"-1\"}]")),
        ("an exponent", "bad-price", rate("§\"1e-7\"")),
        ("an underscore", "bad-price", rate("§\"1_000\"")),
        ("a comma", "bad-price", rate("§\"2,5\"")),
        ("no digit before the point", "bad-price", rate("§\".5\"")),
        ("no digit behind the point", "bad-price", rate("§\"5.\"")),
        ("a plus", "bad-price", rate("§\"+5\"")),
        ("a space", "bad-price", rate("§\" 5\"")),
        ("nothing", "bad-price", rate("§\"\"")),
        ("digits of another script", "bad-price", rate("§\"１\"")),
        ("a word that sounds like another problem", "bad-price", rate("§\"duplicate, is negative, has no quotes\"")),
        ("None, as Python writes it", "bad-price", rate("§None")),
        ("29 places", "bad-price", rate("§\"0.00000000000000000000000000001\"")),
        ("one more than the largest decimal", "bad-price", rate("§\"79228162514264337593543950336\"")),
        ("a hundred thousand digits", "bad-price", rate(&format!("§\"{}\"", digits(100_000)))),
        ("a rate left empty", "invalid-yaml", rates("\n          input§:")),
        ("neither price nor credits", "bad-rate", rate("§{per: 3}")),
        ("both price and credits", "bad-rate", rate("§{price: \"1\", credits: \"1\"}")),
        ("per 0", "bad-per", rate("§{price: \"1\", per: 0}")),
        ("a negative per", "invalid-yaml", rate("{price: \"1\", per: §-1}")),
        ("a per beyond 64 bits", "invalid-yaml", rate("{price: \"1\", per: §18446744073709551616}")),
        ("a step of 0", "bad-step", rate("§{price: \"1\", step: \"0\"}")),
        ("no per for what is not tokens", "missing-per", rates("{images: §\"0.04\"}")),
        ("no per in a full price", "missing-per", rates("{web_search: §{price: \"10\"}}")),
        ("no per in a variant", "missing-per", variant("{when: {quality: hd}, rates: {images: §\"1\"}}")),
        ("no price of a credit", "no-credit-price", rate("§{credits: \"1\"}")),
        (
            "a credit that changed its price inside of the period",
            "no-credit-price",
            rate("§{credits: \"7\"}").replace("models:", "credits: [{from: 2026-02-01, usd: \"2\"}]\nmodels:"),
        ),
        (
            "credits beyond all digits",
            "too-many-digits",
            rate(&format!("§{{credits: \"{LONGEST}\"}}")).replace("models:", "credits: [{usd: \"2\"}]\nmodels:"),
        ),
        (
            "a factor beyond all digits",
            "too-many-digits",
            and_models(&format!("  - {{id: b, prices_of: §small, factor: \"{LONGEST}\"}}")),
        ),
        (
            "a factor that would lose a digit",
            "too-many-digits",
            and_models("  - {id: b, prices_of: §small, factor: \"1.0000000000000000000000000001\"}")
                .replace("\"2\"", "\"1.1\""),
        ),
    ]
}

fn keys() -> Vec<Row> {
    vec![
        ("a key twice in the head", "repeated-key", head("§provider: other")),
        ("a key twice in a model", "repeated-key", and_models("  - {id: b, §id: c, prices_of: small}")),
        ("a meter twice, in a flow map", "repeated-key", rates("{input: \"1\", §input: \"2\"}")),
        ("a meter twice, in lines", "repeated-key", rate("\"1\"\n          §input: \"1\"")),
        ("a price twice", "repeated-key", rate("{price: \"1\", §price: \"2\"}")),
        ("a dimension twice", "repeated-key", variant("{when: {speed: fast, §speed: slow}, rates: {input: \"1\"}}")),
        ("a source twice", "repeated-key", {
            let docs = "docs: {url: \"https://a.example\", checked: 2026-01-01, evidence: agreed}";
            head(&format!("sources:\n  {docs}\n  §{docs}"))
        }),
        ("an unknown key in the head", "unknown-key", head("§modles: []")),
        ("an unknown key named like another problem", "unknown-key", head("§duplicate: []")),
        ("an unknown key in a model", "unknown-key", and_models("  - {id: b, §price: []}")),
        ("an unknown key in a period", "unknown-key", period("        §teirs: []")),
        ("an unknown key in a price", "unknown-key", rate("{price: \"1\", §pre: 1000}")),
        ("an unknown key in a tier", "unknown-key", tier("{when: {§input_tokens: \">5\"}, rates: {input: \"1\"}}")),
        ("an unknown role", "unknown-value", head("role: §seller")),
        ("an unknown kind", "unknown-value", and_models("  - {id: b, prices_of: small, kind: §chatt}")),
        (
            "an unknown evidence",
            "unknown-value",
            head("sources: {docs: {url: \"https://a.example\", checked: 2026-01-01, evidence: §sure}}"),
        ),
        (
            "a source without evidence",
            "missing-key",
            head("sources: {docs: {url: \"https://a.example\", checked: §2026-01-01}}"),
        ),
        (
            "the old name of a source's evidence",
            "old-key",
            head("sources: {docs: {url: \"https://a.example\", checked: 2026-01-01, basis: §documented}}"),
        ),
        ("no schema", "missing-key", head("").replace("schema: 1\n", "").replace("models", "§models")),
        ("no zone", "missing-key", schedule("{windows: [\"01:00-02:00\"], §factor: \"2\"}")),
        ("no rates", "missing-key", models("  - id: small\n    prices:\n      - §from: 2026-01-01")),
        ("an unknown meter", "unknown-meter", rates("{input: \"1\", §outptu: \"2\"}")),
        ("an unknown meter to bill as", "unknown-meter", rates("{input: \"1\", output: §=inptu}")),
        ("an unknown meter of a fallback", "unknown-meter", head("fallbacks: {reasoning: §outpt}")),
        (
            "a unit for a meter",
            "unknown-meter",
            head("multipliers: [{when: {speed: fast}, factor: \"2\", meters: [§tokens]}]"),
        ),
        ("an unknown neutral dimension", "unknown-dimension", head("neutral: {§service_teir: [auto]}")),
        (
            "an unknown dimension of a variant",
            "unknown-dimension",
            variant("{when: {§procesing: batch}, rates: {input: \"1\"}}"),
        ),
        (
            "an unknown dimension of a factor",
            "unknown-dimension",
            head("multipliers: [{when: {§spede: fast}, factor: \"2\"}]"),
        ),
        ("another layout", "schema-version", head("").replace("schema: 1", "schema: §2")),
        ("a layout that is no number", "invalid-yaml", head("").replace("schema: 1", "schema: §one")),
        ("another currency", "currency", head("currency: §EUR")),
        ("a provider's name for its id", "provider-id", head("").replace("acme", "§Acme Inc.")),
        ("a file of nobody's models", "no-provider", head("").replace("schema: 1\nprovider: acme", "schema: §1")),
        ("dollars in dollars", "currency", head("exchange: {§USD: [{per_usd: \"1\"}]}")),
        ("a currency by its name", "currency", head("exchange: {§euro: [{per_usd: \"1\"}]}")),
        ("nothing for a dollar", "bad-exchange", head("exchange: {§EUR: [{per_usd: \"0\"}]}")),
        (
            "two exchange rates at once",
            "overlapping-periods",
            head("exchange: {EUR: [{from: 2026-01-01, per_usd: \"1\"}, {from: §2026-02-01, per_usd: \"2\"}]}"),
        ),
        ("regions that do not say where", "bad-region-id", head("region_id: §\"eu/{id}\"")),
        ("no source in the table", "no-source", rates("§{input: \"1\"}")),
        ("a fact without a source in the table", "no-source", fact("    smallest_cacheable: §1024\n")),
        ("a capability without its source in the table", "no-source", {
            fact("    capabilities: [always_thinks]\n").replace("id: small", "id: §small")
        }),
        ("a source of an unknown fact", "unknown-fact", fact("    fact_sources: {§smallest_cachable: page}\n")),
        ("a source of what is not said", "unstated-fact", fact("    fact_sources: {§smallest_cacheable: page}\n")),
        (
            "an unknown source of a fact",
            "unknown-source",
            fact("    smallest_cacheable: 1024\n    fact_sources: {smallest_cacheable: §docz}\n"),
        ),
        ("a fact in words", "invalid-yaml", fact("    smallest_cacheable: §one thousand\n")),
        ("a window that holds something else", "unknown-value", fact("    window_holds: §answer\n")),
        (
            "a source that is no page",
            "bad-source",
            head("sources: {docs: {url: \"the web\", checked: §2026-01-01, evidence: agreed}}")
                .replace("rates:", "source: docs, rates:"),
        ),
        ("an unknown source", "unknown-source", period("        source: §docz")),
        (
            "an unknown calendar",
            "unknown-calendar",
            schedule("{windows: [\"01:00-02:00\"], zone: UTC, except: §feasts, factor: \"2\"}"),
        ),
    ]
}

fn times() -> Vec<Row> {
    let window = |window: &str| schedule(&format!("{{windows: [{window}], zone: UTC, factor: \"2\"}}"));
    vec![
        ("a day that is none", "bad-date", rates("{input: \"1\"}").replace("2026-01-01", "§2026-02-30")),
        ("a date in another order", "bad-date", rates("{input: \"1\"}").replace("2026-01-01", "§01/02/2026")),
        (
            "a moment without an offset",
            "bad-date",
            rates("{input: \"1\"}").replace("2026-01-01", "§2026-01-01T00:00:00"),
        ),
        ("a holiday that is none", "bad-date", head("calendars: {feasts: [§2026-02-30]}")),
        ("a holiday with an hour", "bad-date", head("calendars: {feasts: [§2026-02-03T00:00:00Z]}")),
        (
            "an alias since a day that is none",
            "bad-date",
            and_models("  - {id: b, prices_of: small, aliases: [{id: x, from: §2026-13-01}]}"),
        ),
        ("an end at the beginning", "empty-period", period("        to: §2026-01-01")),
        ("an end before the beginning", "empty-period", period("        to: §2025-01-01")),
        (
            "an alias that never meant it",
            "empty-period",
            and_models("  - {id: b, prices_of: small, aliases: [{id: x, from: 2026-03-01, to: §2026-03-01}]}"),
        ),
        (
            "two periods without an end",
            "overlapping-periods",
            period("      - {from: §2026-02-01, rates: {input: \"1\"}}"),
        ),
        (
            "two periods that share a day",
            "overlapping-periods",
            period("        to: 2026-02-02\n      - {from: §2026-02-01, rates: {input: \"1\"}}"),
        ),
        (
            "two periods without a beginning",
            "overlapping-periods",
            period("        to: 2026-02-02\n      - {rates: §{input: \"1\"}}"),
        ),
        (
            "the later period first",
            "unordered-periods",
            period("        to: 2026-02-01\n      - {from: §2025-01-01, to: 2025-02-01, rates: {input: \"1\"}}"),
        ),
        (
            "a first sight of a start that is known",
            "two-starts",
            period(
                "        to: 2026-02-01\n      - {from: 2026-02-01, first_seen: §2026-03-01, rates: {input: \"1\"}}",
            ),
        ),
        (
            "first seen when it was over",
            "bad-period",
            models("  - {id: small, prices: [{first_seen: §2026-02-01, to: 2026-02-01, rates: {input: \"1\"}}]}"),
        ),
        (
            "listed by a source that keeps dead models",
            "unknown-listing",
            format!(
                "schema: 1\nprovider: acme\nsources: {{db: {{url: \"https://acme.example\", checked: 2026-01-01, evidence: single}}}}\nmodels:\n{}\n",
                "  - {id: small, listed_by: [§db], prices: [{rates: {input: \"1\"}}]}"
            ),
        ),
        (
            "a month without a price",
            "gap",
            period("        to: 2026-02-01\n      - {from: §2026-03-01, rates: {input: \"1\"}}"),
        ),
        ("a zone by name", "bad-zone", schedule("{windows: [\"01:00-02:00\"], zone: §CET, factor: \"2\"}")),
        (
            "a zone beyond the earth",
            "bad-zone",
            schedule("{windows: [\"01:00-02:00\"], zone: §\"+15:00\", factor: \"2\"}"),
        ),
        ("an hour of one digit", "bad-window", window("§\"1:00-02:00\"")),
        ("an hour with a sign", "bad-window", window("§\"+1:00-02:00\"")),
        ("an hour beyond the day", "bad-window", window("§\"23:00-25:00\"")),
        ("a window without length", "bad-window", window("§\"01:00-01:00\"")),
        ("half a window", "bad-window", window("§\"01:00\"")),
        ("no window", "bad-window", schedule("{windows: [], zone: §UTC, factor: \"2\"}")),
        (
            "a weekday that is none",
            "bad-weekdays",
            schedule("{windows: [\"01:00-02:00\"], zone: UTC, weekdays: §mon-fry, factor: \"2\"}"),
        ),
        ("a schedule that changes nothing", "bad-schedule", schedule("{windows: [\"01:00-02:00\"], zone: §UTC}")),
        (
            "a schedule with factor and rates",
            "bad-schedule",
            schedule("{windows: [\"01:00-02:00\"], zone: §UTC, factor: \"2\", rates: {input: \"1\"}}"),
        ),
        (
            "a schedule that sells nothing",
            "bad-schedule",
            schedule("{windows: [\"01:00-02:00\"], zone: UTC, rates: {input: §none}}"),
        ),
        (
            "a schedule that bills as another",
            "bad-schedule",
            schedule("{windows: [\"01:00-02:00\"], zone: UTC, rates: {input: §=output}}"),
        ),
        (
            "a schedule of a meter that bills as another",
            "bad-schedule",
            schedule("{windows: [\"01:00-02:00\"], zone: UTC, rates: {cache_read: §\"1\"}}")
                .replace("output: \"2\"", "cache_read: =input"),
        ),
    ]
}

fn cards() -> Vec<Row> {
    vec![
        ("an id twice", "duplicate-id", and_models("  - {id: §small, prices: [{rates: {input: \"1\"}}]}")),
        (
            "an id twice but for its case",
            "duplicate-id",
            and_models("  - {id: §SMALL, prices: [{rates: {input: \"1\"}}]}"),
        ),
        ("an alias that is an id", "duplicate-id", and_models("  - {id: b, aliases: [x, §small], prices_of: small}")),
        (
            "a dated alias that is an id",
            "duplicate-id",
            and_models("  - id: b\n    prices_of: small\n    aliases:\n      - §{id: small, from: 2026-01-01}"),
        ),
        ("an alias that is its own id", "duplicate-id", and_models("  - {id: b, aliases: [§b], prices_of: small}")),
        (
            "an alias of two cards on one day",
            "duplicate-id",
            and_models(
                "  - {id: b, prices_of: small, aliases: [{id: x, to: 2026-02-02}]}\n  - {id: c, prices_of: small, aliases: [§{id: x, from: 2026-02-01}]}",
            ),
        ),
        (
            "an id twice over two documents",
            "duplicate-id",
            format!("{}---\n{}", and_models(""), and_models("").replace("id: small", "id: §small")),
        ),
        ("an empty id", "model-id", models("  - {id: §\"\", prices: [{rates: {input: \"1\"}}]}")),
        ("an id of two lines", "model-id", models("  - {id: §\"a\\nb\", prices: [{rates: {input: \"1\"}}]}")),
        (
            "an alias with a space behind it",
            "model-id",
            and_models("  - {id: b, aliases: [§\"c \"], prices_of: small}"),
        ),
        ("a model without prices", "no-prices", models("  - id: §small")),
        ("a period without a rate", "no-rates", rates("§{}")),
        ("prices of nobody", "unknown-lender", and_models("  - {id: b, prices_of: §smal}")),
        ("prices of itself", "unknown-lender", models("  - {id: b, prices_of: §b}")),
        (
            "prices of a borrower",
            "unknown-lender",
            and_models("  - {id: b, prices_of: small}\n  - {id: c, prices_of: §b}"),
        ),
        (
            "prices and prices of another",
            "two-prices",
            and_models("  - {id: b, prices_of: §small, prices: [{rates: {input: \"1\"}}]}"),
        ),
        (
            "a factor on nothing",
            "factor-alone",
            models("  - {id: §small, factor: \"2\", prices: [{rates: {input: \"1\"}}]}"),
        ),
        ("bills as a meter without a rate", "dangling-rate", rates("{input: §=output}")),
        ("bills as itself", "dangling-rate", rates("{input: §=input}")),
        ("bills in a circle of two", "dangling-rate", rates("{input: §=output, output: §=input}")),
        (
            "bills in a circle of three",
            "dangling-rate",
            rates("{input: §=output, output: §=reasoning, reasoning: §=input}"),
        ),
        (
            "bills as a meter without a rate, in a tier",
            "dangling-rate",
            tier("{when: {prompt_tokens: \">5\"}, rates: {input: §=reasoning}}"),
        ),
        (
            "bills as a meter without a rate, in a variant",
            "dangling-rate",
            variant("{when: {speed: fast}, rates: {input: §=reasoning}}"),
        ),
        (
            "bills in a circle with a variant",
            "dangling-rate",
            variant("{when: {speed: fast}, rates: {input: §=output}}").replace("output: \"2\"", "output: =input"),
        ),
        ("an image that bills as a token", "other-unit", rates("{input: \"1\", images: §=input}")),
        ("a search that falls back on tokens", "other-unit", head("fallbacks: {web_search: §input}")),
        ("a tier without an operator", "bad-tier", tier("{when: {prompt_tokens: §\"200000\"}, rates: {input: \"1\"}}")),
        ("a tier as a number", "bad-tier", tier("{when: {prompt_tokens: §200000}, rates: {input: \"1\"}}")),
        ("a tier in thousands", "bad-tier", tier("{when: {prompt_tokens: §\">200k\"}, rates: {input: \"1\"}}")),
        ("a tier with a sign", "bad-tier", tier("{when: {prompt_tokens: §\">+200000\"}, rates: {input: \"1\"}}")),
        ("a tier of short prompts", "bad-tier", tier("{when: {prompt_tokens: §\"<200000\"}, rates: {input: \"1\"}}")),
        (
            "a tier beyond 64 bits",
            "bad-tier",
            tier("{when: {prompt_tokens: §\">99999999999999999999\"}, rates: {input: \"1\"}}"),
        ),
        (
            "a tier twice",
            "repeated-tier",
            tier(
                "{when: {prompt_tokens: \">200\"}, rates: {input: \"1\"}}\n          - {when: {prompt_tokens: §\">=201\"}, rates: {input: \"1\"}}",
            ),
        ),
        (
            "a variant that says nothing of a meter",
            "unsaid-meter",
            variant("{when: §{speed: fast}, rates: {input: \"1\"}}"),
        ),
        (
            "a variant without the tier of the base",
            "unsaid-meter",
            format!(
                "{}        variants: [{{when: §{{speed: fast}}, rates: {{input: \"1\", output: inherit}}}}]\n",
                tier("{when: {prompt_tokens: \">200\"}, rates: {input: \"3\"}, others: inherit}")
            ),
        ),
        (
            "a tier that says nothing of a meter",
            "unsaid-meter",
            tier("{when: {prompt_tokens: §\">200\"}, rates: {input: \"1\"}}"),
        ),
        (
            "a schedule that says nothing of a meter",
            "unsaid-meter",
            schedule("{windows: [\"01:00-02:00\"], zone: §UTC, rates: {input: \"1\"}}"),
        ),
        (
            "a later period without the variant of the earlier one",
            "dropped-variant",
            models(
                "  - id: small\n    prices:\n      - {to: 2026-02-01, source: page, rates: {input: \"1\"}, variants: [{when: {speed: fast}, others: inherit}]}\n      - {from: §2026-02-01, source: page, rates: {input: \"2\"}}",
            )
            .replace(
                "models:",
                "sources: {page: {url: \"https://acme.example\", checked: 2026-01-01, evidence: reported}}\nmodels:",
            ),
        ),
        ("a price for all other meters", "bad-others", variant("{when: {speed: fast}, others: §\"2\"}")),
        ("other meters that are not sold", "bad-others", variant("{when: {speed: fast}, others: §none}")),
        ("a factor outside of a condition", "bad-rate", rate("§{factor: \"2\"}")),
        (
            "a factor and a price",
            "bad-rate",
            variant("{when: {speed: fast}, rates: {input: §{factor: \"2\", price: \"1\"}}}"),
        ),
        ("a refusal with a price", "bad-rate", rate("§{refuse: why, price: \"1\"}")),
        ("nothing to inherit", "nothing-to-inherit", rates("{input: \"1\", output: §inherit}")),
        (
            "a factor on what has no price",
            "nothing-to-multiply",
            variant("{when: {speed: fast}, rates: {cache_read: §{factor: \"2\"}}}"),
        ),
        (
            "a factor of too many digits",
            "too-many-digits",
            variant("{when: {speed: fast}, rates: {input: §{factor: \"1.00000000000000000001\"}}}")
                .replace("input: \"1\"", "input: \"0.00000000001\""),
        ),
        ("a variant of everything", "no-condition", variant("{when: §{}, rates: {input: \"1\"}}")),
        (
            "a variant twice",
            "repeated-variant",
            variant(
                "{when: {speed: fast, region: eu}, rates: {input: \"1\"}}\n          - {when: §{region: EU, speed: Fast}, rates: {input: \"3\"}}",
            ),
        ),
    ]
}

fn texts() -> Vec<Row> {
    let many = |item: &str, n: usize| item.repeat(n);
    let laughs: String = (1..10).fold("x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n".into(), |text: String, i| {
        let refs = vec![format!("*x{}", i - 1); 10].join(", ");
        format!("{text}x{i}: &x{i} [{refs}]\n")
    });
    vec![
        ("not YAML", "invalid-yaml", "{{{§{".into()),
        ("a bracket that never closes", "invalid-yaml", "schema: §[1\nprovider: acme\n".into()),
        ("a sentence", "invalid-yaml", "§hello".into()),
        ("a list", "invalid-yaml", "§- a\n- b\n".into()),
        ("a control character", "invalid-yaml", "§\u{1}\u{2}".into()),
        ("a NUL in quotes", "invalid-yaml", head("name: \"a§\0b\"")),
        ("a NUL", "invalid-yaml", head("name: a§\0b")),
        ("a tab before a key", "invalid-yaml", head("api:\n\t§docs: x")),
        ("a scalar for a list", "invalid-yaml", head("neutral: {speed: §normal}")),
        ("a list for a map", "invalid-yaml", rates("§[input]")),
        ("an unquoted operator", "invalid-yaml", tier("{when: {prompt_tokens: §>200000}, rates: {input: \"1\"}}")),
        (
            "a context window with a fraction",
            "invalid-yaml",
            and_models("  - {id: b, prices_of: small, context_window: §1.5}"),
        ),
        (
            "a context window beyond 64 bits",
            "invalid-yaml",
            and_models("  - {id: b, prices_of: small, context_window: §99999999999999999999999}"),
        ),
        ("yes for true", "invalid-yaml", and_models("  - {id: b, prices_of: small, open_weights: §yes}")),
        ("an anchor that nobody set", "invalid-yaml", rate("§*price")),
        ("a tag", "invalid-yaml", rate("!price §\"2\"")),
        ("billion laughs", "unknown-key", {
            let laughs: String = laughs.lines().map(|line| format!("§{line}\n")).collect();
            format!("schema: 1\nprovider: acme\n{laughs}")
        }),
        ("billion laughs in a place for names", "invalid-yaml", {
            "schema: 1\nprovider: acme\ncalendars:\n  x0: &x0 [2026-01-01]\n  x1: [§*x0, *x0]\n".to_owned()
        }),
        ("a flood of names", "too-large", {
            let names = format!("{}  - §*n\n{}", many("  - *n\n", 49_999), many("  - *n\n", 10));
            format!("schema: 1\nprovider: acme\nnames:\n  - &n x\n  - *n\n{names}")
        }),
        (
            "100,000 brackets",
            "invalid-yaml",
            format!("schema: 1\nprovider: acme\nnames: {}§{}", many("[", 255), many("[", 99_745)),
        ),
        ("100,000 brackets and back", "invalid-yaml", {
            format!("schema: 1\nprovider: acme\nnames: {}§{}{}", many("[", 255), many("[", 99_745), many("]", 100_000))
        }),
        (
            "100,000 lists in a line",
            "invalid-yaml",
            format!("schema: 1\nprovider: acme\nnames:\n- §{}", many("- ", 99_999)),
        ),
        ("a problem behind a byte order mark", "schema-version", "\u{feff}schema: §2\nprovider: acme\n".into()),
        ("a problem between Windows line ends", "float-price", rate("§2.5").replace('\n', "\r\n")),
        (
            "a problem in the second document",
            "float-price",
            format!("{}---\n{}", and_models("").replace("id: small", "id: other"), rate("§2.5")),
        ),
        (
            "something allowed that nobody asks about",
            "unknown-code",
            period("        note: n\n        allow: [§magnitud]"),
        ),
        ("something allowed without a reason", "no-reason", period("        allow: [§magnitude]")),
        (
            "a problem behind wide letters",
            "float-price",
            rates("{input: \"1\", # größer → 漢字\n                output: §2}"),
        ),
    ]
}

fn rows() -> Vec<Row> {
    [prices(), keys(), times(), cards(), texts()].concat()
}

#[test]
fn each_mistake_is_reported_where_it_stands() {
    let wrong: Vec<String> = rows().iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_empty_file_is_no_price_file() {
    let cases =
        [("nothing", ""), ("blank", " \n\n"), ("a comment", "# soon\n"), ("a mark", "\u{feff}"), ("a line", "---\n")];
    for (name, text) in cases {
        assert_eq!(at(&read(text, Use::Overlay).1), ["empty-file@0:0"], "{name}");
    }
}

/// The codes stand as literals in the sources that report problems: none may be without a row above.
#[test]
fn each_code_has_a_row() {
    let sources = [
        include_str!("../crates/prices/src/yaml.rs"),
        include_str!("../crates/prices/src/compile/mod.rs"),
        include_str!("../crates/prices/src/compile/conditions.rs"),
        include_str!("../crates/prices/src/compile/rates.rs"),
        include_str!("../crates/prices/src/compile/schedule.rs"),
    ];
    let one_word = ["gap", "currency"];
    let is_code = |text: &&str| {
        let is_kebab = text.contains('-')
            && text.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()));
        is_kebab || one_word.contains(text)
    };
    let rows = rows();
    let mut codes: Vec<&str> = sources.iter().flat_map(|source| source.split('"')).filter(is_code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.len() > 40, "{codes:?}");
    codes.retain(|code| *code != "empty-file" && !rows.iter().any(|(_, c, _)| c == code));
    assert!(codes.is_empty(), "{codes:?}");
}

/// A hundred kilobytes that want to be a million rates: half a minute if they were all read, so the reader gives up.
#[test]
fn a_list_that_is_repeated_without_end_is_refused() {
    let periods: String = (2000..3000)
        .map(|year| format!("      - {{from: {year}-01-01, to: {}-01-01, rates: {{input: \"1\"}}}}\n", year + 1))
        .collect();
    let rolling: String = (0..100).map(|i| format!("  - {{id: m{i}, prices: *all}}\n")).collect();
    let text = models(&format!("  - id: small\n    prices: &all\n{periods}{rolling}"));
    let problems = read(&text, Use::Overlay).1;
    assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["too-large"]);
}

/// Mistakes of every kind in one file: the reader goes on behind each, and nothing that it repaired is a problem.
#[test]
fn all_mistakes_are_reported_at_once() {
    let marked = r#"schema: 1
provider: acme
role: §seller
models:
  - id: one
    §contxt: {a: [1, 2], "b": "}"}
    prices:
      - from: 2026-01-01
        rates: {input: §2.50, output: §"-2", cache_read: §"1,5", §input: "3"}
        §teirs:
          - {when: {prompt_tokens: ">5"},
             rates: {input: "9"}}
  - id: two
    prices: [{rates: {§inptu: "1", output: §=smells, cache_read: "2"}}]
  - {id: three, kind: §chatt, prices: [{§rate: {input: "1"}}]}
  - id: four
    prices: §none at all
  - §kind: chat
  - id: six
    prices: [{from: 2026-05-01, to: §2026-04-01, rates: {input: "1"}}]
  - {id: §one, prices: [{rates: {input: "1"}}]}
"#;
    let (text, places) = unmarked(marked);
    let (providers, problems) = read(&text, Use::Overlay);
    let found: Vec<Place> = problems.iter().map(|problem| problem.place).collect();
    assert_eq!(found, places, "{:#?}", at(&problems));
    assert!(providers.is_empty(), "nothing of a file with errors is used");
}

/// A provider that is named, but not by a text, is one mistake; what the models have is said all the same.
#[test]
fn a_provider_that_cannot_be_read_is_not_missing_as_well() {
    for provider in ["[acme]", "{acme: 1}", "[acme"] {
        let (text, places) = unmarked(&format!(
            "schema: 1\nprovider: §{provider}\nmodels:\n  - {{id: a, prices: [{{from: §2026-13-01, rates: {{input: \"1\"}}}}]}}\n"
        ));
        let problems = read(&text, Use::Overlay).1;
        let found: Vec<Place> = problems.iter().map(|problem| problem.place).collect();
        let expected = if provider == "[acme" { &places[..1] } else { &places[..] };
        assert_eq!(found, expected, "{provider}: {:#?}", at(&problems));
    }
    let (text, places) = unmarked(
        "schema: §1\n§colour: red\nmodels:\n  - {id: a, prices: [{from: 2026-01-01, rates: {input: \"1\"}}]}\n",
    );
    let problems = read(&text, Use::Overlay).1;
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["no-provider", "unknown-key"]);
    assert_eq!(problems.iter().map(|problem| problem.place).collect::<Vec<_>>(), places);
}

/// However the models are written, a mistake in one hides none in another, nor in the same one.
#[test]
fn a_mistake_hides_no_other_however_models_are_written() {
    let head = "schema: 1\nprovider: acme\nsources: {s: {url: \"https://a.test\", checked: §2026-13-01, evidence: documented}}\n";
    let cases = [
        (
            "brackets on one line",
            r##"models: [{id: a, prices: [{rates: {input: §"x"}}]}, {id: b, prices: §none}, {id: c, §colour: "#, d]", prices: [{from: §2026-13-01, rates: {input: "1"}}]}, {id: d, prices: [{rates: {input: §"y"}}]}]
"##,
        ),
        (
            "brackets over several lines",
            r#"models:
  [
    {id: a, prices: [{rates: {input: §"x"}}]}, # all, of [it
    {id: b, prices: §none},
    {id: c, context_window: §many, prices: [{from: §2026-13-01, source: §nosuch, rates: {input: "1"}}]},
    {id: d, prices: [{rates: {input: §"y", §wrong: "1"}}]},
  ]
"#,
        ),
        (
            "a dash on a line of its own",
            r#"models:
  -
    id: a
    prices: [{rates: {input: §"x"}}]
  -
    id: b
    prices: §none
  # - a comment
  -   id: c
      §colour: red
      prices: [{from: §2026-13-01, source: §nosuch, rates: {input: "1"}}]
"#,
        ),
        (
            "without indentation",
            r#"models: # all
- id: a
  prices:
  - rates: {input: §"x"}
- id: b
  prices: §none
- id: c
  context_window: §many
  prices:
  - from: §2026-13-01
    rates:
      input: "1"
      output: §"y"
"#,
        ),
        (
            "marks inside of quotes",
            r#"models:
  - {id: a, prices: [{rates: {input: §"a\"b", output: §'it''s', cache_read: §"y"}}]}
  - {id: b, §colour: 'a, "b" }', prices: [{from: §2026-13-01, rates: {input: "1"}}]}
"#,
        ),
        (
            "quotes inside of words, and comments with quotes and brackets",
            r##"models:
  - {id: a, aliases: [don't], §colour: it's, prices: [{rates: {input: §"x"}}]} # "quoted {[
  - id: b # don't }
    §tint: 5" # '
    prices: [{from: 2026-01-01, rates: {input: §x#y, §outptu: "1"}}]
"##,
        ),
        (
            "scalars over several lines",
            r#"models:
  - id: a
    §colour: "red
      - id: none
      }"
    prices: [{rates: {input: §"x
      y", output: §"z"}}]
  - id: b
    §notes: |
      - id: none
      prices: "
    prices:
      - rates:
          input: §not
            a price
          output: §y
"#,
        ),
        (
            "braces that were opened on an earlier line",
            r#"models:
  - {
    id: a,
    §colour: {
      b: "}" },
    prices: [
      {rates: {input: §"x",
        output: §y}}]
    }
"#,
        ),
    ];
    for (name, models) in cases {
        let (text, places) = unmarked(&format!("{head}{models}"));
        let problems = read(&text, Use::Overlay).1;
        let found: Vec<Place> = problems.iter().map(|problem| problem.place).collect();
        assert_eq!(found, places, "{name}: {:#?}", at(&problems));
    }
}

/// A file that is wrong in more than a thousand places is told all of them: each model is read by itself, so this ends in seconds
/// where reading the whole file again for each mistake would not.
#[test]
fn more_than_a_thousand_mistakes_are_all_reported() {
    let model = |i: usize| {
        format!(
            "  - id: m{i}\n    contxt: 5\n    prices:\n      - {{from: 2026-01-01, rates: {{input: 1.5, output: \"2\"}}}}\n"
        )
    };
    let text = format!("schema: 1\nprovider: acme\nrole: seller\nmodels:\n{}", (0..600).map(model).collect::<String>());
    let (providers, problems) = read(&text, Use::Overlay);
    assert!(providers.is_empty());
    let lines: Vec<usize> = problems.iter().map(|problem| problem.place.line).collect();
    let models = (0..600).flat_map(|i| [6 + 4 * i, 8 + 4 * i]);
    assert_eq!(lines, std::iter::once(3).chain(models).collect::<Vec<_>>());
}

/// What looks odd and is allowed.
#[test]
fn these_files_are_fine() {
    let cases = [
        ("a byte order mark", format!("\u{feff}{}", and_models(""))),
        ("Windows line ends", and_models("").replace('\n', "\r\n")),
        (
            "JSON",
            r#"{"schema": 1, "provider": "acme", "models": [{"id": "a", "prices": [{"rates": {"input": "1"}}]}]}"#
                .into(),
        ),
        ("single quotes", rate("'2.50'")),
        ("a rate that is not sold", rate("none")),
        ("a quoted none", rate("\"none\"")),
        ("an end mark", format!("{}...\n", and_models(""))),
        ("no models", "schema: 1\nprovider: acme\n".into()),
        ("an id that is a number", models("  - {id: 4, prices: [{rates: {input: \"1\"}}]}")),
        (
            "a tier with underscores and spaces",
            tier("{when: {prompt_tokens: \"> 200_000\"}, rates: {input: \"1\"}, others: inherit}"),
        ),
        ("a variant that says it once for all", variant("{when: {speed: fast}, others: {factor: \"6\"}}")),
        ("a variant that is not known", variant("{when: {speed: fast}, others: {refuse: ask sales}}")),
        (
            "a tier that a variant inherits needs no line in its tiers",
            variant(
                "{when: {speed: fast}, rates: {input: \"2\", output: inherit}, tiers: [{when: {prompt_tokens: \">9\"}, rates: {input: \"3\"}}]}",
            ),
        ),
        ("a rate that is not known", rate("{refuse: it depends on the region}")),
        (
            "a window over midnight",
            schedule("{windows: [\"16:30-00:30\"], zone: \"+05:30\", weekdays: \"sat, sun\", factor: \"0.5\"}"),
        ),
        (
            "a gap with a reason",
            period(
                "        to: 2026-02-01\n      - {from: 2026-03-01, note: not sold in February, rates: {input: \"1\"}}",
            ),
        ),
        (
            "an alias that moved",
            and_models(
                "  - {id: b, prices_of: small, aliases: [{id: x, to: 2026-02-01}]}\n  - {id: c, prices_of: small, aliases: [{id: x, from: 2026-02-01}]}",
            ),
        ),
        ("a fallback over a fallback", head("fallbacks: {reasoning: cache_read, cache_read: input}")),
        (
            "a factor that may hold always",
            head("multipliers: [{factor: \"0.9\", allow: [undated-factor], note: a discount}]"),
        ),
        ("the end of a model alone", models("  - {id: one, retired: 2027-01-01, prices: [{rates: {input: \"1\"}}]}")),
        (
            "the end of a model with its source",
            models(
                "  - {id: one, retired: {date: 2027-01-01, source: {url: \"https://acme.example\", checked: 2026-11-01, evidence: documented}}, prices: [{rates: {input: \"1\"}}]}",
            ),
        ),
        ("30,000 digits of a name", head(&format!("name: \"{}\"", "9".repeat(30_000)))),
    ];
    for (name, text) in cases {
        let (providers, problems) = read(&text, Use::Overlay);
        assert_eq!((providers.len(), at(&problems)), (1, Vec::new()), "{name}\n{text}");
    }
}

#[test]
fn the_example_in_the_readme_is_a_price_file() {
    let readme = include_str!("../pricing/README.md");
    let example = readme.split("```yaml").nth(1).and_then(|rest| rest.split("```").next()).expect("one example");
    let lines_before = readme.split("```yaml").next().unwrap_or("").lines().count();
    let text = format!("{}{example}", "\n".repeat(lines_before));
    let (providers, problems) = read(&text, Use::Table);
    assert!(problems.is_empty(), "{}", problems.iter().map(|p| p.render(&text)).collect::<Vec<_>>().join("\n\n"));
    assert_eq!(providers[0].models.len(), 2);
}

#[track_caller]
fn rendered(marked: &str) -> String {
    let (text, _) = unmarked(marked);
    read(&text, Use::Overlay).1.iter().map(|p| p.render(&text)).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn problems_as_people_see_them() {
    insta::assert_snapshot!(rendered(&rate("2.50  # per million")), @r#"
    error[float-price]: the number 2.5 has no quotes: a price is a quoted decimal string, since a YAML number would pass through a float
     --> prices.yaml:8:18
      |
    8 |           input: 2.50  # per million
      |                  ^^^^
      |
      = help: put it in quotes: "2.50"
    "#);
    insta::assert_snapshot!(rendered(&rates("{input: \"1\", input: \"2\"}")), @r#"
    error[repeated-key]: the key `input` stands here a second time
     --> prices.yaml:7:29
      |
    7 |         rates: {input: "1", input: "2"}
      |                             ^^^^^
      |
      = help: remove one of the two; farebox never lets a repeated key win silently
    "#);
    insta::assert_snapshot!(rendered(&head("modles: []")), @r#"
    error[unknown-key]: no key is called "modles" here
     --> prices.yaml:3:1
      |
    3 | modles: []
      | ^^^^^^
      |
      = help: did you mean `models`? pricing/README.md lists every key
    "#);
    insta::assert_snapshot!(rendered(&variant("{when: {service_teir: flex}, rates: {input: \"1\"}}")), @r#"
    error[unknown-dimension]: no dimension is called "service_teir"
     --> prices.yaml:9:21
      |
    9 |           - {when: {service_teir: flex}, rates: {input: "1"}}
      |                     ^^^^^^^^^^^^
      |
      = help: did you mean `service_tier`? pricing/README.md lists them all
    "#);
    insta::assert_snapshot!(
        rendered(&period("        to: 2026-02-02\n      - {from: 2026-02-01, rates: {input: \"1\"}}")), @r#"
    error[overlapping-periods]: two periods of small overlap: 2026-01-01 to 2026-02-02 and since 2026-02-01
     --> prices.yaml:9:16
      |
    9 |       - {from: 2026-02-01, rates: {input: "1"}}
      |                ^^^^^^^^^^
      |
      = help: end the earlier period where the later one begins: `to` is the first moment outside
    "#
    );
    insta::assert_snapshot!(rendered(&rates("{input: \"1\", images: \"0.04\", output: =reasoning}")), @r#"
    error[missing-per]: the rate of images does not say per how many
     --> prices.yaml:7:37
      |
    7 |         rates: {input: "1", images: "0.04", output: =reasoning}
      |                                     ^^^^^^
      |
      = help: write {price: "10", per: 1000}: only tokens have a usual unit, a million

    error[dangling-rate]: output bills as reasoning, which has no rate here
     --> prices.yaml:7:53
      |
    7 |         rates: {input: "1", images: "0.04", output: =reasoning}
      |                                                     ^^^^^^^^^^
      |
      = help: point it at a meter that has a price in the same period
    "#);
    insta::assert_snapshot!(rendered(&period("        to: 2026-02-01\n      - {from: 2026-03-01, rates: {input: \"1\"}}")), @r#"
    warning[gap]: small has no price between 2026-01-01 to 2026-02-01 and since 2026-03-01
     --> prices.yaml:9:16
      |
    9 |       - {from: 2026-03-01, rates: {input: "1"}}
      |                ^^^^^^^^^^
      |
      = help: let the periods meet, or say in a `note` why they do not
    "#);
}

/// A file that uses everything, to be damaged.
fn whole_file() -> String {
    let readme = include_str!("../pricing/README.md");
    readme.split("```yaml").nth(1).and_then(|rest| rest.split("```").next()).expect("one example").to_owned()
}

fn survives(text: &str) {
    let (providers, problems) = read(text, Use::Overlay);
    assert!(!providers.is_empty() || !problems.is_empty() || text.contains("provider"), "neither card nor problem");
    for problem in problems {
        let shown = problem.render(text);
        assert!(!shown.is_empty() && problem.message.len() < 1000, "{shown}");
    }
}

#[test]
fn a_file_that_breaks_off_never_panics() {
    let text = whole_file();
    let ends = text.char_indices().map(|(at, _)| at).step_by(17);
    ends.for_each(|end| survives(&text[..end]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_never_panics(
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "[ -~\n\t\u{0}é§\"'{}:,#&*!|>%@`-]{0,4}"), 1..4)
    ) {
        let mut text = whole_file();
        for (at, length, put) in damages {
            let borders: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let start = at.index(borders.len());
            let end = (start + length).min(borders.len() - 1);
            text.replace_range(borders[start]..borders[end], &put);
        }
        survives(&text);
    }
}
