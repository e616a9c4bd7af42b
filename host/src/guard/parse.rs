//! Makes a tree of a statement, without trusting the parser more than needed.
//!
//! Four precautions. The parser's own tokens must agree with [`super::lexer`] on every string, quoted
//! name and comment. The statement's size in *operators* is limited, since a chain of a thousand of them
//! is a tree a thousand deep. A statement that is deep all the same is read on a thread with a large stack:
//! the guard runs where stacks are small, and a stack that overflows ends the whole process. And should
//! the parser panic, the statement is refused, and nothing else happens.

use std::iter::Peekable;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::CharIndices;
use std::thread;

use sqlparser::ast::Visit;
use sqlparser::dialect::{Dialect as Rules, MySqlDialect, SQLiteDialect};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token as Theirs, TokenWithSpan, Tokenizer, Whitespace};

use super::athena::Trino;
use super::bridge::bridge;
use super::lexer::{Kind, Token};
use super::rows::{Places, look};
use super::walk::Walk;
use super::{Dialect, Guard, Refusal};

/// How deep the parser may nest. Its own default, and as deep as people write.
const NESTING_MAX: usize = 50;

/// How heavy a statement may be: see [`Load`].
const LOAD_MAX: Load = Load { weight: 4096, brackets: 200, joins: 200 };

/// How heavy a statement may be to be read on the stack that is there: well under a megabyte.
const LOAD_MAX_IN_PLACE: Load = Load { weight: 400, brackets: 10, joins: 10 };

/// The stack for the others. Only what is used of it is ever taken from memory.
const STACK_BYTES: usize = 64 << 20;

/// What a range of tokens is to be read as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// A query: `SELECT`, `WITH`, `VALUES`, `TABLE`, in brackets or not.
    Query,
    /// `INSERT`, `REPLACE`, `UPDATE` or `DELETE`.
    Change,
    /// An expression, such as the condition of a `SHOW`.
    Expression,
}

/// Parses the tokens that lie in `range` and walks the whole tree; the guard notes what it meets.
pub(super) fn examine(guard: &mut Guard<'_>, shape: Shape, range: Range<usize>) -> Result<(), Refusal> {
    let load = Load::of(guard, &range);
    if !load.fits(LOAD_MAX) {
        return Err(Refusal::TooComplex);
    }
    // Without optimisation a frame takes several times the space.
    if load.fits(LOAD_MAX_IN_PLACE) && !cfg!(debug_assertions) {
        return examine_unwinding(guard, shape, range);
    }
    thread::scope(|scope| {
        let spawned = thread::Builder::new()
            .name("sql-guard".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || examine_unwinding(guard, shape, range));
        spawned.ok().and_then(|thread| thread.join().ok()).unwrap_or(Err(Refusal::TooComplex))
    })
}

/// What the guard noted before a panic does not matter: a refused statement is not sent.
fn examine_unwinding(guard: &mut Guard<'_>, shape: Shape, range: Range<usize>) -> Result<(), Refusal> {
    let examined = catch_unwind(AssertUnwindSafe(|| examine_here(guard, shape, range)));
    examined.unwrap_or_else(|_| Err(Refusal::NotUnderstood { detail: "a form that confuses it".to_owned() }))
}

fn examine_here(guard: &mut Guard<'_>, shape: Shape, range: Range<usize>) -> Result<(), Refusal> {
    let rules: &dyn Rules = match guard.dialect {
        Dialect::Mysql => &MySqlDialect {},
        Dialect::Sqlite => &SQLiteDialect {},
        Dialect::Athena => &Trino,
    };
    let tokens = agreed_tokens(guard, rules, range.end)?;
    let code: Vec<_> = tokens
        .into_iter()
        .filter(|(span, token)| range.contains(&span.start) && !matches!(token.token, Theirs::Whitespace(_)))
        .collect();
    let places = match guard.filters {
        [] => Places::new(),
        _ => code.iter().map(|(bytes, token)| (start(token), bytes.clone())).collect(),
    };
    let code = bridge(code.into_iter().map(|(_, token)| token).collect(), guard.dialect);
    let mut parser = Parser::new(rules).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(code);
    match shape {
        Shape::Query => {
            let query = parser.parse_query().map_err(not_understood)?;
            at_end(&parser)?;
            visit(guard, query.as_ref(), &places, &range);
        }
        Shape::Change => {
            let statement = parser.parse_statement().map_err(not_understood)?;
            at_end(&parser)?;
            visit(guard, &statement, &places, &range);
        }
        Shape::Expression => {
            let expression = parser.parse_expr().map_err(not_understood)?;
            at_end(&parser)?;
            visit(guard, &expression, &places, &range);
        }
    }
    Ok(())
}

/// Walks a whole tree, and once more if there are rows to hide.
fn visit(guard: &mut Guard<'_>, tree: &impl Visit, places: &Places, range: &Range<usize>) {
    let mut walk = Walk::new(guard);
    // The walk never stops early, so what it returns says nothing.
    let _ = tree.visit(&mut walk);
    walk.finish();
    if !guard.filters.is_empty() {
        look(guard, tree, places, range);
    }
}

fn start(token: &TokenWithSpan) -> (u64, u64) {
    (token.span.start.line, token.span.start.column)
}

fn at_end(parser: &Parser<'_>) -> Result<(), Refusal> {
    let next = parser.peek_token_ref();
    match next.token {
        Theirs::EOF => Ok(()),
        _ => Err(Refusal::NotUnderstood {
            detail: format!("expected the end of the statement at {}", place(next.span.start)),
        }),
    }
}

fn place(at: Location) -> String {
    format!("line {}, column {}", at.line, at.column)
}

/// Says what the parser expected and where, without the text that it found: that may be a value.
fn not_understood(error: ParserError) -> Refusal {
    let message = match error {
        ParserError::RecursionLimitExceeded => return Refusal::TooComplex,
        ParserError::TokenizerError(_) => String::new(),
        ParserError::ParserError(message) => message,
    };
    let expected = message.split_once(", found: ").and_then(|(expected, _)| expected.strip_prefix("Expected: "));
    let what = expected.map_or_else(|| "a form it does not know".to_owned(), |expected| format!("expected {expected}"));
    let place = match message.rsplit_once(" at Line: ") {
        Some((_, place)) => format!("line {}", place.replace("Column: ", "column ")),
        None => "the end".to_owned(),
    };
    Refusal::NotUnderstood { detail: format!("{what} at {place}") }
}

/// The parser's tokens up to a byte, each with its bytes, if it cuts the statement where our lexer does.
fn agreed_tokens(
    guard: &Guard<'_>,
    rules: &dyn Rules,
    end: usize,
) -> Result<Vec<(Range<usize>, TokenWithSpan)>, Refusal> {
    let statement = guard.statement.get(..end).unwrap_or_default();
    let tokens = Tokenizer::new(rules, statement).tokenize_with_location();
    let tokens = tokens.map_err(|error| not_understood(error.into()))?;
    let mut offsets = Offsets::new(statement);
    let literal = |token: &&Token| matches!(token.kind, Kind::Quoted | Kind::Text | Kind::Comment);
    let mut ours = guard.tokens.iter().filter(literal).take_while(|token| token.end <= end);
    let mut placed = Vec::with_capacity(tokens.len());
    for token in tokens {
        let span = offsets.byte(token.span.start)..offsets.byte(token.span.end);
        let text = statement.get(span.clone()).unwrap_or_default();
        let agreed = match border(&token.token, text) {
            Border::Literal { prefix } => {
                ours.next().is_some_and(|ours| ours.start == span.start + prefix && ours.end == span.end)
            }
            Border::Space => text.trim_ascii().is_empty() || text == "\u{b}",
            Border::Code => true,
            Border::Foreign => false,
        };
        if !agreed {
            let detail = format!("a quote or a comment of unclear extent at {}", place(token.span.start));
            return Err(Refusal::NotUnderstood { detail });
        }
        placed.push((span, token));
    }
    match ours.next() {
        Some(_) => Err(Refusal::NotUnderstood { detail: "a quote or a comment of unclear extent".to_owned() }),
        None => Ok(placed),
    }
}

/// What a token of the parser is to the lexer.
enum Border {
    /// A string, a quoted name or a comment, which the lexer sees begin after `prefix` bytes.
    Literal {
        prefix: usize,
    },
    Space,
    Code,
    /// A literal that no dialect here has.
    Foreign,
}

fn border(token: &Theirs, text: &str) -> Border {
    match token {
        Theirs::Word(word) if word.quote_style.is_some() => Border::Literal { prefix: 0 },
        Theirs::SingleQuotedString(_) | Theirs::DoubleQuotedString(_) => Border::Literal { prefix: 0 },
        Theirs::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => {
            Border::Literal { prefix: 0 }
        }
        Theirs::HexStringLiteral(_) if text.starts_with("0x") => Border::Code,
        Theirs::HexStringLiteral(_)
        | Theirs::NationalStringLiteral(_)
        | Theirs::SingleQuotedByteStringLiteral(_)
        | Theirs::DoubleQuotedByteStringLiteral(_) => Border::Literal { prefix: 1 },
        Theirs::Whitespace(_) => Border::Space,
        Theirs::DollarQuotedString(_)
        | Theirs::TripleSingleQuotedString(_)
        | Theirs::TripleDoubleQuotedString(_)
        | Theirs::TripleSingleQuotedByteStringLiteral(_)
        | Theirs::TripleDoubleQuotedByteStringLiteral(_)
        | Theirs::SingleQuotedRawStringLiteral(_)
        | Theirs::DoubleQuotedRawStringLiteral(_)
        | Theirs::TripleSingleQuotedRawStringLiteral(_)
        | Theirs::TripleDoubleQuotedRawStringLiteral(_)
        | Theirs::EscapedStringLiteral(_)
        | Theirs::UnicodeStringLiteral(_)
        | Theirs::QuoteDelimitedStringLiteral(_)
        | Theirs::NationalQuoteDelimitedStringLiteral(_) => Border::Foreign,
        _ => Border::Code,
    }
}

/// Turns the parser's lines and columns, which count characters, into bytes; in rising order.
struct Offsets<'a> {
    chars: Peekable<CharIndices<'a>>,
    at: Location,
    end: usize,
}

impl<'a> Offsets<'a> {
    fn new(statement: &'a str) -> Self {
        Self { chars: statement.char_indices().peekable(), at: Location { line: 1, column: 1 }, end: statement.len() }
    }

    fn byte(&mut self, location: Location) -> usize {
        while (self.at.line, self.at.column) < (location.line, location.column) {
            match self.chars.next() {
                Some((_, '\n')) => self.at = Location { line: self.at.line + 1, column: 1 },
                Some(_) => self.at.column += 1,
                None => break,
            }
        }
        self.chars.peek().map_or(self.end, |(byte, _)| *byte)
    }
}

/// How much work a statement can make, told from its tokens alone.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// Operators and words; lists of values weigh nothing, operators that the parser copies weigh more.
    weight: usize,
    /// How deep its brackets nest.
    brackets: usize,
    /// How many joins there are: the parser nests them without counting.
    joins: usize,
}

impl Load {
    fn of(guard: &Guard<'_>, range: &Range<usize>) -> Self {
        let mut load = Self { weight: 0, brackets: 0, joins: 0 };
        let mut open = 0_usize;
        for token in guard.tokens.iter().filter(|token| range.contains(&token.start)) {
            match (token.kind, token.text(guard.statement)) {
                (Kind::Symbol, "(") => {
                    open += 1;
                    load.brackets = load.brackets.max(open);
                }
                (Kind::Symbol, ")") => open = open.saturating_sub(1),
                (Kind::Symbol, ",") => {}
                (Kind::Word, word) => {
                    load.weight += weight(word);
                    load.joins += usize::from(word.eq_ignore_ascii_case("join"));
                }
                (Kind::Symbol, _) => load.weight += 1,
                _ => {}
            }
        }
        load
    }

    fn fits(self, limit: Self) -> bool {
        self.weight <= limit.weight && self.brackets <= limit.brackets && self.joins <= limit.joins
    }
}

fn weight(word: &str) -> usize {
    let is = |words: &[&str]| words.iter().any(|other| word.eq_ignore_ascii_case(other));
    if word.starts_with(|first: char| first.is_ascii_digit()) || is(&["null", "true", "false", "default"]) {
        0
    } else if is(&["div", "regexp", "match", "glob"]) {
        20
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_become_bytes_in_text_of_any_script() {
        let statement = "ä😀b\r\nñ'c\n'd";
        let mut offsets = Offsets::new(statement);
        let mut line = 1;
        let mut column = 1;
        for (byte, character) in statement.char_indices() {
            assert_eq!(offsets.byte(Location { line, column }), byte, "{character:?}");
            (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        assert_eq!(offsets.byte(Location { line, column }), statement.len());
        assert_eq!(offsets.byte(Location { line: 99, column: 1 }), statement.len());
    }
}
