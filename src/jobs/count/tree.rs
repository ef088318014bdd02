//! The folders of what was counted, with the share of each: [`report`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::fields::{CountFields, CountIdentity};
use crate::jobs::plural;
use crate::money::percent_for_people;
use crate::report::chart::{Chart, ChartKind, ChartValue};
use crate::report::{Cell, Column, Report, TypedTable};
use crate::tokenizer::TokenCount;

/// A folder or a file of a tree.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CountTreeRow {
    /// Its path.
    source: String,
    /// `file` or `folder`.
    kind: &'static str,
    /// How many files are in it.
    files: u64,
    /// Its count with each model and tokenizer.
    counts: Vec<NamedCount>,
    /// Its share of all tokens, by the first count.
    share_percent: String,
    #[serde(skip)]
    shown: String,
    #[serde(skip)]
    percent: f64,
    #[serde(skip)]
    depth: u16,
}

impl CountTreeRow {
    /// Its share of all tokens, in percent.
    fn share(&self) -> Decimal {
        self.share_percent.parse().unwrap_or_default()
    }
}

/// A count, and what was counted with.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NamedCount {
    #[serde(flatten)]
    with: Arc<CountIdentity>,
    #[serde(flatten)]
    count: CountFields,
}

/// A folder or a file, with one count for each tokenizer or model.
#[derive(Default)]
pub(super) struct TreeNode {
    counts: Vec<TokenCount>,
    files: u64,
    children: BTreeMap<String, TreeNode>,
}

impl TreeNode {
    /// Adds a file, and its counts to every folder above it.
    pub(crate) fn add(&mut self, path: &str, counts: &[TokenCount]) {
        let mut node = self;
        node.sum(counts);
        for part in Path::new(path).components().filter(|part| !matches!(part, Component::CurDir)) {
            let name = part.as_os_str().to_string_lossy().into_owned();
            node = node.children.entry(name).or_default();
            node.sum(counts);
        }
    }

    fn sum(&mut self, counts: &[TokenCount]) {
        self.files += 1;
        if self.counts.is_empty() {
            self.counts = counts.to_vec();
        } else {
            self.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += *count);
        }
    }

    /// The tokens that shares and order go by: those of the first tokenizer.
    fn tokens(&self) -> u64 {
        self.counts.first().map_or(0, |count| count.tokens)
    }

    /// Whether this folder holds one thing alone, which is then shown in its place.
    fn only_child(&self) -> Option<(&String, &TreeNode)> {
        (self.children.len() == 1).then(|| self.children.first_key_value()).flatten()
    }
}

/// A tree as a report: a row for each folder and file whose share is large enough, the largest first.
pub(super) fn report(root: &TreeNode, with: &[Arc<CountIdentity>], least_percent: f64) -> Report {
    let mut tree = TreeRows { rows: Vec::new(), with, all: root.tokens(), least_percent };
    tree.children(root, "", "");
    let depths: Vec<u16> = tree.rows.iter().map(|row| row.depth).collect();
    let chart = chart(&tree.rows);
    let mut report = table(with).report(tree.rows);
    report.charts.extend(chart);
    let name = with.first().map_or_else(String::new, |with| format!(" ({})", with.name()));
    report.entitle("Tokens by folder", format!("{}{name}", plural(root.tokens(), "token")));
    report.rows.iter_mut().zip(depths).for_each(|(row, depth)| row.depth = depth);
    let counts = root.counts.iter().map(|count| count_cell(CountFields::of(*count)));
    report.total = Some([Cell::text("total"), Cell::quantity(root.files)].into_iter().chain(counts).collect());
    report
}

/// The folders and files of the uppermost level that has several, as bars.
fn chart(rows: &[CountTreeRow]) -> Option<Chart> {
    const MOST: usize = 20;
    let on = |depth| rows.iter().filter(move |row| row.depth == depth);
    let depth = rows.iter().map(|row| row.depth).find(|depth| on(*depth).count() > 1)?;
    let bar = |row: &CountTreeRow| {
        let tokens = row.counts.first().map_or(0, |named| named.count.tokens);
        let text = format!("{} ({})", Cell::quantity(tokens).people, percent_for_people(row.share()));
        (row.source.clone(), ChartValue::new(tokens.into(), text), None)
    };
    let kind = ChartKind::Bars { bars: on(depth).take(MOST).map(bar).collect() };
    Some(Chart { title: "Where the tokens are".into(), kind })
}

fn table(with: &[Arc<CountIdentity>]) -> TypedTable<'static, CountTreeRow> {
    let mut table = TypedTable::new()
        .text("path", "path", |row: &CountTreeRow| Cell::pair(&row.shown, &row.source))
        .number("files", "files", |row| Cell::quantity(row.files));
    for (i, name) in with.iter().map(|with| with.name()).enumerate() {
        let column = match with.len() {
            1 => Column::number("tokens", "tokens"),
            _ => Column::number(format!("tokens {name}"), name),
        };
        table = table.column(column, move |row| row.counts.get(i).map_or_else(Cell::default, |n| count_cell(n.count)));
    }
    // Twenty blocks are all of it.
    let bar = |row: &CountTreeRow| Cell::pair("█".repeat((row.percent / 5.0).round() as usize), "");
    let share = |row: &CountTreeRow| Cell::percent(row.share());
    table.number("share_percent", "share", share).optional().column(Column::drawing("bar", ""), bar)
}

struct TreeRows<'a> {
    rows: Vec<CountTreeRow>,
    with: &'a [Arc<CountIdentity>],
    all: u64,
    least_percent: f64,
}

impl TreeRows<'_> {
    fn children(&mut self, node: &TreeNode, path: &str, indent: &str) {
        let mut children: Vec<(&String, &TreeNode)> = node.children.iter().collect();
        children.sort_by_key(|(_, child)| Reverse(child.tokens()));
        let (shown, hidden): (Vec<_>, Vec<_>) =
            children.into_iter().partition(|(_, child)| self.percent(child.tokens()) >= self.least_percent);
        for (i, (name, child)) in shown.iter().enumerate() {
            let is_last = i + 1 == shown.len() && hidden.is_empty();
            self.child(name, child, path, (indent, is_last));
        }
        self.hidden(&hidden, path, indent);
    }

    fn child(&mut self, name: &str, mut child: &TreeNode, path: &str, (indent, is_last): (&str, bool)) {
        let mut name = name.to_owned();
        while let Some((only, below)) = child.only_child() {
            name = joined(&name, only);
            child = below;
        }
        let path = joined(path, &name);
        let shown = if child.children.is_empty() || name.ends_with('/') { name } else { format!("{name}/") };
        self.row(child, &path, &format!("{indent}{}{shown}", if is_last { "└ " } else { "├ " }));
        self.children(child, &path, &format!("{indent}{}", if is_last { "  " } else { "│ " }));
    }

    /// What is too small for a row of its own, in one.
    fn hidden(&mut self, hidden: &[(&String, &TreeNode)], path: &str, indent: &str) {
        let mut sum = TreeNode::default();
        for (_, node) in hidden {
            let files = sum.files + node.files;
            sum.sum(&node.counts);
            sum.files = files;
        }
        if sum.files > 0 {
            let below = Cell::quantity(hidden.len() as u64).people;
            self.row(&sum, &joined(path, "…"), &format!("{indent}└ … {below} more below the threshold"));
        }
    }

    fn row(&mut self, node: &TreeNode, path: &str, shown: &str) {
        let percent = self.percent(node.tokens());
        let counts = self.with.iter().zip(&node.counts);
        self.rows.push(CountTreeRow {
            source: path.to_owned(),
            kind: if node.children.is_empty() && !path.ends_with('…') { "file" } else { "folder" },
            files: node.files,
            counts: counts
                .map(|(with, count)| NamedCount { with: with.clone(), count: CountFields::of(*count) })
                .collect(),
            share_percent: format!("{percent:.4}"),
            shown: shown.to_owned(),
            percent,
            depth: u16::try_from(shown.chars().take_while(|c| " │├└".contains(*c)).count() / 2).unwrap_or(u16::MAX),
        });
    }

    fn percent(&self, tokens: u64) -> f64 {
        if self.all == 0 { 0.0 } else { tokens as f64 * 100.0 / self.all as f64 }
    }
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() || folder.ends_with('/') { format!("{folder}{name}") } else { format!("{folder}/{name}") }
}

fn count_cell(count: CountFields) -> Cell {
    let cell = Cell::quantity(count.tokens);
    let range = |n: u64| Cell::quantity(n).people;
    match count.low.zip(count.high) {
        None => cell,
        Some((low, high)) => Cell::pair(format!("{} ({}–{})", cell.people, range(low), range(high)), cell.exact),
    }
}
