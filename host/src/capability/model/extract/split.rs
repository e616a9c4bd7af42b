//! What of a message is the question, and what the data: by a `<data>` around it, or by its shape.

use serde::de::IgnoredAny;

/// How many lines of one shape make a table.
const TABLE_LINES_MIN: usize = 3;

/// How many brackets at the beginning of a line are tried as the beginning of JSON.
const STARTS_MAX: usize = 20;

/// The question, and the data that it is about; all is data if no part of it looks like more.
pub(super) fn question_and_data(said: &str) -> (String, &str) {
    let parts = tagged(said).or_else(|| json(said)).or_else(|| table(said));
    let (before, data, after) = parts.unwrap_or_else(|| paragraphs(said));
    (format!("{} {}", before.trim(), after.trim()).trim().to_owned(), data.trim())
}

/// Of several paragraphs, the first asks; or the last, if that is the one with a question mark.
fn paragraphs(said: &str) -> (&str, &str, &str) {
    let asks = |text: &str| text.trim_end().ends_with('?');
    match (said.split_once("\n\n"), said.rsplit_once("\n\n")) {
        (Some((first, _)), Some((front, last))) if asks(last) && !asks(first) => ("", front, last),
        (Some((first, rest)), _) => (first, rest, ""),
        (None, _) => ("", said, ""),
    }
}

/// What stands between `<data>` and the last `</data>`.
fn tagged(said: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = said.split_once("<data>")?;
    let (data, after) = rest.rsplit_once("</data>").unwrap_or((rest, ""));
    Some((before, data, after))
}

/// The first line that begins a JSON array or object, and all lines of JSON that follow it.
fn json(said: &str) -> Option<(&str, &str, &str)> {
    let begins_line = |at: &usize| {
        let before = said.get(..*at).unwrap_or_default().trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with('\n')
    };
    let starts = said.match_indices(['[', '{']).map(|(at, _)| at).filter(begins_line);
    for start in starts.take(STARTS_MAX) {
        let rest = said.get(start..)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let mut end = 0;
        while let Some(Ok(_)) = values.next() {
            end = values.byte_offset();
            if !rest.get(end..).is_some_and(|more| more.trim_start().starts_with(['[', '{'])) {
                break;
            }
        }
        if end > 2 {
            return Some((said.get(..start)?, rest.get(..end)?, rest.get(end..)?));
        }
    }
    None
}

/// The longest run of lines with as many separators each.
fn table(said: &str) -> Option<(&str, &str, &str)> {
    let lines: Vec<(usize, &str)> = said
        .split_inclusive('\n')
        .scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some((start, line))
        })
        .collect();
    let mut best: Option<(usize, usize)> = None;
    for separator in [',', '\t', ';', '|'] {
        let counts: Vec<usize> = lines.iter().map(|(_, line)| separators(line, separator)).collect();
        let mut from = 0;
        while let Some(&count) = counts.get(from) {
            let run = counts.iter().skip(from).take_while(|other| **other == count).count();
            if count > 0 && run >= TABLE_LINES_MIN && best.is_none_or(|(start, end)| run > end - start) {
                best = Some((from, from + run));
            }
            from += run;
        }
    }
    let (from, to) = best?;
    // No line that names columns ends as a sentence does: the question stands right above its table.
    let asks = lines.get(from).is_some_and(|(_, line)| line.trim_end().ends_with(['?', '.', ':', '!']));
    let from = from + usize::from(asks);
    let start = lines.get(from)?.0;
    let end = lines.get(to).map_or(said.len(), |(at, _)| *at);
    Some((said.get(..start)?, said.get(start..end)?, said.get(end..)?))
}

/// How many separators a line has outside quotes.
fn separators(line: &str, separator: char) -> usize {
    let mut quoted = false;
    line.chars()
        .filter(|c| {
            quoted ^= *c == '"';
            *c == separator && !quoted
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_told_from_its_data() {
        for (said, question, data) in [
            ("Why?\n<data>\na b c\n</data>\nBriefly.", "Why? Briefly.", "a b c"),
            ("Which?\n\n[{\"a\": 1}]", "Which?", "[{\"a\": 1}]"),
            ("[{\"a\": 1}]\n\nWhich [one]?", "Which [one]?", "[{\"a\": 1}]"),
            ("Which?\n{\"a\":1}\n{\"a\":2}\nThanks.", "Which? Thanks.", "{\"a\":1}\n{\"a\":2}"),
            ("How many, say?\nid,kind\n1,x\n2,\"y, z\"\n", "How many, say?", "id,kind\n1,x\n2,\"y, z\""),
            ("Sum it up.\n\nOne thing. Another thing.", "Sum it up.", "One thing. Another thing."),
            ("One thing.\n\nAnother thing.\n\nWhat is it?", "What is it?", "One thing.\n\nAnother thing."),
            ("Only this.", "", "Only this."),
            ("[not json", "", "[not json"),
            ("", "", ""),
        ] {
            assert_eq!(question_and_data(said), (question.to_owned(), data), "{said}");
        }
    }
}
