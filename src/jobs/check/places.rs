//! Where a feature changed: the file and the line behind each factor, and what it was and is.

use super::check_sides::Side;
use farebox::calculator::explain::Factor;
use farebox::calculator::workload::Feature;
use farebox::input::workload::raw::{RawFeature, RawOutput, RawText};
use farebox::pricing::yaml::At;

/// The file, as findings name it.
pub(crate) fn name_of(side: &Side) -> String {
    let text = side.path.display().to_string().replace('\\', "/");
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}

/// A file that the workload names, as findings name it.
pub(crate) fn beside(side: &Side, name: &str) -> String {
    let path = side.path.parent().map(|folder| folder.join(name)).unwrap_or_else(|| name.into());
    let text = path.display().to_string().replace('\\', "/");
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}

pub(crate) fn raw_feature<'s>(side: &'s Side, name: &str) -> Option<(usize, &'s RawFeature)> {
    side.raw.features.0.iter().find(|(key, _)| key.value == name).map(|(key, raw)| (key.place.line, raw))
}

/// The files that a feature counts, with the line that names each.
pub(crate) fn prompt_files(raw: &RawFeature) -> Vec<(String, usize)> {
    fn of(text: &At<RawText>, list: &mut Vec<(String, usize)>) {
        match &text.value {
            RawText::File(name) => list.push((name.clone(), text.place.line)),
            RawText::Long(source) => {
                list.extend(source.file.as_ref().map(|file| (file.value.clone(), file.place.line)));
            }
            RawText::Many(many) => many.iter().for_each(|one| of(one, list)),
            RawText::Tokens(_) => {}
        }
    }
    let mut list = Vec::new();
    [&raw.system, &raw.tools, &raw.prompt].into_iter().flatten().for_each(|text| of(text, &mut list));
    list
}

/// Every other file of a feature that changes its cost.
fn data_files(raw: &RawFeature) -> Vec<(Factor, String)> {
    let mut list = Vec::new();
    if let Some(file) = raw.dataset.as_ref().and_then(|d| d.file.as_ref()) {
        list.push((Factor::Prompt, file.value.clone()));
    }
    if let Some(At { value: RawOutput::Samples(samples), .. }) = &raw.output {
        list.extend(samples.file.as_ref().map(|file| (Factor::Output, file.value.clone())));
    }
    list
}

/// The lines of a feature's keys, by the factor that they belong to.
fn lines(raw: &RawFeature) -> Vec<(Factor, usize)> {
    let mut list: Vec<(Factor, usize)> = Vec::new();
    macro_rules! take {
        ($($factor:ident: $($at:expr),+;)+) => { $($(list.extend($at.map(|at| (Factor::$factor, at.place.line)));)+)+ };
    }
    let (calendar, retries, cache) = (raw.calendar.as_ref(), raw.retries.as_ref(), raw.cache.as_ref());
    let (rag, steps, free) = (raw.rag.as_ref(), raw.steps.as_ref(), raw.free.as_ref());
    take! {
        Prompt: raw.system.as_ref(), raw.tools.as_ref(), raw.prompt.as_ref(), raw.history.as_ref(),
            raw.variables.0.first().map(|(k, _)| k), rag.and_then(|r| r.chunks.as_ref()),
            rag.and_then(|r| r.chunk_tokens.as_ref()), steps.and_then(|s| s.result.as_ref());
        Model: raw.model.as_ref(), raw.service_tier.as_ref(), raw.time.as_ref(), raw.batch.as_ref(),
            raw.with.0.first().map(|(k, _)| k), free.and_then(|f| f.requests.as_ref()), free.and_then(|f| f.tokens.as_ref());
        Output: raw.output.as_ref(), raw.also.0.first().map(|(k, _)| k), steps.and_then(|s| s.call.as_ref());
        Reasoning: raw.reasoning.as_ref(), raw.reasoning_effort.as_ref();
        Calls: raw.calls.as_ref(), raw.growth.as_ref(), raw.turns.as_ref(), steps.and_then(|s| s.count.as_ref()),
            retries.and_then(|r| r.failure_rate.as_ref()), calendar.and_then(|c| c.weekdays.as_ref());
        Cache: cache.and_then(|c| c.hit_rate.as_ref()), cache.and_then(|c| c.gap.as_ref()), cache.and_then(|c| c.ttl.as_ref());
    }
    list.extend(raw.routing.0.iter().map(|(model, _)| (Factor::Model, model.place.line)));
    list
}

/// Where a factor of a feature changed: prompt files by their first other line, keys by theirs.
pub(crate) fn places(base: &Side, head: &Side, feature: &str, factor: Factor) -> Vec<(String, usize)> {
    let Some((head_line, new)) = raw_feature(head, feature) else { return Vec::new() };
    let Some((_, old)) = raw_feature(base, feature) else { return vec![(name_of(head), head_line)] };
    let mut list = Vec::new();
    if factor == Factor::Prompt {
        let (before, after) = (prompt_files(old), prompt_files(new));
        for (i, (name, _)) in after.iter().enumerate() {
            let then = if before.iter().any(|(b, _)| b == name) { Some(name) } else { before.get(i).map(|(b, _)| b) };
            let then = then.and_then(|name| base.file(name)).unwrap_or_default();
            let now = head.file(name).unwrap_or_default();
            list.extend(first_difference(&then, &now).map(|line| (beside(head, name), line)));
        }
    }
    for (_, name) in data_files(new).into_iter().filter(|(of, _)| *of == factor) {
        let (then, now) = (base.file(&name).unwrap_or_default(), head.file(&name).unwrap_or_default());
        list.extend(first_difference(&then, &now).map(|line| (beside(head, &name), line)));
    }
    let line_of =
        |side: &Side, line: usize| side.text.lines().nth(line.saturating_sub(1)).unwrap_or("").trim().to_owned();
    let of_factor = |raw: &RawFeature| {
        lines(raw).into_iter().filter(|(f, _)| *f == factor).map(|(_, line)| line).collect::<Vec<_>>()
    };
    let before: Vec<String> = of_factor(old).into_iter().map(|line| line_of(base, line)).collect();
    let mut changed: Vec<usize> =
        of_factor(new).into_iter().filter(|line| !before.contains(&line_of(head, *line))).collect();
    changed.sort_unstable();
    changed.dedup();
    list.extend(changed.into_iter().map(|line| (name_of(head), line)));
    if list.is_empty() {
        // A key was taken out, or the plan's own calendar changed: the feature is the nearest place.
        list.push((name_of(head), head_line));
    }
    list
}

/// The first line of the new text that is another one than before, from 1.
fn first_difference(before: &str, after: &str) -> Option<usize> {
    if before == after {
        return None;
    }
    let same = before.lines().zip(after.lines()).take_while(|(a, b)| a == b).count();
    Some((same + 1).min(after.lines().count().max(1)))
}

/// What changed, for people.
pub(crate) fn what(base: &Feature, head: &Feature, factor: Factor, tokens: Option<(u64, u64)>) -> String {
    let arrow = |a: String, b: String| if a == b { String::new() } else { format!("{a} → {b}") };
    match factor {
        Factor::Prompt => tokens.map_or_else(String::new, |(a, b)| arrow(format!("{a} tokens"), format!("{b} tokens"))),
        Factor::Model => {
            let models = |f: &Feature| {
                let name = |r: &farebox::calculator::workload::Route| match f.routes.len() {
                    1 => r.model.clone(),
                    _ => format!("{} {}%", r.model, (r.share * rust_decimal::Decimal::ONE_HUNDRED).normalize()),
                };
                f.routes.iter().map(name).collect::<Vec<_>>().join(" + ")
            };
            let batch = |f: &Feature| format!("batch {}%", (f.batch * rust_decimal::Decimal::ONE_HUNDRED).normalize());
            let changes = [arrow(models(base), models(head)), arrow(batch(base), batch(head))];
            changes.into_iter().filter(|c| !c.is_empty()).collect::<Vec<_>>().join(", ")
        }
        Factor::Output => arrow(base.output.to_string(), head.output.to_string()),
        Factor::Reasoning => arrow(base.reasoning.to_string(), head.reasoning.to_string()),
        Factor::Calls => {
            let calls = |f: &Feature| format!("{} per {}", f.calls.rate, f.calls.per.name());
            let turns = |f: &Feature| format!("{} turns", f.turns);
            let steps = |f: &Feature| format!("{} steps", f.steps.count);
            let changes =
                [arrow(calls(base), calls(head)), arrow(turns(base), turns(head)), arrow(steps(base), steps(head))];
            changes.into_iter().filter(|c| !c.is_empty()).collect::<Vec<_>>().join(", ")
        }
        Factor::Cache => {
            let hit = |f: &Feature| f.cache.map_or_else(|| "none".to_owned(), |c| format!("hit rate {}", c.hit_rate));
            arrow(hit(base), hit(head))
        }
        Factor::PriceTable | Factor::Exchange => String::new(),
    }
}
