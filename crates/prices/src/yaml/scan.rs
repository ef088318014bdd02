//! Where the parts of a YAML text begin and end, whatever they mean: [`Scan`].
//!
//! The YAML reader stops at a mistake. Who reads on behind it has to know how far the mistake goes: where a scalar ends,
//! and which braces or which key it is under. Quotes, comments, block scalars and braces may each go over several lines
//! and hold what looks like one of the others, so a text is taken apart from its beginning.

use std::ops::Range;

/// What a piece of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `{` or `[`.
    Open,
    /// `}` or `]`.
    Close,
    /// A comma inside of braces or brackets.
    Comma,
    /// The colon behind a key.
    Colon,
    /// The dash before an item.
    Dash,
    /// A text or number: plain, in quotes, or a block of lines.
    Scalar,
    /// An anchor, an alias or a tag.
    Mark,
    /// `---` or `...`.
    Border,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    kind: Kind,
    start: usize,
    end: usize,
    /// How many braces and brackets are open behind it.
    depth: usize,
}

impl Piece {
    /// Counts how deep what is behind it is, not above where the count began.
    fn deepen(&self, depth: &mut usize) {
        match self.kind {
            Kind::Open => *depth += 1,
            Kind::Close => *depth = depth.saturating_sub(1),
            _ => {}
        }
    }
}

/// Braces or brackets around a place.
struct Braces {
    /// All of them.
    all: Range<usize>,
    /// Where the pair or item of the place begins.
    from: usize,
    /// How many others are open within them at the place.
    opened: usize,
}

/// A scalar in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalarPart {
    /// Its bytes, quotes included.
    pub bytes: Range<usize>,
    /// Whether it is a key.
    pub is_key: bool,
}

/// A YAML text, taken apart.
#[derive(Debug)]
pub struct Scan<'t> {
    text: &'t str,
    pieces: Vec<Piece>,
}

impl<'t> Scan<'t> {
    /// Takes a text apart. One that is no YAML gives whatever its beginning makes of the rest.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let mut scanner = Scanner { text, at: 0, line: 0, depth: 0, owners: Vec::new(), pieces: Vec::new() };
        while scanner.step().is_some() {}
        Scan { text, pieces: scanner.pieces }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The pieces that begin before a place.
    fn before(&self, at: usize) -> usize {
        self.pieces.partition_point(|piece| piece.start < at)
    }

    /// Whether a place is in the middle of a scalar, or within braces or brackets.
    #[must_use]
    pub fn is_inside(&self, at: usize) -> bool {
        let last = self.before(at).checked_sub(1).and_then(|last| self.pieces.get(last));
        last.is_some_and(|piece| piece.end > at || piece.depth > 0)
    }

    /// Every scalar, in order.
    pub fn scalars(&self) -> impl Iterator<Item = ScalarPart> {
        self.pieces.iter().filter_map(|piece| self.scalar(piece.start))
    }

    /// The scalar that begins at a place.
    #[must_use]
    pub fn scalar(&self, at: usize) -> Option<ScalarPart> {
        let begun = self.before(at);
        // The reader tells of a block of lines at the first of them.
        let is_block = |piece: &&Piece| piece.end > at && self.text[piece.start..].starts_with(['|', '>']);
        let block = begun.checked_sub(1).filter(|index| self.pieces.get(*index).as_ref().is_some_and(is_block));
        let index = block.unwrap_or(begun);
        let piece = self.pieces.get(index).filter(|piece| piece.kind == Kind::Scalar)?;
        if block.is_none() && piece.start != at {
            return None;
        }
        let is_key = self.pieces.get(index + 1).is_some_and(|next| next.kind == Kind::Colon);
        Some(ScalarPart { bytes: piece.start..piece.end, is_key })
    }

    /// The pair or item around a place that is inside of braces or brackets: from behind the comma before it to behind its
    /// own, or to the brace that closes the map. `None` outside of braces, and where they are never closed.
    #[must_use]
    pub fn entry(&self, at: usize) -> Option<Range<usize>> {
        self.entry_within(at, |open| open.checked_sub(1))
    }

    /// The same of the outermost braces or brackets around the place.
    #[must_use]
    pub fn outer_entry(&self, at: usize) -> Option<Range<usize>> {
        self.entry_within(at, |open| (open > 0).then_some(0))
    }

    /// * `pick`: which braces of those that are open, from the outermost on, given how many are.
    fn entry_within(&self, at: usize, pick: impl Fn(usize) -> Option<usize>) -> Option<Range<usize>> {
        let Braces { from, opened, .. } = self.braces(at, pick)?;
        let end = self.pieces.iter().skip(self.before(at)).scan(opened, |depth, piece| {
            let is_own = *depth == 0;
            piece.deepen(depth);
            Some((is_own, piece))
        });
        let mut ends = end.filter_map(|(is_own, piece)| match piece.kind {
            Kind::Comma if is_own => Some(piece.end),
            Kind::Close if is_own => Some(piece.start),
            _ => None,
        });
        ends.next().map(|end| from..end)
    }

    /// Braces or brackets that are open at a place, and are closed behind it.
    fn braces(&self, at: usize, pick: impl Fn(usize) -> Option<usize>) -> Option<Braces> {
        let (before, behind) = self.pieces.split_at_checked(self.before(at))?;
        let mut open: Vec<(usize, usize)> = Vec::new();
        for piece in before {
            match (piece.kind, open.last_mut()) {
                (Kind::Open, _) => open.push((piece.start, piece.end)),
                (Kind::Close, _) => drop(open.pop()),
                (Kind::Comma, Some((_, from))) => *from = piece.end,
                (Kind::Border, _) => open.clear(),
                _ => {}
            }
        }
        let picked = pick(open.len())?;
        let (start, from) = *open.get(picked)?;
        let opened = open.len() - 1 - picked;
        let mut depth = opened;
        let close = behind.iter().take_while(|piece| piece.kind != Kind::Border).find(|piece| {
            let is_own = depth == 0 && piece.kind == Kind::Close;
            piece.deepen(&mut depth);
            is_own
        })?;
        Some(Braces { all: start..close.end, from, opened })
    }

    /// The innermost map or list around a place, all of the text at its top.
    #[must_use]
    pub fn around(&self, at: usize) -> Range<usize> {
        if let Some(Braces { all, .. }) = self.braces(at, |open| open.checked_sub(1)) {
            return all;
        }
        let own = self.lines(at).map_or(at, |(lines, _)| lines.start);
        self.lines_before(own, own).map_or(0..self.text.len(), |(lines, _)| lines)
    }

    /// The lines of the innermost pair or item around a place that is outside of braces, from its key or dash on; with
    /// whether it is an item.
    #[must_use]
    pub fn lines(&self, at: usize) -> Option<(Range<usize>, bool)> {
        self.lines_before(at + 1, at)
    }

    /// The same of those that begin before another place.
    fn lines_before(&self, end: usize, at: usize) -> Option<(Range<usize>, bool)> {
        let starts = (0..self.before(end)).rev().filter(|index| self.begins(*index));
        let mut parts = starts.filter_map(|index| {
            let piece = self.pieces.get(index)?;
            Some((piece.start..self.lines_end(piece.start), piece.kind == Kind::Dash))
        });
        parts.find(|(lines, _)| lines.contains(&at))
    }

    /// Whether a piece is a key or a dash outside of braces.
    fn begins(&self, index: usize) -> bool {
        let is_before_colon = || self.pieces.get(index + 1).is_some_and(|next| next.kind == Kind::Colon);
        self.pieces.get(index).is_some_and(|piece| match piece.kind {
            Kind::Dash => true,
            Kind::Scalar => piece.depth == 0 && is_before_colon(),
            _ => false,
        })
    }

    /// Where the lines end that belong to a key or a dash: those that are deeper, and the items of a list right below a key.
    #[must_use]
    pub fn lines_end(&self, start: usize) -> usize {
        let text = self.text;
        let first = line_start(text, start);
        let column = start - first;
        let is_item = is_dash(&text[start..]);
        let mut end = line_end(text, start);
        while end < text.len() {
            let line = text[end..].lines().next().unwrap_or("");
            let indent = line.len() - line.trim_start_matches(' ').len();
            let is_its_item = indent == column && !is_item && is_dash(&line[indent..]);
            if !(indent > column || is_its_item || line.trim().is_empty() || self.is_inside(end)) {
                break;
            }
            end = line_end(text, end);
        }
        end
    }
}

/// Whether a text begins an item of a list, whose value may begin in the next line.
#[must_use]
pub fn is_dash(text: &str) -> bool {
    text.starts_with("- ") || text.lines().next().is_some_and(|line| line.trim_end() == "-")
}

/// Spaces instead of a text, line breaks kept. Characters of several bytes become one space each, so that columns stay.
#[must_use]
pub fn blanks(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

/// Where the line of a place begins.
#[must_use]
pub fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Where the line behind that of a place begins.
fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| at + newline + 1)
}

/// Takes a text apart.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Where the line of that place begins.
    line: usize,
    /// How many braces and brackets are open.
    depth: usize,
    /// The columns of the keys and dashes that the place is under, outside of braces.
    owners: Vec<usize>,
    pieces: Vec<Piece>,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn go_to(&mut self, at: usize) {
        let passed = self.text.get(self.at..at).unwrap_or("");
        self.line = passed.rfind('\n').map_or(self.line, |newline| self.at + newline + 1);
        self.at = at;
    }

    /// Whether what begins at a place ends a word before it: a blank, the end, or within braces what parts values.
    fn is_border(&self, at: usize) -> bool {
        self.text
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .is_none_or(|c| c.is_whitespace() || self.depth > 0 && matches!(c, ',' | '[' | ']' | '{' | '}'))
    }

    fn push(&mut self, kind: Kind, end: usize) {
        match kind {
            Kind::Open => self.depth += 1,
            Kind::Close => self.depth = self.depth.saturating_sub(1),
            Kind::Border => self.depth = 0,
            _ => {}
        }
        self.pieces.push(Piece { kind, start: self.at, end, depth: self.depth });
        self.go_to(end);
    }

    /// What is under a key or dash at this column is under no other of its depth.
    fn own(&mut self, column: usize) {
        while self.owners.last().is_some_and(|owner| *owner >= column) {
            self.owners.pop();
        }
        self.owners.push(column);
    }

    /// Takes the next piece; `None` at the end.
    fn step(&mut self) -> Option<()> {
        let c = self.rest().chars().next()?;
        let next = self.at + c.len_utf8();
        let is_line_start = self.at == self.line;
        match c {
            _ if c.is_whitespace() || c == '\u{feff}' => self.go_to(next),
            '#' if self.is_behind_blank() => self.go_to(self.line_break(self.at)),
            '-' | '.' if is_line_start && self.is_document_border() => {
                self.owners.clear();
                self.push(Kind::Border, self.at + 3);
            }
            '{' | '[' => self.push(Kind::Open, next),
            '}' | ']' if self.depth > 0 => self.push(Kind::Close, next),
            ',' if self.depth > 0 => self.push(Kind::Comma, next),
            ':' if self.is_colon(next) => self.colon(next),
            '-' if self.depth == 0 && self.is_border(next) => {
                self.own(self.at - self.line);
                self.push(Kind::Dash, next);
            }
            '?' if self.is_border(next) => self.push(Kind::Mark, next),
            '"' | '\'' => self.push(Kind::Scalar, self.at + quoted_length(self.rest())),
            '|' | '>' if self.depth == 0 => self.push(Kind::Scalar, self.block_end()),
            '&' | '*' | '!' => {
                let length = |place: &usize| self.is_border(*place);
                let end = (next..self.text.len()).filter(|at| self.text.is_char_boundary(*at)).find(length);
                self.push(Kind::Mark, end.unwrap_or(self.text.len()));
            }
            _ => self.push(Kind::Scalar, self.plain_end(next)),
        }
        Some(())
    }

    fn is_behind_blank(&self) -> bool {
        self.text.get(..self.at).and_then(|before| before.chars().next_back()).is_none_or(char::is_whitespace)
    }

    fn is_document_border(&self) -> bool {
        let rest = self.rest();
        let behind = rest.strip_prefix("---").or_else(|| rest.strip_prefix("..."));
        behind.is_some_and(|behind| behind.chars().next().is_none_or(char::is_whitespace))
    }

    /// Whether a colon is the one behind a key: a blank is behind it, or a quoted key right before it in braces.
    fn is_colon(&self, next: usize) -> bool {
        let is_quoted = |piece: &Piece| {
            piece.end == self.at && (piece.kind == Kind::Close || self.text[piece.start..].starts_with(['"', '\'']))
        };
        self.is_border(next) || self.depth > 0 && self.pieces.last().is_some_and(is_quoted)
    }

    fn colon(&mut self, next: usize) {
        if self.depth == 0 {
            let key =
                self.pieces.last().filter(|piece| piece.kind == Kind::Scalar).map_or(self.at, |piece| piece.start);
            self.own(key - line_start(self.text, key));
        }
        self.push(Kind::Colon, next);
    }

    /// The end of a line, before its break.
    fn line_break(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline)
    }

    /// The column that what belongs to the key or dash before this place is deeper than; none at the top.
    fn owner(&self) -> Option<usize> {
        let begins_line = self.text[self.line..self.at].chars().all(|c| c == ' ');
        let column = self.at - self.line;
        self.owners.iter().rev().copied().find(|owner| !begins_line || *owner < column)
    }

    fn is_deeper(&self, line: &str) -> bool {
        let indent = line.len() - line.trim_start_matches(' ').len();
        self.owner().is_none_or(|owner| indent > owner)
    }

    /// Where a block scalar ends: before the first line that is not deeper than its key.
    fn block_end(&self) -> usize {
        let mut end = line_end(self.text, self.at);
        while let Some(line) = self.text[end..].split_inclusive('\n').next() {
            if !line.trim().is_empty() && !self.is_deeper(line) {
                break;
            }
            end += line.len();
        }
        end
    }

    /// Where a plain scalar ends, whose first character is before `from`: it may go on in lines that are deeper.
    fn plain_end(&self, from: usize) -> usize {
        let (mut end, mut at) = (from, from);
        let mut is_behind_blank = false;
        while let Some(c) = self.text[at..].chars().next() {
            let next = at + c.len_utf8();
            match c {
                '#' if is_behind_blank => break,
                ':' if self.is_border(next) => break,
                ',' | '[' | ']' | '{' | '}' if self.depth > 0 => break,
                '\n' if !self.goes_on(next) => break,
                _ if c.is_whitespace() => {}
                _ => end = next,
            }
            is_behind_blank = c.is_whitespace();
            at = next;
        }
        end
    }

    /// Whether a plain scalar goes on behind the end of a line.
    fn goes_on(&self, at: usize) -> bool {
        let Some(line) = self.text[at..].lines().find(|line| !line.trim().is_empty()) else { return false };
        let words = line.trim_start();
        let is_border = line.starts_with("---") || line.starts_with("...");
        !words.starts_with('#') && !is_border && (self.depth > 0 || self.is_deeper(line))
    }
}

/// The length of a quoted scalar that begins a text; all of the text where it is never closed.
fn quoted_length(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let Some((_, quote)) = chars.next() else { return 0 };
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => drop(chars.next()),
            // Two single quotes are one of the text.
            '\'' if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => drop(chars.next()),
            c if c == quote => return i + 1,
            _ => {}
        }
    }
    text.len()
}
