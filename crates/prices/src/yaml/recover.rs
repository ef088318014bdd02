//! Reads on behind a mistake, so that all mistakes of a file are reported at once.
//!
//! The YAML reader stops at the first thing that is not of the layout. That thing is then replaced by something that is
//! (a price by `"1"`, an unknown key by nothing, a broken model by blank lines), and the text is read again. What was
//! repaired is never used: a file with an error gives no card. Lines never move; columns that do are put back by
//! [`Moved`].
//!
//! Each model is repaired by itself first ([`Repair::mend_models`]), so a long file with mistakes in many models is not read
//! from its beginning for every one of them.

use std::ops::Range;

use super::is_of_repair;
use super::scan::{ScalarPart, Scan, blanks, is_dash, line_start};
use crate::problem::{Place, Problem, byte_offset};

/// A file with more mistakes than this has another kind of problem.
const MOST_REPAIRS: usize = 200;
/// Reading again costs as much as reading: no more than this many bytes in all.
const MOST_BYTES: usize = 64 << 20;

/// Which columns of a repaired text are other ones in the text of the user.
#[derive(Clone, Debug, Default)]
pub struct Moved(Vec<MovedBehind>);

/// What is behind a place of a line was this many columns further right in the text before.
#[derive(Clone, Debug)]
struct MovedBehind {
    place: Place,
    by: isize,
}

impl Moved {
    /// The place in the user's text of a place in the repaired one.
    #[must_use]
    pub(crate) fn original(&self, place: Place) -> Place {
        self.0.iter().rev().fold(place, |at, moved| {
            let is_behind = at.line == moved.place.line && at.column > moved.place.column;
            let column = if is_behind { at.column.saturating_add_signed(moved.by) } else { at.column };
            Place { column, ..at }
        })
    }
}

/// A text that is being repaired.
pub(super) struct Repair {
    pub text: String,
    pub moved: Moved,
    /// Whether something outside of the models is missing: what refers to it must not be judged.
    pub lost_head: bool,
    repairs: usize,
    bytes: usize,
}

/// What a mistake can be replaced with.
pub(super) enum Mend {
    /// Another value.
    Value(String),
    /// The key and its value go.
    Key,
    /// The whole model goes.
    Model,
}

/// A model in a text.
struct ModelText {
    /// How many lines are before it.
    lines_before: usize,
    bytes: Range<usize>,
}

/// The bytes of a model, or of a key of the head.
struct Region {
    /// Where the key of the head begins that it is under.
    list: usize,
    from: usize,
    until: usize,
    is_model: bool,
}

/// What a model is read under when it is read alone.
const ALONE: &str = "schema: 1\nprovider: x\nmodels:\n";
/// How many lines that is.
const ALONE_LINES: usize = 3;

impl Repair {
    /// Repairs each model by itself, and gives back what was wrong in them, in the order of the file. What only shows in the
    /// whole file is left: the head, and models that share something by an alias of YAML.
    ///
    /// * `read`: the first thing that is wrong with a text, and how to mend it.
    pub(super) fn mend_models(&mut self, read: impl Fn(&str) -> Option<(Problem, Mend)>) -> Vec<Problem> {
        let (_, models) = self.models();
        let mut problems: Vec<Problem> = Vec::new();
        // From the last to the first, so that the places of those before stay.
        for ModelText { lines_before, bytes } in models.into_iter().rev() {
            let text = &self.text[bytes.clone()];
            if text.contains(['*', '&']) {
                continue;
            }
            let (mut own, mut found) = (Repair::new(&format!("{ALONE}{text}")), Vec::new());
            while let Some((problem, mend)) = read(&own.text) {
                if problem.place.line <= ALONE_LINES {
                    // Something about the model as a whole, such as what it is a list of: its end is not where it seems to be.
                    found.clear();
                    break;
                }
                if !is_of_repair(&found, &problem, &own) {
                    let place = own.moved.original(problem.place);
                    found.push(Problem { place, ..problem.clone() });
                }
                if !own.mend(&problem, &mend) {
                    let end = own.text.len();
                    own.blank(ALONE.len(), end);
                    break;
                }
            }
            if found.is_empty() {
                continue;
            }
            let in_file = |place: Place| Place { line: place.line - ALONE_LINES + lines_before, ..place };
            let moved = own.moved.0.into_iter().map(|moved| MovedBehind { place: in_file(moved.place), ..moved });
            self.moved.0.extend(moved);
            self.text.replace_range(bytes, own.text.get(ALONE.len()..).unwrap_or_default());
            problems.extend(found.into_iter().map(|problem| Problem { place: in_file(problem.place), ..problem }));
        }
        // Blanks are as long as what they take the place of.
        let (lists, _) = self.models();
        lists.into_iter().for_each(|list| self.blank_empty_list(list));
        problems.sort_by_key(|problem| problem.place);
        problems
    }

    /// Where the lists of models begin, and every model in them.
    fn models(&self) -> (Vec<usize>, Vec<ModelText>) {
        let (mut lists, mut models): (Vec<usize>, Vec<ModelText>) = (Vec::new(), Vec::new());
        let (mut indent, mut open): (Option<usize>, Option<(usize, usize)>) = (None, None);
        let (starts, scan) = (line_starts(&self.text), Scan::of(&self.text));
        for (number, start) in starts.iter().copied().enumerate().filter(|(_, start)| !scan.is_inside(*start)) {
            let line = self.text[start..].lines().next().unwrap_or("");
            let begins_item = is_item(line, indent);
            if let Some((lines_before, from)) = open.filter(|_| begins_item || is_top(line)) {
                models.push(ModelText { lines_before, bytes: from..start });
                open = None;
            }
            if is_top(line) {
                // A list in brackets on the line itself is mended with the whole file.
                let behind = line.strip_prefix("models:").map(str::trim_start);
                let is_list = behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('#'));
                indent = if is_list { item_indent(&self.text[start..]) } else { None };
                lists.extend(is_list.then_some(start));
            } else if begins_item {
                open = Some((number, start));
            }
        }
        models.extend(open.map(|(lines_before, from)| ModelText { lines_before, bytes: from..self.text.len() }));
        (lists, models)
    }

    pub(super) fn new(text: &str) -> Repair {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        Repair { text, moved: Moved::default(), lost_head: false, repairs: 0, bytes: 0 }
    }

    /// Repairs the text at a problem; `false` where it cannot be read any further. The place is that in this text.
    pub(super) fn mend(&mut self, problem: &Problem, mend: &Mend) -> bool {
        self.repairs += 1;
        self.bytes = self.bytes.saturating_add(self.text.len());
        if self.repairs > MOST_REPAIRS || self.bytes > MOST_BYTES {
            return false;
        }
        let Some(at) = byte_offset(&self.text, problem.place) else { return false };
        match mend {
            Mend::Value(value) => self.replace_value(at, problem.place, value) || self.blank_model(at),
            Mend::Key => self.blank_key(at) || self.blank_model(at),
            Mend::Model => self.blank_model(at),
        }
    }

    /// Replaces the scalar that begins at a place.
    fn replace_value(&mut self, at: usize, place: Place, value: &str) -> bool {
        let Some(ScalarPart { bytes, .. }) = Scan::of(&self.text).scalar(at) else { return false };
        let old = &self.text[bytes.clone()];
        if old == value {
            return false;
        }
        // The lines that a scalar goes on in stay, without it.
        let (first, others) = old.split_at(old.find('\n').unwrap_or(old.len()));
        let signed = |text: &str| isize::try_from(text.chars().count()).unwrap_or(isize::MAX);
        let by = signed(first).saturating_sub(signed(value));
        let new = format!("{value}{}", blanks(others));
        self.text.replace_range(bytes, &new);
        self.moved.0.push(MovedBehind { place, by });
        true
    }

    /// Blanks the key at a place, with its value.
    fn blank_key(&mut self, at: usize) -> bool {
        let scan = Scan::of(&self.text);
        let bytes = scan.entry(at).or_else(|| scan.lines(at).map(|(lines, _)| lines));
        let Some(Range { start, end }) = bytes else { return false };
        // A key of the head is what other lines refer to.
        self.lost_head |= line_start(&self.text, start) == start;
        self.blank(start, end)
    }

    /// Blanks the model around a place; in the head, the key of the head.
    fn blank_model(&mut self, at: usize) -> bool {
        let Some(region) = self.region(at) else { return false };
        self.lost_head |= !region.is_model;
        let changed = self.blank(region.from, region.until);
        if region.is_model {
            self.blank_empty_list(region.list);
        }
        changed
    }

    /// Blanks the key of a list without items, which would be the next mistake.
    fn blank_empty_list(&mut self, list: usize) {
        let mut rest = self.text[list..].lines().skip(1);
        if self.text[list..].lines().next().is_some_and(|line| line.contains('[')) {
            return;
        }
        let is_empty = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if rest.find(|line| !is_empty(line)).is_none_or(is_top) {
            let end = self.text[list..].find('\n').map_or(self.text.len(), |i| list + i);
            self.blank(list, end);
        }
    }

    /// Whether a place is in the same model, or under the same key of the head, as another.
    pub(super) fn is_same_region(&self, a: Place, b: Place) -> bool {
        let at = |place| byte_offset(&self.text, place).and_then(|at| self.region(at));
        a.line == b.line || at(a).zip(at(b)).is_some_and(|(a, b)| a.from == b.from)
    }

    /// The model around a place, or what is under one key of the head.
    fn region(&self, at: usize) -> Option<Region> {
        let lines = line_starts(&self.text);
        let line = lines.partition_point(|start| *start <= at).saturating_sub(1);
        let scan = Scan::of(&self.text);
        // What looks like a key in the middle of a text is none.
        let text_of = |i: usize| match scan.is_inside(lines[i]) {
            true => "",
            false => self.text[lines[i]..].lines().next().unwrap_or(""),
        };
        let top = (0..=line.min(lines.len().checked_sub(1)?)).rev().find(|i| is_top(text_of(*i)))?;
        if text_of(top).starts_with("---") {
            return None;
        }
        let indent = item_indent(&self.text[lines[top]..]).filter(|_| text_of(top).starts_with("models:"));
        let is_item = |i: &usize| *i > top && is_item(text_of(*i), indent);
        let first = (top..=line).rev().find(is_item);
        if indent.is_none()
            && text_of(top).starts_with("models:")
            && let Some(Range { start: from, end: until }) = scan.outer_entry(at)
        {
            return Some(Region { list: lines[top], from, until, is_model: true });
        }
        let from = first.unwrap_or(top);
        let ends = |i: &usize| is_top(text_of(*i)) || (first.is_some() && is_item(i));
        let until = (from + 1..lines.len()).find(ends).map_or(self.text.len(), |i| lines[i]);
        Some(Region { list: lines[top], from: lines[from], until, is_model: first.is_some() })
    }

    /// Puts spaces where something is; `false` where there was nothing.
    fn blank(&mut self, from: usize, to: usize) -> bool {
        let old = &self.text[from..to];
        let (blank, changed) = (blanks(old), !old.trim().is_empty());
        self.text.replace_range(from..to, &blank);
        changed
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).filter(|i| *i < text.len()).collect()
}

/// Whether a line is a key of the head, or parts two documents.
fn is_top(line: &str) -> bool {
    line.chars().next().is_some_and(|c| !c.is_whitespace() && c != '#' && c != '-') || line.starts_with("---")
}

/// How deep the items of a list are whose key is in the first line.
fn item_indent(text: &str) -> Option<usize> {
    let first = text.lines().skip(1).find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
    is_dash(first.trim_start()).then(|| first.len() - first.trim_start().len())
}

fn is_item(line: &str, indent: Option<usize>) -> bool {
    indent.is_some_and(|indent| {
        let parts = line.split_at_checked(indent);
        parts.is_some_and(|(before, item)| before.trim().is_empty() && is_dash(item))
    })
}
