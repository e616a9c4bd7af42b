//! Says a few legal forms that the parser does not know in words that it knows, so that reads which use
//! them pass.
//!
//! Only the tree is made from the result; the statement is sent as it was written. Each form is a key word
//! or an operator that can be nothing else in its dialect, and becomes an operator, other key words or
//! nothing: no name, no call and no bracket is ever touched, so the class stays what it was.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::Dialect;

/// The units of MySQL's `INTERVAL` that have two parts; all are reserved words.
const DOUBLE_UNITS: &[&str] = &[
    "day_hour",
    "day_microsecond",
    "day_minute",
    "day_second",
    "hour_microsecond",
    "hour_minute",
    "hour_second",
    "minute_microsecond",
    "minute_second",
    "second_microsecond",
    "year_month",
];

/// The tokens of code, none of them white space, in words that the parser knows.
pub(super) fn bridge(tokens: Vec<TokenWithSpan>, dialect: Dialect) -> Vec<TokenWithSpan> {
    let tokens = if dialect == Dialect::Athena { plain_types(tokens) } else { tokens };
    let mut bridged: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(mut token) = rest.next() {
        let next = rest.peek().map(|next| &next.token);
        let member = bridged.last().is_some_and(|last| last.token == Token::Period);
        match dialect {
            Dialect::Mysql if member => {}
            Dialect::Mysql if token.token == Token::ExclamationMark => token.token = Token::make_keyword("NOT"),
            Dialect::Mysql if is(&token.token, "mod") && next != Some(&Token::LParen) => token.token = Token::Mod,
            Dialect::Mysql if DOUBLE_UNITS.iter().any(|unit| is(&token.token, unit)) => {
                token.token = Token::make_keyword("SECOND");
            }
            // `TABLE t` is short for `SELECT * FROM t`, and the parser loses the word after it.
            Dialect::Mysql | Dialect::Athena
                if is(&token.token, "table") && !member && next != Some(&Token::LParen) =>
            {
                let select = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
                bridged.extend(select.map(|word| TokenWithSpan { token: word, span: token.span }));
                continue;
            }
            // `a IS b` and `a IS NOT b` compare any two values.
            Dialect::Sqlite if is(&token.token, "is") => {
                let not = rest.next_if(|next| is(&next.token, "not"));
                let constant = rest
                    .peek()
                    .is_some_and(|next| ["null", "true", "false", "distinct"].iter().any(|word| is(&next.token, word)));
                if !constant {
                    token.token = Token::Eq;
                }
                bridged.push(token);
                bridged.extend(not.filter(|_| constant));
                continue;
            }
            // `WITH a AS MATERIALIZED (...)`, or `AS NOT MATERIALIZED`. Elsewhere it may be a function.
            Dialect::Sqlite if is(&token.token, "materialized") => match bridged.as_slice() {
                [.., last] if is(&last.token, "as") => continue,
                [.., before, last] if is(&before.token, "as") && is(&last.token, "not") => {
                    bridged.pop();
                    continue;
                }
                _ => {}
            },
            // `a NOT GLOB b` is the opposite of `a GLOB b`, and of the same class.
            Dialect::Sqlite if is(&token.token, "not") => {
                let operator =
                    |next: &TokenWithSpan| ["glob", "match", "regexp"].iter().any(|word| is(&next.token, word));
                if rest.peek().is_some_and(operator) {
                    continue;
                }
            }
            Dialect::Sqlite if matches!(token.token, Token::ShiftLeft | Token::ShiftRight) => token.token = Token::Plus,
            Dialect::Athena if is(&token.token, "of") => athena_version(&mut bridged),
            Dialect::Mysql | Dialect::Sqlite | Dialect::Athena => {}
        }
        bridged.push(token);
    }
    bridged
}

/// `t FOR TIMESTAMP AS OF ...` and `t FOR VERSION AS OF ...`, of which the last token comes next.
fn athena_version(before: &mut [TokenWithSpan]) {
    if let [.., before, what, as_] = before
        && is(&before.token, "for")
        && (is(&what.token, "timestamp") || is(&what.token, "version"))
        && is(&as_.token, "as")
    {
        what.token = Token::make_keyword("SYSTEM_TIME");
    }
}

/// `CAST(a AS array(row(b int)))`: one word in the place of each type that is made of others. What
/// stands after `AS` with names, commas and brackets alone is a type, or an alias with its columns.
fn plain_types(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut plain = Vec::with_capacity(tokens.len());
    let mut rest = tokens.as_slice();
    while let [token, after @ ..] = rest {
        plain.push(token.clone());
        rest = after;
        if is(&token.token, "as")
            && let Some((name, behind)) = made_type(after)
        {
            plain.push(TokenWithSpan { token: Token::make_keyword("JSON"), span: name.span });
            rest = behind;
        }
    }
    plain
}

/// The type that these tokens begin with, if a bracket closes behind it, and what is behind it.
fn made_type(tokens: &[TokenWithSpan]) -> Option<(&TokenWithSpan, &[TokenWithSpan])> {
    let (name, mut rest) = tokens.split_first()?;
    let mut open = 0_usize;
    if !["array", "map", "row"].iter().any(|word| is(&name.token, word)) {
        return None;
    }
    while let [token, after @ ..] = rest {
        rest = after;
        match token.token {
            Token::LParen => open += 1,
            Token::RParen => open = open.checked_sub(1)?,
            Token::Word(_) | Token::Number(..) | Token::Comma if open > 0 => {}
            _ => return None,
        }
        if open == 0 {
            return (after.first()?.token == Token::RParen).then_some((name, after));
        }
    }
    None
}

/// Whether a token is a word without quotes, in capitals or not.
fn is(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}
