//! Where a feature changed: the file and the line behind each factor, and what it was and is.

use super::sides::CheckSide;
use crate::calculator::change::PlanChange;
use crate::calculator::explain::Factor;
use crate::calculator::projection::FeaturePlan;
use crate::calculator::workload::{Feature, Route};
use crate::input::workload::raw::{RawFeature, RawOutput, RawText};
use crate::money::share_for_people;
use crate::pricing::yaml::At;
use crate::report::check::FileLine;

/// The files that a feature counts.
pub(super) fn prompt_files(raw: &RawFeature) -> Vec<String> {
    let mut list = Vec::new();
    [&raw.system, &raw.tools, &raw.prompt].into_iter().flatten().for_each(|text| files_of(text, &mut list));
    list
}

fn files_of(text: &At<RawText>, list: &mut Vec<String>) {
    match &text.value {
        RawText::File(name) => list.push(name.clone()),
        RawText::Long(source) => list.extend(source.file.as_ref().map(|file| file.value.clone())),
        RawText::Many(many) => many.iter().for_each(|one| files_of(one, list)),
        RawText::Tokens(_) => {}
    }
}

impl CheckSide {
    /// Where the tools of a feature are: the first file that defines some, else their line in the workload.
    pub(super) fn tools_place(&self, feature: &str) -> (String, usize) {
        let Some((line, raw)) = self.feature(feature) else { return (self.name(), 0) };
        let mut files = Vec::new();
        raw.tools.iter().for_each(|tools| files_of(tools, &mut files));
        match files.first() {
            Some(file) => (self.named(file), 1),
            None => (self.name(), raw.tools.as_ref().map_or(line, |tools| tools.place.line)),
        }
    }
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
    let (rag, steps, free) = (raw.rag.as_ref(), raw.steps.as_deref(), raw.free.as_ref());
    take! {
        Prompt: raw.system.as_ref(), raw.tools.as_ref(), raw.prompt.as_ref(), raw.history.as_ref(),
            raw.variables.0.first().map(|(k, _)| k), rag.and_then(|r| r.chunks.as_ref()),
            rag.and_then(|r| r.chunk_tokens.as_ref()), raw.sends.0.first().map(|(k, _)| k),
            raw.prompt_growth.as_ref(), steps.and_then(|s| s.result.as_ref());
        Model: raw.model.as_ref(), raw.service_tier.as_ref(), raw.time.as_ref(), raw.batch.as_ref(),
            raw.with.0.first().map(|(k, _)| k), free.and_then(|f| f.requests.as_ref()), free.and_then(|f| f.tokens.as_ref());
        Output: raw.output.as_ref(), raw.makes.0.first().map(|(k, _)| k), raw.also.0.first().map(|(k, _)| k), steps.and_then(|s| s.call.as_ref());
        Reasoning: raw.reasoning.as_ref(), raw.reasoning_effort.as_ref();
        Calls: raw.calls.as_ref(), raw.growth.as_ref(), raw.turns.as_ref(), steps.and_then(|s| s.count.as_ref()),
            retries.and_then(|r| r.failure_rate.as_ref()), raw.per.as_ref().and_then(|p| p.share.as_ref()),
            raw.users.as_ref(); Calls: calendar.and_then(|c| c.weekdays.as_ref());
        Cache: cache.and_then(|c| c.hit_rate.as_ref()), cache.and_then(|c| c.gap.as_ref()), cache.and_then(|c| c.ttl.as_ref());
    }
    list.extend(raw.routing.0.iter().map(|(model, _)| (Factor::Model, model.place.line)));
    list
}

/// Where a factor of a feature changed: prompt files by their first other line, keys by theirs.
pub(super) fn changed_at(base: &CheckSide, head: &CheckSide, feature: &str, factor: Factor) -> Vec<FileLine> {
    let at = |line| FileLine { file: head.name(), line };
    let Some((head_line, new)) = head.feature(feature) else { return Vec::new() };
    let Some((_, old)) = base.feature(feature) else { return vec![at(head_line)] };
    let mut list = Vec::new();
    if factor == Factor::Prompt {
        list.extend(changed_prompts(base, old, head, new));
    }
    let data = data_files(new).into_iter().filter(|(of, _)| *of == factor);
    list.extend(data.filter_map(|(_, name)| changed_file(base, Some(&name), head, &name)));
    list.extend(changed_keys(base, old, head, new, factor).into_iter().map(at));
    if list.is_empty() {
        // A key was taken out, or the plan's own calendar changed: the feature is the nearest place.
        list.push(at(head_line));
    }
    list
}

/// The prompt files that have another text: each next to the one of its name, or else the one in its place.
fn changed_prompts(base: &CheckSide, old: &RawFeature, head: &CheckSide, new: &RawFeature) -> Vec<FileLine> {
    let (before, after) = (prompt_files(old), prompt_files(new));
    let earlier =
        |i: usize, name: &String| if before.contains(name) { Some(name.clone()) } else { before.get(i).cloned() };
    let changed = |(i, name): (usize, &String)| changed_file(base, earlier(i, name).as_deref(), head, name);
    after.iter().enumerate().filter_map(changed).collect()
}

/// The first line of a file that is another one than before.
fn changed_file(base: &CheckSide, old_name: Option<&str>, head: &CheckSide, name: &str) -> Option<FileLine> {
    let then = old_name.and_then(|name| base.file(name)).unwrap_or_default();
    let line = first_difference(&then, &head.file(name).unwrap_or_default())?;
    Some(FileLine { file: head.named(name), line })
}

/// The lines of a factor's keys that the base does not have.
fn changed_keys(base: &CheckSide, old: &RawFeature, head: &CheckSide, new: &RawFeature, factor: Factor) -> Vec<usize> {
    let text =
        |side: &CheckSide, line: usize| side.text.lines().nth(line.saturating_sub(1)).unwrap_or("").trim().to_owned();
    let of_factor =
        |raw: &RawFeature| lines(raw).into_iter().filter(|(f, _)| *f == factor).map(|(_, line)| line).collect();
    let (then, now): (Vec<usize>, Vec<usize>) = (of_factor(old), of_factor(new));
    let before: Vec<String> = then.into_iter().map(|line| text(base, line)).collect();
    let mut changed: Vec<usize> = now.into_iter().filter(|line| !before.contains(&text(head, *line))).collect();
    changed.sort_unstable();
    changed.dedup();
    changed
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
pub(super) fn what_changed(change: &PlanChange, feature: &str, factor: Factor) -> String {
    let (Some(old), Some(new)) = (change.base.feature(feature), change.head.feature(feature)) else {
        return String::new();
    };
    let (base, head) = (&*old.feature, &*new.feature);
    match factor {
        Factor::Prompt => {
            let tokens = |f: &FeaturePlan| f.streams.first().map(|s| format!("{} tokens", f.first_prompt(s)));
            tokens(old).zip(tokens(new)).map_or_else(String::new, |(a, b)| arrow(&a, &b))
        }
        Factor::Model => arrows([(models(base), models(head)), (batch(base), batch(head))]),
        Factor::Output => arrow(&base.output.to_string(), &head.output.to_string()),
        Factor::Reasoning => arrow(&thinking(old), &thinking(new)),
        Factor::Calls => arrows(calls(base).into_iter().zip(calls(head))),
        Factor::Cache => arrow(&hit_rate(base), &hit_rate(head)),
        Factor::Exchange => {
            let rates = change.base.shown.difference(&change.head.shown);
            rates.map_or_else(String::new, |(base, head)| format!("{} → {}", base.normalize(), head.normalize()))
        }
        Factor::Ranges => "the mean of the draws, less the cost at the means".to_owned(),
        Factor::PriceTable | Factor::Fixed | Factor::Credits | Factor::Tax => String::new(),
    }
}

/// `before → after`; nothing where they are the same.
fn arrow(before: &str, after: &str) -> String {
    if before == after { String::new() } else { format!("{before} → {after}") }
}

/// The same of several, those that are the same left out.
fn arrows(pairs: impl IntoIterator<Item = (String, String)>) -> String {
    let changes = pairs.into_iter().map(|(before, after)| arrow(&before, &after));
    changes.filter(|change| !change.is_empty()).collect::<Vec<_>>().join(", ")
}

fn models(feature: &Feature) -> String {
    let name = |r: &Route| match feature.routes.len() {
        1 => r.model.clone(),
        _ => format!("{} {}", r.model, share_for_people(r.share)),
    };
    feature.routes.iter().map(name).collect::<Vec<_>>().join(" + ")
}

/// Thinking tokens of an answer.
fn thinking(feature: &FeaturePlan) -> String {
    feature.thinking().map_or_else(|| "0".to_owned(), |tokens| tokens.to_string())
}

fn batch(feature: &Feature) -> String {
    format!("batch {}", share_for_people(feature.batch))
}

/// How often it is called, and how many requests that takes.
fn calls(feature: &Feature) -> [String; 3] {
    [feature.calls.to_string(), format!("{} turns", feature.turns), format!("{} steps", feature.steps.count)]
}

fn hit_rate(feature: &Feature) -> String {
    feature.cache.map_or_else(|| "none".to_owned(), |cache| format!("hit rate {}", cache.hit_rate))
}
