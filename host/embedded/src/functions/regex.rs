//! Regular expressions, and `LIKE`. The syntax is that of Rust's `regex`: Java's without look-around and back-references.

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use regex::{Captures, Regex, RegexBuilder};

use super::function::{Function, Gives, Takes};
use super::row::{Answer, Args, Row, bad, boolean, int, room, text, texts};
use crate::Error;

use Takes::{Int, Text};

pub(super) fn all() -> Vec<Function> {
    vec![
        Function::new("regexp_like", &[Text, Text], Gives::Boolean, |args| {
            matching(args, regex, |row, regex| boolean(regex.is_match(row.text(0))))
        }),
        Function::new("regexp_extract", &[Text, Text, Int], Gives::Text, |args| matching(args, regex, extract))
            .least(2),
        Function::new("regexp_extract_all", &[Text, Text, Int], Gives::Texts, |args| {
            matching(args, regex, |row, regex| {
                let group = group(row, regex)?;
                texts(regex.captures_iter(row.text(0)).filter_map(|found| found.get(group)).map(|found| found.as_str()))
            })
        })
        .least(2),
        Function::new("regexp_replace", &[Text, Text, Text], Gives::Text, |args| matching(args, regex, replace))
            .least(2),
        Function::new("regexp_count", &[Text, Text], Gives::Int, |args| {
            matching(args, regex, |row, regex| int(regex.find_iter(row.text(0)).count() as i64))
        }),
        Function::new("regexp_position", &[Text, Text], Gives::Int, |args| {
            matching(args, regex, |row, regex| {
                let found =
                    regex.find(row.text(0)).map(|found| row.text(0)[..found.start()].chars().count() as i64 + 1);
                int(found.unwrap_or(-1))
            })
        }),
        Function::new("regexp_split", &[Text, Text], Gives::Texts, |args| {
            matching(args, regex, |row, regex| texts(regex.split(row.text(0))))
        }),
        Function::new("$like", &[Text, Text, Text], Gives::Boolean, |args| {
            let like = |pattern: &str, row: Row| like(pattern, row.has(2).then(|| row.text(2)));
            matching(args, like, |row, regex| boolean(regex.is_match(row.text(0))))
        })
        .least(2),
    ]
}

/// Runs each row with its pattern, which is compiled again only where it changes.
fn matching(
    args: &Args,
    compile: impl Fn(&str, Row) -> Result<Regex>,
    run: impl Fn(Row, &Regex) -> Answer,
) -> Result<ArrayRef> {
    let mut last: Option<(String, Regex)> = None;
    args.each(|row| {
        let pattern = row.text(1);
        if last.as_ref().is_none_or(|(compiled, _)| compiled != pattern) {
            last = Some((pattern.to_owned(), compile(pattern, row)?));
        }
        match &last {
            Some((_, regex)) => run(row, regex),
            None => Ok(None),
        }
    })
}

fn regex(pattern: &str, _: Row) -> Result<Regex> {
    let built = RegexBuilder::new(pattern).size_limit(4 << 20).dfa_size_limit(4 << 20).build();
    built.or_else(|_| {
        let looks = ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|mark| pattern.contains(mark));
        match looks {
            true => Err(Error::Unsupported { construct: "look-around in regular expressions".into() }.into()),
            false => bad("the regular expression is not valid, or too large"),
        }
    })
}

/// The number of the group to take, which the pattern must have.
fn group(row: Row, regex: &Regex) -> Result<usize> {
    let group = if row.has(2) { row.int(2) } else { 0 };
    match usize::try_from(group).ok().filter(|group| *group < regex.captures_len()) {
        Some(group) => Ok(group),
        None => bad("the regular expression has no such group"),
    }
}

fn extract(row: Row, regex: &Regex) -> Answer {
    let group = group(row, regex)?;
    let found = regex.captures(row.text(0)).and_then(|found| found.get(group));
    found.map_or(Ok(None), |found| text(found.as_str()))
}

/// Java's replacement: `$1` and `${name}` are groups, a backslash takes the next character as it is.
fn replace(row: Row, regex: &Regex) -> Answer {
    let replacement: Vec<char> = if row.has(2) { row.text(2).chars().collect() } else { Vec::new() };
    let fill = |found: &Captures, out: &mut String| -> Result<()> {
        let mut at = 0;
        while at < replacement.len() {
            room(out.len())?;
            match (replacement[at], replacement.get(at + 1)) {
                ('\\', Some(next)) => {
                    out.push(*next);
                    at += 2;
                }
                ('$', Some('{')) => {
                    let name: String = replacement[at + 2..].iter().take_while(|letter| **letter != '}').collect();
                    out.push_str(found.name(&name).map_or("", |group| group.as_str()));
                    at += name.chars().count() + 3;
                }
                ('$', Some(digit)) if digit.is_ascii_digit() => {
                    let group = digit.to_digit(10).map_or(0, |digit| digit as usize);
                    out.push_str(found.get(group).map_or("", |group| group.as_str()));
                    at += 2;
                }
                (letter, _) => {
                    out.push(letter);
                    at += 1;
                }
            }
        }
        room(out.len())
    };
    let whole = row.text(0);
    let (mut out, mut done) = (String::new(), 0);
    for found in regex.captures_iter(whole) {
        let all = found.get_match();
        out.push_str(&whole[done..all.start()]);
        fill(&found, &mut out)?;
        done = all.end();
    }
    out.push_str(&whole[done..]);
    text(out)
}

/// `LIKE`: `%` is anything, `_` one character; there is no escape unless `ESCAPE` names one.
fn like(pattern: &str, escape: Option<&str>) -> Result<Regex> {
    let escape = match escape.map(|escape| escape.chars().collect::<Vec<_>>()) {
        None => None,
        Some(one) if one.len() == 1 => Some(one[0]),
        Some(_) => return bad("the escape of LIKE must be one character"),
    };
    let mut source = String::from("(?s)^");
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            letter if Some(letter) == escape => match letters.next() {
                Some(next) if next == '%' || next == '_' || Some(next) == escape => {
                    source.push_str(&regex::escape(&next.to_string()));
                }
                _ => return bad("the escape of LIKE must stand before %, _ or itself"),
            },
            '%' => source.push_str(".*"),
            '_' => source.push('.'),
            letter => source.push_str(&regex::escape(&letter.to_string())),
        }
    }
    source.push('$');
    let built = RegexBuilder::new(&source).size_limit(8 << 20).dfa_size_limit(8 << 20).build();
    built.or_else(|_| bad("the pattern of LIKE is too large"))
}
