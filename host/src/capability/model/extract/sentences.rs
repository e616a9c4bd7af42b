//! Which sentences to quote: those that share telling words with the question, then those whose
//! words weigh most (TF-IDF), and of several that say the same only one.

use std::collections::HashMap;

use super::words::{asks, telling};

/// The longest sentence that is quoted whole, in characters.
const CHARACTERS_MAX: usize = 300;

/// How long a quote with what its record says next may be, in bytes.
const QUOTE_BYTES_MAX: usize = 300;

/// How many telling words a sentence needs to be chosen.
const WORDS_MIN: usize = 2;

/// How many words that stand out are shown.
const WORDS_SHOWN: usize = 15;

/// Words before a full stop that end no sentence.
const ABBREVIATIONS: [&str; 11] = ["e.g", "i.e", "vs", "etc", "approx", "mr", "mrs", "dr", "no", "cf", "resp"];

/// One sentence of the data.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sentence {
    pub(super) text: String,
    /// The name of the record that it is from.
    pub(super) label: Option<String>,
    /// The place of that record; of prose, its own.
    pub(super) record: usize,
}

/// A sentence by its place, and how many others say the same.
#[derive(Debug, PartialEq)]
pub(super) struct Ranked {
    pub(super) place: usize,
    /// How many sentences after it, of the same record, belong to the quote.
    pub(super) more: usize,
    pub(super) alike: usize,
}

/// What was chosen.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Choice {
    /// What shares words with the question, the closest first.
    pub(super) close: Vec<Ranked>,
    /// What else stands out.
    pub(super) others: Vec<Ranked>,
    /// Words that stand out, as written, and in how many records.
    pub(super) words: Vec<(String, usize)>,
}

/// The sentences of prose.
pub(super) fn of_prose(text: &str, sentences_max: usize) -> Vec<Sentence> {
    let sentences = split(text).into_iter().take(sentences_max).enumerate();
    sentences.map(|(record, text)| Sentence { text, label: None, record }).collect()
}

/// A text in sentences: at the end of a line, and at a full stop before a new beginning.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    for line in text.lines() {
        let mut start = 0;
        for (at, c) in line.char_indices().filter(|(_, c)| matches!(c, '.' | '!' | '?')) {
            let end = at + c.len_utf8();
            let (said, rest) = (line.get(start..at).unwrap_or_default(), line.get(end..).unwrap_or_default());
            let begins_anew = rest.starts_with(char::is_whitespace)
                && rest.trim_start().chars().next().is_some_and(|next| !next.is_lowercase());
            let word = said.rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
            if begins_anew && !ABBREVIATIONS.contains(&word.as_str()) {
                sentences.push(line.get(start..end).unwrap_or_default());
                start = end;
            }
        }
        sentences.push(line.get(start..).unwrap_or_default());
    }
    let sentences = sentences.into_iter().map(|said| said.trim().trim_start_matches(['-', '*', '#', ' ']));
    sentences.filter(|said| said.chars().any(char::is_alphabetic)).map(shortened).collect()
}

fn shortened(sentence: &str) -> String {
    match sentence.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}\u{2026}", sentence.get(..end).unwrap_or_default().trim_end()),
        None => sentence.to_owned(),
    }
}

/// The words of all sentences, by number, and what each weighs.
struct Vocabulary {
    numbers: HashMap<String, usize>,
    /// As written, in the shortest form.
    written: Vec<String>,
    /// In how many records it is.
    records: Vec<usize>,
    records_count: usize,
}

impl Vocabulary {
    /// Numbers the words of all sentences; answers with those of each too, sorted.
    fn read(sentences: &[Sentence]) -> (Self, Vec<Vec<usize>>) {
        let mut own = Self { numbers: HashMap::new(), written: Vec::new(), records: Vec::new(), records_count: 0 };
        let mut last_record: Vec<Option<usize>> = Vec::new();
        let mut seen = None;
        let mut words = Vec::with_capacity(sentences.len());
        for Sentence { text, record, .. } in sentences {
            if seen != Some(*record) {
                seen = Some(*record);
                own.records_count += 1;
            }
            let mut numbers = Vec::new();
            for (stem, written) in telling(text) {
                let next = own.written.len();
                let number = *own.numbers.entry(stem).or_insert(next);
                match own.written.get_mut(number) {
                    Some(known) if written.len() < known.len() => written.clone_into(known),
                    Some(_) => {}
                    None => {
                        own.written.push(written.to_owned());
                        own.records.push(0);
                        last_record.push(None);
                    }
                }
                if let (Some(last), Some(count)) = (last_record.get_mut(number), own.records.get_mut(number))
                    && *last != Some(*record)
                {
                    *last = Some(*record);
                    *count += 1;
                }
                numbers.push(number);
            }
            numbers.sort_unstable();
            numbers.dedup();
            words.push(numbers);
        }
        (own, words)
    }

    fn records_with(&self, number: usize) -> f64 {
        as_float(self.records.get(number).copied().unwrap_or(1).max(1))
    }

    /// How telling a word is: the fewer records have it, the more.
    fn rarity(&self, number: usize) -> f64 {
        (1.0 + as_float(self.records_count) / self.records_with(number)).ln()
    }

    /// How much a word says of the whole: most, if several records have it and most do not.
    fn weight(&self, number: usize) -> f64 {
        self.records_with(number).ln_1p() * self.rarity(number)
    }

    /// The words that stand out, with their numbers of records.
    fn standing_out(&self) -> Vec<(String, usize)> {
        let weight = |records: usize| {
            let records = as_float(records);
            records * (as_float(self.records_count) / records).ln()
        };
        let several = self.records.iter().enumerate().filter(|(_, records)| **records > 1);
        let mut words: Vec<(usize, usize)> = several.map(|(number, records)| (number, *records)).collect();
        words.sort_by(|(a, n), (b, m)| weight(*m).total_cmp(&weight(*n)).then(a.cmp(b)));
        let written = |(number, records): (usize, usize)| Some((self.written.get(number)?.clone(), records));
        words.into_iter().take(WORDS_SHOWN).filter_map(written).collect()
    }
}

/// Chooses at most so many sentences that are close to the question, and so many others.
pub(super) fn rank(sentences: &[Sentence], question: &str, close_max: usize, others_max: usize) -> Choice {
    let (vocabulary, words) = Vocabulary::read(sentences);
    let mut asked: Vec<usize> = telling(question)
        .filter(|(stem, _)| !asks(stem))
        .filter_map(|(stem, _)| vocabulary.numbers.get(&stem).copied())
        .collect();
    asked.sort_unstable();
    asked.dedup();

    let shared = |numbers: &[usize]| -> f64 {
        let shared = numbers.iter().filter(|number| asked.binary_search(number).is_ok());
        shared.map(|number| vocabulary.rarity(*number)).sum()
    };
    let weight = |numbers: &[usize]| -> f64 {
        let sum: f64 = numbers.iter().map(|number| vocabulary.weight(*number)).sum();
        sum / as_float(numbers.len().max(1)).sqrt()
    };
    let scored = |score: &dyn Fn(&[usize]) -> f64| {
        let long_enough = words.iter().enumerate().filter(|(_, numbers)| numbers.len() >= WORDS_MIN);
        let mut scored: Vec<(usize, f64)> = long_enough.map(|(place, numbers)| (place, score(numbers))).collect();
        scored.retain(|(_, score)| *score > 0.0);
        scored.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        scored
    };
    // Of those that share the same words, the one that says most besides them.
    let close_score = |numbers: &[usize]| match shared(numbers) {
        0.0 => 0.0,
        shared => shared + weight(numbers) / 100.0,
    };
    let mut close = choose(&scored(&close_score), &words, &[], close_max);
    // What is done about a thing is often said right after it.
    close.iter_mut().for_each(|ranked| ranked.more = goes_on(sentences, ranked.place));
    let quoted: Vec<usize> = close.iter().flat_map(|ranked| ranked.place..=ranked.place + ranked.more).collect();
    let others = choose(&scored(&weight), &words, &quoted, others_max);
    Choice { close, others, words: vocabulary.standing_out() }
}

/// The first of the scored, without those that say what one before them says; these are counted.
fn choose(scored: &[(usize, f64)], words: &[Vec<usize>], known: &[usize], max: usize) -> Vec<Ranked> {
    let of = |place: usize| words.get(place).map_or(&[][..], Vec::as_slice);
    let mut chosen: Vec<Ranked> = Vec::new();
    for (place, _) in scored {
        if known.iter().any(|other| are_alike(of(*place), of(*other))) {
            continue;
        }
        if let Some(other) = chosen.iter_mut().find(|other| are_alike(of(*place), of(other.place))) {
            other.alike += 1;
        } else if chosen.len() < max {
            chosen.push(Ranked { place: *place, more: 0, alike: 0 });
        }
    }
    chosen
}

/// How many sentences after one are of the same record, and short enough to be quoted with it.
fn goes_on(sentences: &[Sentence], place: usize) -> usize {
    let Some(first) = sentences.get(place) else { return 0 };
    let after = sentences.iter().skip(place + 1).take_while(|next| next.record == first.record);
    let ends = after.scan(first.text.len(), |bytes, next| {
        *bytes += next.text.len();
        Some(*bytes)
    });
    ends.take_while(|bytes| *bytes <= QUOTE_BYTES_MAX).count()
}

/// Whether two sorted lists of words have three of five in common.
fn are_alike(a: &[usize], b: &[usize]) -> bool {
    let common = a.iter().filter(|number| b.binary_search(number).is_ok()).count();
    common * 5 >= (a.len() + b.len() - common) * 3
}

#[allow(clippy::cast_precision_loss, reason = "a few thousand at most")]
fn as_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_a_new_one_begins() {
        for (text, expected) in [
            ("One. Two! Three? four.", vec!["One.", "Two!", "Three? four."]),
            ("It is v1.2.3, e.g. Fast. Yes", vec!["It is v1.2.3, e.g. Fast.", "Yes"]),
            ("- first\n- second\n\n---\n42", vec!["first", "second"]),
            ("", vec![]),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
        let long = "x".repeat(CHARACTERS_MAX + 1);
        assert_eq!(split(&long).first().map(|text| text.chars().count()), Some(CHARACTERS_MAX + 1));
    }

    #[test]
    fn what_shares_rare_words_with_the_question_comes_first() {
        let text = "The pump failed at night. The pump was loud. The valve leaked at night. The pump is old and slow.";
        let sentences = of_prose(text, 100);
        let choice = rank(&sentences, "Which valve leaks?", 2, 0);
        assert_eq!(choice.close, [Ranked { place: 2, more: 0, alike: 0 }]);
        let choice = rank(&sentences, "What of the pump at night?", 1, 0);
        assert_eq!(choice.close, [Ranked { place: 0, more: 0, alike: 0 }]);
    }

    #[test]
    fn of_several_that_say_the_same_one_is_shown_and_the_others_counted() {
        let text =
            "Disk full on node seven. Disk full on node nine. Disk was full on node two. A cable broke in the hall.";
        let choice = rank(&of_prose(text, 100), "Why was a disk full?", 5, 5);
        assert_eq!(choice.close, [Ranked { place: 0, more: 0, alike: 2 }]);
        assert_eq!(choice.others, [Ranked { place: 3, more: 0, alike: 0 }]);
    }

    #[test]
    fn nothing_to_read_chooses_nothing() {
        assert_eq!(rank(&[], "Why?", 5, 5), Choice::default());
        assert_eq!(rank(&of_prose("...\n42 7", 10), "", 5, 5), Choice::default());
    }
}
