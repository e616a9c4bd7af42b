//! Which tools fit a question: BM25 over what their authors wrote, so that an agent with hundreds
//! of tools at hand need not read them all.

mod tool;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

pub use self::tool::{MANY, NAME, Search};
use self::words::{synonyms, words};

/// So much of a query is read, in bytes.
pub(crate) const QUERY_BYTES_MAX: usize = 4096;

/// So many words of a query count.
const QUERY_WORDS_MAX: usize = 64;

/// So many words of each field of a document count: plugins write them.
const FIELD_WORDS_MAX: usize = 2048;

/// How deep parameters are read within one another.
const DEPTH_MAX: usize = 4;

/// What is known of a tool before it is called.
pub(crate) struct Document<'a> {
    /// Its full name.
    pub(crate) name: &'a str,
    /// Its name for people.
    pub(crate) title: Option<&'a str>,
    /// What the model reads.
    pub(crate) description: &'a str,
    /// JSON Schema of its arguments: their names and descriptions count.
    pub(crate) input_schema: &'a Map<String, Value>,
    /// What its author expects people to ask for.
    pub(crate) keywords: &'a [String],
}

/// A kind of text about a tool.
struct Field {
    /// How much a word in it counts.
    weight: f64,
    /// How much less a word counts if the text is long: from 0 (no less) to 1 (in proportion).
    by_length: f64,
}

/// In the order of [`Document::fields`]. The measured answers hardly depend on the numbers: names
/// and keywords are chosen with care, and are not long for nothing.
const FIELDS: [Field; 4] = [
    // The name.
    Field { weight: 2.5, by_length: 0.0 },
    // The title and the keywords.
    Field { weight: 2.0, by_length: 0.0 },
    // The description.
    Field { weight: 1.0, by_length: 0.4 },
    // The parameters.
    Field { weight: 0.75, by_length: 0.4 },
];

/// How much must be found of a word until it counts half of what it can: BM25's `k1`.
const SATURATION: f64 = 1.2;

/// How much a word of about the same meaning counts, against the word itself.
const SYNONYM_WEIGHT: f64 = 0.5;

impl Document<'_> {
    /// The words of each kind of text.
    fn fields(&self) -> [Vec<String>; FIELDS.len()] {
        let named = self.title.into_iter().chain(self.keywords.iter().map(String::as_str)).collect();
        let mut parameters = Vec::new();
        add_parameters(self.input_schema, DEPTH_MAX, &mut parameters);
        let texts = [vec![self.name], named, vec![self.description], parameters];
        texts.map(|texts: Vec<&str>| texts.into_iter().flat_map(words).take(FIELD_WORDS_MAX).collect())
    }
}

/// Adds the names and descriptions of a schema's properties, and of those within them.
fn add_parameters<'a>(schema: &'a Map<String, Value>, depth: usize, texts: &mut Vec<&'a str>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        texts.push(name);
        texts.extend(property.get("description").and_then(Value::as_str));
        if let Some(property) = property.as_object() {
            add_parameters(property, depth, texts);
        }
    }
    if let Some(items) = schema.get("items").and_then(Value::as_object) {
        add_parameters(items, depth, texts);
    }
}

/// Documents, ready to be asked. Made once for each snapshot of the plugins.
#[derive(Default)]
pub(crate) struct Index {
    documents: usize,
    /// By word: the positions of the documents that have it, and what each gains if it is asked.
    gains: HashMap<String, Vec<(usize, f64)>>,
}

impl Index {
    /// An index of documents, which it calls by their positions.
    pub(crate) fn new<'a>(documents: impl IntoIterator<Item = Document<'a>>) -> Self {
        let documents: Vec<_> = documents.into_iter().map(|document| document.fields()).collect();
        let count = as_float(documents.len());
        let mut lengths = [0.0; FIELDS.len()];
        for fields in &documents {
            lengths.iter_mut().zip(fields).for_each(|(length, words)| *length += as_float(words.len()));
        }
        let mut gains: HashMap<String, Vec<(usize, f64)>> = HashMap::new();
        for (position, fields) in documents.iter().enumerate() {
            for ((words, field), length) in fields.iter().zip(&FIELDS).zip(lengths) {
                let relative = as_float(words.len()) * count / length;
                let gain = field.weight / (1.0 - field.by_length + field.by_length * relative);
                for word in words {
                    let gains = gains.entry(word.clone()).or_default();
                    match gains.last_mut() {
                        Some((last, sum)) if *last == position => *sum += gain,
                        _ => gains.push((position, gain)),
                    }
                }
            }
        }
        for gains in gains.values_mut() {
            let having = as_float(gains.len());
            let rarity = (1.0 + (count - having + 0.5) / (having + 0.5)).ln();
            gains.iter_mut().for_each(|(_, gain)| *gain = rarity * *gain / (*gain + SATURATION));
        }
        Self { documents: documents.len(), gains }
    }

    /// The positions of the allowed documents that share a word with the query, best first; those
    /// that fit as well as one another in the order they came in.
    pub(crate) fn best(&self, query: &str, limit: usize, allowed: impl Fn(usize) -> bool) -> Vec<usize> {
        let query = query.get(..query.floor_char_boundary(QUERY_BYTES_MAX)).unwrap_or_default();
        // In one order, whatever the query's: sums of floating-point numbers depend on it.
        let asked: BTreeSet<String> = words(query).take(QUERY_WORDS_MAX).collect();
        let mut scores = vec![0.0; self.documents];
        for (position, gain) in asked.iter().flat_map(|word| self.gains_by(word)) {
            if let Some(score) = scores.get_mut(position) {
                *score += gain;
            }
        }
        let fitting = scores.into_iter().enumerate().filter(|(position, score)| *score > 0.0 && allowed(*position));
        let mut fitting: Vec<(usize, f64)> = fitting.collect();
        fitting.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        fitting.into_iter().take(limit).map(|(position, _)| position).collect()
    }

    /// What documents gain by a word: each by the word itself or by one of about the same
    /// meaning, whichever is more.
    fn gains_by(&self, word: &str) -> BTreeMap<usize, f64> {
        let mut most = BTreeMap::new();
        let weighted = std::iter::once((word, 1.0)).chain(synonyms(word).map(|other| (other, SYNONYM_WEIGHT)));
        for (word, weight) in weighted {
            for (position, gain) in self.gains.get(word).into_iter().flatten() {
                let most: &mut f64 = most.entry(*position).or_default();
                *most = most.max(weight * gain);
            }
        }
        most
    }
}

#[allow(clippy::cast_precision_loss, reason = "words and tools are few")]
fn as_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod corpus;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    /// An index of tools that have a name and a description alone.
    fn index(tools: &[(&str, &str)]) -> Index {
        let input_schema = Map::new();
        Index::new(tools.iter().map(|(name, description)| Document {
            name,
            title: None,
            description,
            input_schema: &input_schema,
            keywords: &[],
        }))
    }

    fn every(_: usize) -> bool {
        true
    }

    const TOOLS: &[(&str, &str)] = &[
        ("crm__search_contacts", "People at customers, by name or phone number."),
        ("billing__list_invoices", "Invoices of a customer."),
        ("billing__getInvoice", "One of them, with its lines and taxes."),
        ("weather__forecast", "Rain and temperature for the next days."),
    ];

    #[test]
    fn a_query_without_telling_words_finds_nothing() {
        for query in ["", " \n", "?!", "how is it?", "show me what you have", "zebra", "\0", "_", "--"] {
            assert!(index(TOOLS).best(query, 10, every).is_empty(), "{query:?}");
        }
        assert!(index(&[]).best("invoices", 10, every).is_empty());
        assert!(Index::default().best("invoices", 10, every).is_empty());
    }

    #[test]
    fn the_limit_holds_and_may_be_anything() {
        let index = index(TOOLS);
        assert!(index.best("customer invoices", 0, every).is_empty());
        assert_eq!(index.best("customer invoices", 1, every), [1]);
        assert_eq!(index.best("customer invoices", usize::MAX, every), [1, 2, 0]);
    }

    #[test]
    fn what_is_not_allowed_takes_no_place() {
        assert_eq!(index(TOOLS).best("customer invoices", 1, |position| position != 1), [2]);
        assert!(index(TOOLS).best("customer invoices", 5, |_| false).is_empty());
    }

    #[test]
    fn every_field_is_found_and_the_name_counts_most() {
        let parameters = json!({"properties": {"lines": {"type": "array", "items": {"properties": {
            "sku": {"description": "Zebra or gnu."}}}}}});
        let with = |name, title, description, input_schema, keywords| Document {
            name,
            title,
            description,
            input_schema,
            keywords,
        };
        let (none, zebra) = (Map::new(), ["zebra".to_owned()]);
        let index = Index::new([
            with("a", None, "A tool that has no such thing.", &none, &[]),
            with("b", None, "", parameters.as_object().unwrap(), &[]),
            with("c", None, "About a zebra.", &none, &[]),
            with("d", Some("Zebra"), "", &none, &[]),
            with("e", None, "", &none, &zebra),
            with("zebra", None, "", &none, &[]),
        ]);
        assert_eq!(index.best("zebras", 10, every), [5, 3, 4, 2, 1]);
        assert_eq!(index.best("SKU", 10, every), [1]);
    }

    #[test]
    fn the_same_question_has_the_same_answer() {
        let same = [("a", "invoice"), ("b", "invoice"), ("c", "invoice")];
        assert_eq!(index(&same).best("invoice", 3, every), [0, 1, 2], "ties keep their order");
        let query = "which customers have invoices with taxes and temperature";
        let turned = "temperature and taxes with invoices have customers which";
        let first = index(TOOLS).best(query, 10, every);
        for _ in 0..20 {
            let index = index(TOOLS);
            assert_eq!(index.best(query, 10, every), first);
            assert_eq!(index.best(turned, 10, every), first);
        }
    }

    #[test]
    fn any_script_is_read() {
        let index = index(&[
            ("wetter", "Heute in München: ÜBERSICHT"),
            ("pogoda", "Погода в Москве"),
            ("tenki", "天気 予報 🌦"),
        ]);
        assert_eq!(index.best("übersicht MÜNCHEN", 5, every), [0]);
        assert_eq!(index.best("ПОГОДА", 5, every), [1]);
        assert_eq!(index.best("天気", 5, every), [2]);
        assert!(index.best("🌦", 5, every).is_empty());
    }

    #[test]
    fn a_long_query_is_read_in_part() {
        let index = index(TOOLS);
        let long = ["invoice ", "ü", "aB", "a1", "how ", "\u{130}", " "];
        for query in long.map(|part| part.repeat(100_000 / part.len())) {
            let begun = Instant::now();
            index.best(&query, 10, every);
            assert!(begun.elapsed() < Duration::from_millis(500), "{:?} for {:.8}", begun.elapsed(), query);
        }
        let late = format!("{}invoice", " ".repeat(QUERY_BYTES_MAX));
        assert!(index.best(&late, 10, every).is_empty());
        let after_many = (0..QUERY_WORDS_MAX).map(|n| format!("w{n} ")).chain(["invoice".to_owned()]);
        assert!(index.best(&after_many.collect::<String>(), 10, every).is_empty());
    }

    #[test]
    fn a_tool_that_says_much_costs_little() {
        let description = "invoice".to_owned() + &" word".repeat(1_000_000) + &"aB".repeat(1_000_000) + " zebra";
        let index = index(&[("a", &description)]);
        assert_eq!(index.best("invoice", 5, every), [0]);
        assert!(index.best("zebra", 5, every).is_empty());
    }
}
