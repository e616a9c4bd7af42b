//! A statement as tokens, with the parts of Trino's grammar that the parser lacks put into words that it knows.
//!
//! Tokens keep their places, so that an error tells where it is. A parameter becomes a literal's token here, where nothing
//! can be quoted out of it.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Word};

use super::{ATTEMPT, Trino, syntax};
use crate::{Error, Value};

pub(super) type Tokens = Vec<TokenWithSpan>;

/// Athena's own limit, in bytes.
const TEXT_MAX: usize = 262_144;

/// How many operators and set operations a statement may hold. They stand in each other, and the planner walks down them.
const OPERATORS_MAX: usize = 300;

/// The tokens of one statement.
pub(super) fn read(text: &str, parameters: &[Value]) -> Result<Tokens, Error> {
    if text.len() > TEXT_MAX {
        return Err(Error::Unsupported { construct: format!("statements of more than {TEXT_MAX} bytes") });
    }
    let tokens = Tokenizer::new(&Trino, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| syntax(error.message, error.location))?;
    let mut tokens: Tokens =
        tokens.into_iter().filter(|own| !matches!(own.token, Token::Whitespace(_) | Token::EOF)).collect();
    while tokens.last().is_some_and(|last| last.token == Token::SemiColon) {
        tokens.pop();
    }
    if tokens.iter().any(|own| own.token == Token::SemiColon) {
        return Err(Error::NotARead("there are two statements".into()));
    }
    if tokens.iter().filter(|own| is_operator(&own.token)).count() > OPERATORS_MAX {
        return Err(Error::Unsupported { construct: format!("statements of more than {OPERATORS_MAX} operators") });
    }
    for place in 0..tokens.len() {
        let called = tokens.get(place + 1).is_some_and(|next| next.token == Token::LParen);
        if let Token::Word(word) = &mut tokens[place].token {
            word.value = word.value.to_lowercase();
            if called && word.value.starts_with('$') {
                return Err(Error::UnknownFunction { name: word.value.clone(), nearest: None });
            }
        }
    }
    Ok(rows_of_values(casts(with_parameters(tokens, parameters)?)?))
}

fn is_operator(token: &Token) -> bool {
    use Token::{Div, Eq, Gt, GtEq, Lt, LtEq, Minus, Mod, Mul, Neq, Plus, StringConcat};
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::JOIN
        ),
        token => matches!(token, Plus | Minus | Mul | Div | Mod | StringConcat | Eq | Neq | Lt | Gt | LtEq | GtEq),
    }
}

fn keyword(token: &Token) -> Keyword {
    match token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

/// A name that only this crate may call.
fn internal(name: &str) -> Token {
    Token::Word(Word { value: name.into(), quote_style: Some('"'), keyword: Keyword::NoKeyword })
}

fn with_parameters(tokens: Tokens, parameters: &[Value]) -> Result<Tokens, Error> {
    let is_parameter =
        |token: &Token| matches!(token, Token::Placeholder(mark) if mark == "?") || *token == Token::Question;
    let wanted = tokens.iter().filter(|own| is_parameter(&own.token)).count();
    if wanted != parameters.len() {
        return Err(Error::Parameters { wanted, given: parameters.len() });
    }
    let mut values = parameters.iter();
    let mut out = Tokens::with_capacity(tokens.len());
    for own in tokens {
        match values.as_slice().first().filter(|_| is_parameter(&own.token)) {
            Some(value) => {
                values.next();
                out.extend(literal(value)?.into_iter().map(|token| TokenWithSpan { token, span: own.span }));
            }
            None => out.push(own),
        }
    }
    Ok(out)
}

/// A value as the tokens of a literal.
fn literal(value: &Value) -> Result<Vec<Token>, Error> {
    let cast = |text: &str, to: &str| {
        let text = Token::SingleQuotedString(text.to_owned());
        vec![internal("$cast"), Token::LParen, text, Token::Comma, Token::SingleQuotedString(to.into()), Token::RParen]
    };
    Ok(match value {
        Value::Null => vec![Token::make_keyword("null")],
        Value::Boolean(flag) => vec![Token::make_keyword(if *flag { "true" } else { "false" })],
        Value::Integer(whole) if *whole >= 0 => vec![Token::Number(whole.to_string(), false)],
        Value::Integer(whole) => cast(&whole.to_string(), "bigint"),
        Value::Float(number) => cast(&format!("{number:?}"), "double"),
        Value::Decimal(digits) => {
            let Some((precision, scale)) = decimal_shape(digits) else {
                return Err(Error::Value("a decimal parameter is no number".into()));
            };
            cast(digits, &format!("decimal({precision},{scale})"))
        }
        Value::Text(text) => vec![Token::SingleQuotedString(text.clone())],
        Value::Bytes(bytes) => {
            vec![Token::HexStringLiteral(bytes.iter().map(|byte| format!("{byte:02X}")).collect())]
        }
        Value::Date(text) => cast(text, "date"),
        Value::Time(text) => cast(text, "time"),
        Value::Timestamp(text) => {
            let quoted = Token::SingleQuotedString(text.clone());
            vec![internal("$timestamp"), Token::LParen, quoted, Token::RParen]
        }
    })
}

/// The precision and scale of a decimal literal.
pub(super) fn decimal_shape(digits: &str) -> Option<(usize, usize)> {
    let (whole, fraction) = digits
        .trim()
        .trim_start_matches(['-', '+'])
        .split_once('.')
        .unwrap_or((digits.trim().trim_start_matches(['-', '+']), ""));
    let significant = whole.trim_start_matches('0').len() + fraction.len();
    let plain = whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit());
    (plain && !(whole.is_empty() && fraction.is_empty()) && significant <= 38)
        .then_some((significant.max(1), fraction.len()))
}

/// `CAST(x AS row(a bigint))` becomes `"$cast"(x, 'row ( a bigint )')`: the parser does not know all of Trino's types.
fn casts(tokens: Tokens) -> Result<Tokens, Error> {
    let mut out = Tokens::with_capacity(tokens.len());
    // The depths at which the open casts stand.
    let mut open: Vec<usize> = Vec::new();
    let mut depth = 0;
    let mut rest = tokens.into_iter().peekable();
    while let Some(mut own) = rest.next() {
        let called = rest.peek().is_some_and(|next| next.token == Token::LParen);
        match (&own.token, keyword(&own.token)) {
            (_, Keyword::CAST | Keyword::TRY_CAST) if called => {
                let attempt = keyword(&own.token) == Keyword::TRY_CAST;
                own.token = internal(&if attempt { format!("{ATTEMPT}$cast") } else { "$cast".into() });
                open.push(depth + 1);
            }
            (Token::LParen | Token::LBracket, _) => depth += 1,
            (Token::RParen | Token::RBracket, _) => depth = depth.saturating_sub(1),
            (_, Keyword::AS) if open.last() == Some(&depth) => {
                open.pop();
                let mut within = 0;
                let mut written = Vec::new();
                while let Some(next) = rest.peek() {
                    match next.token {
                        Token::LParen => within += 1,
                        Token::RParen if within == 0 => break,
                        Token::RParen => within -= 1,
                        _ => {}
                    }
                    written.extend(rest.next().map(|next| next.token.to_string()));
                }
                let written = written.join(" ");
                if crate::types::parse(&written).is_none() {
                    return Err(syntax(format!("there is no type {written}"), own.span.start));
                }
                out.push(TokenWithSpan { token: Token::Comma, span: own.span });
                own.token = Token::SingleQuotedString(written);
            }
            _ => {}
        }
        out.push(own);
    }
    Ok(out)
}

/// `VALUES 1, 2` becomes `VALUES (1), (2)`.
fn rows_of_values(tokens: Tokens) -> Tokens {
    let mut out = Tokens::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        out.push(tokens[at].clone());
        at += 1;
        if keyword(&tokens[at - 1].token) != Keyword::VALUES {
            continue;
        }
        while at < tokens.len() {
            let end = at + row_length(&tokens[at..]);
            let row = rows_of_values(tokens[at..end].to_vec());
            let wrapped = row.first().is_some_and(|first| first.token == Token::LParen) && closes_at_end(&row);
            let around = |token| TokenWithSpan { token, span: tokens[at].span };
            if wrapped || row.is_empty() {
                out.extend(row);
            } else {
                out.extend(std::iter::once(around(Token::LParen)).chain(row).chain([around(Token::RParen)]));
            }
            at = end;
            match tokens.get(at) {
                Some(comma) if comma.token == Token::Comma => out.push(comma.clone()),
                _ => break,
            }
            at += 1;
        }
    }
    out
}

/// How many tokens the first row of `VALUES` has.
fn row_length(tokens: &[TokenWithSpan]) -> usize {
    let mut depth = 0;
    for (place, own) in tokens.iter().enumerate() {
        match (&own.token, keyword(&own.token)) {
            (Token::LParen | Token::LBracket, _) => depth += 1,
            (Token::RParen | Token::RBracket, _) if depth == 0 => return place,
            (Token::RParen | Token::RBracket, _) => depth -= 1,
            (Token::Comma, _) if depth == 0 => return place,
            (
                _,
                Keyword::ORDER
                | Keyword::LIMIT
                | Keyword::OFFSET
                | Keyword::FETCH
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT,
            ) if depth == 0 => return place,
            _ => {}
        }
    }
    tokens.len()
}

/// True if the first parenthesis closes at the last token.
fn closes_at_end(tokens: &[TokenWithSpan]) -> bool {
    let mut depth = 0;
    let closed = tokens.iter().position(|own| {
        match own.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    closed == Some(tokens.len() - 1)
}
