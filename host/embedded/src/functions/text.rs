//! Functions on varchar. Places count characters, from one.

use std::collections::{HashMap, HashSet};

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use super::function::{Function, Gives, Takes};
use super::row::{Answer, Row, bad, boolean, int, mistyped, room, text, texts};
use super::{arrays, maps};
use crate::render;
use crate::types::{self, VARCHAR};

use Takes::{Any, Collection, Int, Text};

/// The most steps of `levenshtein_distance`, as Trino has it: they grow with the product of the lengths.
const STEPS_MAX: usize = 1_000_000;

pub(super) fn all() -> Vec<Function> {
    let mut all = vec![
        Function::new("length", &[Any], Gives::Int, |args| args.each(length)),
        Function::new("lower", &[Text], Gives::Text, |args| args.each(|row| text(row.text(0).to_lowercase()))),
        Function::new("upper", &[Text], Gives::Text, |args| args.each(|row| text(row.text(0).to_uppercase()))),
        Function::new("trim", &[Text, Text], Gives::Text, |args| args.each(|row| trimmed(row, true, true))).least(1),
        Function::new("ltrim", &[Text, Text], Gives::Text, |args| args.each(|row| trimmed(row, true, false))).least(1),
        Function::new("rtrim", &[Text, Text], Gives::Text, |args| args.each(|row| trimmed(row, false, true))).least(1),
        Function::new("replace", &[Text, Text, Text], Gives::Text, |args| args.each(replace)).least(2),
        Function::new("concat_ws", &[Text, Any], Gives::Text, |args| args.each_null(concat_ws)).many(),
        Function::new("lpad", &[Text, Int, Text], Gives::Text, |args| args.each(|row| padded(row, true))),
        Function::new("rpad", &[Text, Int, Text], Gives::Text, |args| args.each(|row| padded(row, false))),
        Function::new("split", &[Text, Text, Int], Gives::Texts, |args| args.each(split)).least(2),
        Function::new("split_part", &[Text, Text, Int], Gives::Text, |args| args.each(split_part)),
        Function::new(
            "split_to_map",
            &[Text, Text, Text],
            Gives::Of(|_, _| Ok(types::map_of(VARCHAR, VARCHAR))),
            |args| args.each(split_to_map),
        ),
        Function::new("strpos", &[Text, Text, Int], Gives::Int, |args| args.each(strpos)).least(2),
        Function::new("starts_with", &[Text, Text], Gives::Boolean, |args| {
            args.each(|row| boolean(row.text(0).starts_with(row.text(1))))
        }),
        Function::new("ends_with", &[Text, Text], Gives::Boolean, |args| {
            args.each(|row| boolean(row.text(0).ends_with(row.text(1))))
        }),
        Function::new("chr", &[Int], Gives::Text, |args| {
            args.each(|row| match u32::try_from(row.int(0)).ok().and_then(char::from_u32) {
                Some(letter) => text(letter),
                None => bad("that is no Unicode code point"),
            })
        }),
        Function::new("codepoint", &[Text], Gives::Int, |args| {
            args.each(|row| {
                let mut letters = row.text(0).chars();
                match (letters.next(), letters.next()) {
                    (Some(letter), None) => int(i64::from(u32::from(letter))),
                    _ => bad("codepoint takes one character"),
                }
            })
        }),
        Function::new("translate", &[Text, Text, Text], Gives::Text, |args| {
            args.each(|row| {
                let mut to = row.text(2).chars();
                let mut swaps: HashMap<char, Option<char>> = HashMap::new();
                for letter in row.text(1).chars() {
                    let other = to.next();
                    swaps.entry(letter).or_insert(other);
                }
                let swap = |letter: char| swaps.get(&letter).copied().unwrap_or(Some(letter));
                text(row.text(0).chars().filter_map(swap).collect::<String>())
            })
        }),
        Function::new("levenshtein_distance", &[Text, Text], Gives::Int, |args| {
            args.each(|row| int(levenshtein(row.text(0), row.text(1))? as i64))
        }),
        Function::new("hamming_distance", &[Text, Text], Gives::Int, |args| {
            args.each(|row| {
                let (left, right) = (row.text(0), row.text(1));
                match left.chars().count() == right.chars().count() {
                    true => int(left.chars().zip(right.chars()).filter(|(left, right)| left != right).count() as i64),
                    false => bad("hamming_distance takes two texts of one length"),
                }
            })
        }),
        Function::new("reverse", &[Any], Gives::Same(0), |args| args.each(reverse)),
        Function::new("concat", &[Any], Gives::Of(concat_type), |args| args.each(concat)).many(),
        Function::new("cardinality", &[Collection], Gives::Int, |args| args.each(cardinality)),
        Function::new("typeof", &[Any], Gives::Text, |args| args.each_null(|row| text(types::name(row.held(0))))),
    ];
    for name in ["substr", "substring"] {
        all.push(Function::new(name, &[Text, Int, Int], Gives::Text, |args| args.each(substr)).least(2));
    }
    all
}

fn length(row: Row) -> Answer {
    match row.held(0) {
        held if *held == VARCHAR => int(row.text(0).chars().count() as i64),
        DataType::Binary => int(row.bytes(0).len() as i64),
        held => mistyped(format!("length takes varchar or varbinary, not {}", types::name(held))),
    }
}

fn trimmed(row: Row, start: bool, end: bool) -> Answer {
    let letters: Option<HashSet<char>> = row.has(1).then(|| row.text(1).chars().collect());
    let within = |letter: char| letters.as_ref().map_or(letter.is_whitespace(), |letters| letters.contains(&letter));
    let mut left = row.text(0);
    if start {
        left = left.trim_start_matches(within);
    }
    if end {
        left = left.trim_end_matches(within);
    }
    text(left)
}

fn substr(row: Row) -> Answer {
    let whole = row.text(0);
    let count = whole.chars().count() as i64;
    let start = match row.int(1) {
        0 => return text(""),
        behind if behind < 0 => count + behind,
        place => place - 1,
    };
    let taken = if row.has(2) { row.int(2) } else { count };
    if start < 0 || taken <= 0 {
        return text("");
    }
    text(whole.chars().skip(start as usize).take(taken as usize).collect::<String>())
}

fn replace(row: Row) -> Answer {
    let (whole, part) = (row.text(0), row.text(1));
    let other = if row.has(2) { row.text(2) } else { "" };
    if other.len() > part.len() {
        room(whole.len().saturating_add(whole.matches(part).count().saturating_mul(other.len())))?;
    }
    text(whole.replace(part, other))
}

/// The parts with this mark between them.
pub(super) fn joined(parts: &[String], mark: &str) -> Answer {
    let bytes = parts.iter().map(|part| part.len().saturating_add(mark.len()));
    room(bytes.fold(0, usize::saturating_add))?;
    text(parts.join(mark))
}

/// Skips NULLs, as only this function does.
fn concat_ws(row: Row) -> Answer {
    if row.null(0) {
        return Ok(None);
    }
    let mut parts = Vec::new();
    for place in (1..row.count()).filter(|place| !row.null(*place)) {
        match row.held(place) {
            held if *held == VARCHAR => parts.push(row.text(place).to_owned()),
            DataType::List(_) => {
                let elements = row.elements(place);
                let present = (0..elements.len()).filter(|element| !elements.is_null(*element));
                parts.extend(present.filter_map(|element| render::text(&elements, element)));
            }
            held => return mistyped(format!("concat_ws takes varchar, not {}", types::name(held))),
        }
    }
    joined(&parts, row.text(0))
}

fn padded(row: Row, left: bool) -> Answer {
    let (whole, fill) = (row.text(0), row.text(2));
    let Ok(size) = usize::try_from(row.int(1)) else { return bad("a text cannot be padded to less than nothing") };
    if fill.is_empty() {
        return bad("the padding is empty");
    }
    room(size)?;
    let count = whole.chars().count();
    if size <= count {
        return text(whole.chars().take(size).collect::<String>());
    }
    let letters = size - count;
    // As many bytes as the longest of its letters would take.
    let letter_max = fill.chars().map(char::len_utf8).max().unwrap_or(1);
    room(whole.len().saturating_add(letters.saturating_mul(letter_max)))?;
    let padding: String = fill.chars().cycle().take(letters).collect();
    text(if left { padding + whole } else { whole.to_owned() + &padding })
}

fn split(row: Row) -> Answer {
    let (whole, mark) = (row.text(0), row.text(1));
    if mark.is_empty() {
        return bad("the delimiter is empty");
    }
    match row.has(2).then(|| row.int(2)) {
        None => texts(whole.split(mark)),
        Some(limit) if limit > 0 => texts(whole.splitn(limit as usize, mark)),
        Some(_) => bad("the limit of split must be positive"),
    }
}

fn split_part(row: Row) -> Answer {
    let (whole, mark) = (row.text(0), row.text(1));
    let Some(place) = usize::try_from(row.int(2)).ok().filter(|place| *place > 0) else {
        return bad("the index of split_part must be positive");
    };
    match whole.split(mark).nth(place - 1) {
        Some(part) if !mark.is_empty() => text(part),
        _ => Ok(None),
    }
}

fn split_to_map(row: Row) -> Answer {
    let (whole, entry, pair) = (row.text(0), row.text(1), row.text(2));
    if entry.is_empty() || pair.is_empty() || entry == pair {
        return bad("the two delimiters of split_to_map must be different texts");
    }
    let mut pairs = Vec::new();
    for part in whole.split(entry).filter(|part| !part.is_empty()) {
        match part.split_once(pair) {
            Some((key, value)) => pairs.push((ScalarValue::from(key), ScalarValue::from(value))),
            None => return bad("an entry of split_to_map has no key and value"),
        }
    }
    maps::unique(pairs, &VARCHAR, &VARCHAR)
}

fn strpos(row: Row) -> Answer {
    let (whole, part) = (row.text(0), row.text(1));
    let instance = if row.has(2) { row.int(2) } else { 1 };
    let found = match instance {
        0 => return bad("the instance of strpos must not be zero"),
        1 => whole.find(part),
        ahead if ahead > 0 => overlapping(whole, part).nth(ahead as usize - 1),
        behind => {
            overlapping(whole, part).collect::<Vec<_>>().into_iter().rev().nth(behind.unsigned_abs() as usize - 1)
        }
    };
    int(found.map_or(0, |at| whole[..at].chars().count() as i64 + 1))
}

fn overlapping<'a>(whole: &'a str, part: &'a str) -> impl Iterator<Item = usize> {
    whole
        .char_indices()
        .map(|(at, _)| at)
        .chain(whole.is_empty().then_some(0))
        .filter(move |at| whole[*at..].starts_with(part))
}

fn levenshtein(left: &str, right: &str) -> Result<usize> {
    let right: Vec<char> = right.chars().collect();
    if left.chars().count().saturating_mul(right.len()) > STEPS_MAX {
        return bad("the two texts of levenshtein_distance are too long");
    }
    let mut costs: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut costs[0], row + 1);
        for column in 0..right.len() {
            let kept = diagonal + usize::from(letter != right[column]);
            diagonal = costs[column + 1];
            costs[column + 1] = kept.min(diagonal + 1).min(costs[column] + 1);
        }
    }
    Ok(costs[right.len()])
}

fn reverse(row: Row) -> Answer {
    match row.held(0) {
        DataType::List(field) => {
            let mut elements = arrays::scalars(&row.elements(0))?;
            elements.reverse();
            super::row::array(elements, field.data_type())
        }
        held if *held == VARCHAR => text(row.text(0).chars().rev().collect::<String>()),
        held => mistyped(format!("reverse takes varchar or an array, not {}", types::name(held))),
    }
}

/// `||`: texts, bytes, arrays, and an array with elements of its own.
fn concat_type(given: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let known: Vec<_> = given.iter().filter(|held| **held != DataType::Null).collect();
    let Some(first) = known.first() else { return Ok(VARCHAR) };
    if let Some(list) = known.iter().find(|held| matches!(held, DataType::List(_))) {
        let common = known.iter().try_fold((*list).clone(), |common, held| match held {
            DataType::List(_) => super::alike(&common, held),
            element => super::alike(&common, &types::array_of((*element).clone())),
        });
        if let Some(common) = common {
            return Ok(common);
        }
    } else if known.iter().all(|held| held == first) && (**first == VARCHAR || **first == DataType::Binary) {
        return Ok((*first).clone());
    }
    let given: Vec<_> = given.iter().map(types::name).collect();
    mistyped(format!("cannot concatenate {}", given.join(" and ")))
}

fn concat(row: Row) -> Answer {
    let nested = (0..row.count()).any(|place| matches!(row.held(place), DataType::List(_)));
    if !nested && (0..row.count()).all(|place| row.held(place) == &DataType::Binary) {
        room((0..row.count()).map(|place| row.bytes(place).len()).fold(0, usize::saturating_add))?;
        return super::row::bytes((0..row.count()).flat_map(|place| row.bytes(place).to_vec()).collect());
    }
    if !nested {
        room((0..row.count()).map(|place| row.text(place).len()).fold(0, usize::saturating_add))?;
        return text((0..row.count()).map(|place| row.text(place)).collect::<String>());
    }
    let held: Vec<_> = (0..row.count()).map(|place| row.held(place).clone()).collect();
    let DataType::List(field) = concat_type(&held, &[])? else { return bad("no array to concatenate") };
    let mut all = Vec::new();
    for place in 0..row.count() {
        let (array, at) = row.array(place);
        let elements = match array.data_type() {
            DataType::List(_) => row.elements(place),
            _ => array.slice(at, 1),
        };
        all.extend(arrays::scalars(&super::cast::convert(&elements, field.data_type(), None, false)?)?);
    }
    super::row::array(all, field.data_type())
}

fn cardinality(row: Row) -> Answer {
    int(match row.held(0) {
        DataType::Map(..) => row.entries(0).0.len(),
        _ => row.elements(0).len(),
    } as i64)
}
