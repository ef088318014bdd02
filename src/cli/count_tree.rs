//! `farebox count --tree`: the folders of what was counted, with the share of each.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde_json::{Map, Value, json};

use super::work::count_fields;
use farebox::report::{Cell, Column, Report};
use farebox::tokenizer::{Basis, TokenCount};

/// A folder or a file, with one count for each tokenizer or model.
#[derive(Default)]
pub(crate) struct Node {
    counts: Vec<TokenCount>,
    files: u64,
    children: BTreeMap<String, Node>,
}

impl Node {
    /// Adds a file, and its counts to every folder above it.
    pub fn add(&mut self, path: &str, counts: &[TokenCount]) {
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
    fn only_child(&self) -> Option<(&String, &Node)> {
        (self.children.len() == 1).then(|| self.children.first_key_value()).flatten()
    }
}

/// A tree as a report: a row for each folder and file whose share is large enough, the largest first.
pub(crate) fn report(root: &Node, names: &[(String, Map<String, Value>)], least_percent: f64) -> Report {
    let mut columns = vec![Column::text("path", "path"), Column::number("files", "files")];
    for (name, _) in names {
        let key = if names.len() == 1 { "tokens".to_owned() } else { format!("tokens {name}") };
        columns.push(Column::number(key, if names.len() == 1 { "tokens".to_owned() } else { name.clone() }));
    }
    columns.push(Column::text("share_percent", "share").optional());
    let mut tree = Tree { report: Report::new(columns), names, all: root.tokens(), least_percent };
    tree.children(root, "", "");
    tree.total(root);
    tree.report
}

struct Tree<'a> {
    report: Report,
    names: &'a [(String, Map<String, Value>)],
    all: u64,
    least_percent: f64,
}

impl Tree<'_> {
    fn children(&mut self, node: &Node, path: &str, indent: &str) {
        let mut children: Vec<(&String, &Node)> = node.children.iter().collect();
        children.sort_by_key(|(_, child)| std::cmp::Reverse(child.tokens()));
        let (shown, hidden): (Vec<_>, Vec<_>) =
            children.into_iter().partition(|(_, child)| self.percent(child.tokens()) >= self.least_percent);
        for (i, (name, child)) in shown.iter().enumerate() {
            let is_last = i + 1 == shown.len() && hidden.is_empty();
            self.child(name, child, path, (indent, is_last));
        }
        self.hidden(&hidden, path, indent);
    }

    fn child(&mut self, name: &str, mut child: &Node, path: &str, (indent, is_last): (&str, bool)) {
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
    fn hidden(&mut self, hidden: &[(&String, &Node)], path: &str, indent: &str) {
        let mut sum = Node::default();
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

    fn row(&mut self, node: &Node, path: &str, shown: &str) {
        let percent = self.percent(node.tokens());
        let mut cells = vec![Cell::pair(shown, path), Cell::quantity(node.files)];
        cells.extend(node.counts.iter().map(count_cell));
        // Twenty blocks are all of it.
        let bar = "█".repeat((percent / 5.0).round() as usize);
        cells.push(Cell::pair(format!("{percent:>5.1} % {bar}"), format!("{percent:.4}")));
        let counts: Vec<Value> =
            self.names.iter().zip(&node.counts).map(|((_, who), count)| machine(who, count)).collect();
        let kind = if node.children.is_empty() && !path.ends_with('…') { "file" } else { "folder" };
        let row = json!({"source": path, "kind": kind, "files": node.files, "counts": counts,
                         "share_percent": format!("{percent:.4}")});
        self.report.push(cells, row);
    }

    fn total(&mut self, root: &Node) {
        let mut cells = vec![Cell::text("total"), Cell::quantity(root.files)];
        cells.extend(root.counts.iter().map(count_cell));
        self.report.total = Some(cells);
    }

    fn percent(&self, tokens: u64) -> f64 {
        if self.all == 0 { 0.0 } else { tokens as f64 * 100.0 / self.all as f64 }
    }
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() || folder.ends_with('/') { format!("{folder}{name}") } else { format!("{folder}/{name}") }
}

fn count_cell(count: &TokenCount) -> Cell {
    let cell = Cell::quantity(count.tokens);
    let range = |n: u64| Cell::quantity(n).people;
    match count.basis {
        Basis::Exact => cell,
        _ => Cell::pair(format!("{} ({}–{})", cell.people, range(count.low), range(count.high)), cell.exact),
    }
}

fn machine(who: &Map<String, Value>, count: &TokenCount) -> Value {
    let mut row = who.clone();
    count_fields(&mut row, *count);
    Value::Object(row)
}
