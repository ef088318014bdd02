//! `farebox models [QUERY]`: which models are known, and what is known of them.

use serde_json::json;

use super::plural;
use super::shared::{OutputFlags, TableFlags, table_json, table_line};
use crate::cli::error::Error;
use farebox::meter::Meter;
use farebox::pricing::card::{ModelCard, ProviderHead, Rate, rate_of};
use farebox::report::{Cell, Column, Report, Tone};

/// List the models that are known, with what is known of each
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox models gpt-4o\n  farebox models --provider anthropic\n  farebox models haiku --format json"
)]
pub(crate) struct Args {
    /// Words that the id, an alias or the provider must contain
    query: Vec<String>,
    /// Only this provider
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Option<String>,
    /// Also models that no longer answer
    #[arg(long)]
    retired: bool,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let provider = match &args.provider {
        Some(name) => Some(super::prices::known_provider(&setup, name)?),
        None => None,
    };
    let words: Vec<String> = args.query.iter().map(|w| w.to_lowercase()).collect();
    let mut report = Report::new([
        Column::text("provider", "provider"),
        Column::text("model", "model"),
        Column::text("kind", "kind").optional(),
        Column::number("context_window", "context"),
        Column::text("tokenizer", "tokenizer").optional(),
        Column::number("input", "input $/M"),
        Column::number("output", "output $/M"),
        Column::text("status", "status"),
    ]);
    let mut left_out = 0_u64;
    let mut found: Vec<_> =
        setup.table.cards().filter(|(head, card)| matches(head, card, &words, provider.as_deref())).collect();
    found.sort_by(|(h1, c1), (h2, c2)| (&h1.id, &c1.id).cmp(&(&h2.id, &c2.id)));
    for (head, card) in found {
        let retired = card.is_retired(setup.at);
        if retired && !args.retired && words.is_empty() {
            left_out += 1;
            continue;
        }
        let tokenizer = card.tokenizer_at(setup.at);
        let rates = card.rates_at(setup.at).map(|r| &r.rates);
        let rate = |meter| match rates.and_then(|rates| rate_of(rates, meter)) {
            Some(Rate::Price(price)) if price.per == 1_000_000 => Cell::text(price.usd.to_string()),
            _ => Cell::absent("–"),
        };
        let status = status(&card, setup.at);
        report.push(
            [
                Cell::text(&head.id),
                Cell::text(&card.id),
                Cell::text(card.info.kind.name()),
                card.info.context_window.map_or_else(|| Cell::absent("–"), Cell::quantity),
                tokenizer.map_or_else(|| Cell::absent("unknown"), |t| Cell::text(&t.name)),
                rate(Meter::Input),
                rate(Meter::Output),
                Cell::text(&status).tone(if retired { Tone::Dim } else { Tone::Plain }),
            ],
            json!({
                "provider": head.id, "model": card.id, "kind": card.info.kind.name(),
                "aliases": card.aliases.iter().map(|a| json!({"id": a.id, "from": a.period.from, "to": a.period.to})).collect::<Vec<_>>(),
                "context_window": card.info.context_window, "max_output": card.info.max_output,
                "input": card.info.input, "output": card.info.output, "capabilities": card.info.capabilities,
                "open_weights": card.info.open_weights, "released": card.info.released, "retired": card.info.retired, "last_listed": card.info.last_listed,
                "replacement": card.info.replacement, "note": card.info.note,
                "tokenizer": tokenizer.map(|t| json!({"name": t.name, "basis": if t.assumed { "assumed" } else { "known" }})),
                "status": status,
            }),
        );
    }
    report.machine.insert("table".into(), table_json(&setup));
    report.machine.insert("retired_left_out".into(), json!(left_out));
    report.notes.push(format!("{}. {}", plural(report.rows.len() as u64, "model"), table_line(&setup)));
    if left_out > 0 {
        report.notes.push(format!("{left_out} retired models left out: --retired shows them."));
    }
    args.output.write(report)
}

fn matches(head: &ProviderHead, card: &ModelCard, words: &[String], provider: Option<&str>) -> bool {
    let has = |word: &String| {
        let id = format!("{}/{}", head.id, card.id).to_lowercase();
        id.contains(word.as_str()) || card.aliases.iter().any(|a| a.id.to_lowercase().contains(word.as_str()))
    };
    provider.is_none_or(|p| p == head.id) && words.iter().all(has)
}

/// "live", "retires 2026-12-01", "retired 2025-07-21 → replacement".
pub(crate) fn status(card: &ModelCard, at: farebox::period::Instant) -> String {
    let Some(day) = card.info.retired else {
        return card.info.last_listed.map_or_else(|| "live".into(), |day| format!("last listed {day}"));
    };
    let word = if day <= at { "retired" } else { "retires" };
    let arrow = card.info.replacement.as_ref().map(|r| format!(" → {r}")).unwrap_or_default();
    format!("{word} {day}{arrow}")
}
