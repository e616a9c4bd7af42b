//! How data that is too large is cut: by one rule, which the tool's description states.

use std::collections::BTreeMap;

use toolhost_sdk::Result;
use toolhost_sdk::model::Source;
use toolhost_sdk::serde_json;
use toolhost_sdk::serde_json::value::RawValue;

/// The data that a model gets.
pub(crate) struct Cut {
    pub(crate) text: String,
    pub(crate) truncated: bool,
    /// What was left out.
    pub(crate) note: Option<String>,
}

impl Cut {
    /// The data, or as much of it as has no more tokens than that.
    pub(crate) fn to_fit(source: &Source, data: &str, tokens_max: u32) -> Result<Self> {
        let beginning = source.beginning(data, tokens_max)?;
        if beginning.len() == data.len() {
            return Ok(Self { text: data.to_owned(), truncated: false, note: None });
        }
        let (text, note) = cut(data, beginning);
        Ok(Self { text, truncated: true, note: Some(note) })
    }
}

/// The data cut to no more characters than its own beginning has, and what to say of it.
fn cut(data: &str, beginning: &str) -> (String, String) {
    let room = beginning.chars().count();
    if let Some((elements, what)) = elements(data) {
        let kept = fitting(elements.iter().map(|element| element.chars().count() + 2), room.saturating_sub(2));
        if kept > 0 {
            let text = format!("[{}]", elements.get(..kept).unwrap_or_default().join(",\n"));
            return (text, left_out(kept, elements.len(), what));
        }
    }
    let lines: Vec<&str> = data.split_inclusive('\n').collect();
    match fitting(lines.iter().map(|line| line.chars().count()), room) {
        0 => (
            beginning.to_owned(),
            "Only the beginning of the data was analysed: the rest is more than the model takes. Send less at once."
                .to_owned(),
        ),
        kept => (lines.get(..kept).unwrap_or_default().concat(), left_out(kept, lines.len(), "lines")),
    }
}

fn left_out(kept: usize, all: usize, what: &str) -> String {
    format!(
        "Only the first {kept} of {all} {what} of the data were analysed: the rest is more than the model takes. Send less \
         at once, or the most telling part first."
    )
}

/// How many of the first lengths fit.
fn fitting(lengths: impl Iterator<Item = usize>, room: usize) -> usize {
    let ends = lengths.scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    ends.take_while(|end| *end <= room).count()
}

/// The elements of a JSON array, or of the longest array in a JSON object if that is most of it,
/// and what they are.
fn elements(data: &str) -> Option<(Vec<&str>, &'static str)> {
    let array = |text| serde_json::from_str::<Vec<&RawValue>>(text).ok();
    let (list, what) = match array(data) {
        Some(list) => (list, "elements"),
        None => {
            let object: BTreeMap<String, &RawValue> = serde_json::from_str(data).ok()?;
            let longest = object.into_values().filter_map(|value| array(value.get())).max_by_key(Vec::len)?;
            let bytes: usize = longest.iter().map(|element| element.get().len()).sum();
            (Some(longest).filter(|_| bytes * 2 >= data.len())?, "elements in the longest array")
        }
    };
    Some((list.into_iter().map(RawValue::get).collect(), what))
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn whole_elements_are_kept_from_the_front() {
        let data = r#"[{"a": 1}, {"a": 2}, {"a": 3}]"#;
        let (text, note) = cut(data, &data[..24]);
        assert_eq!(text, "[{\"a\": 1},\n{\"a\": 2}]");
        assert!(text.len() <= 24 && note.contains("first 2 of 3 elements"), "{note}");
        let object = format!("{{\"cases\": {data}}}");
        let (same, note) = cut(&object, &object[..24]);
        assert!(same == text && note.contains("first 2 of 3 elements in the longest array"), "{note}");
    }

    #[test]
    fn whole_lines_are_kept_of_anything_else() {
        let (text, note) = cut("id,kind\n1,a\n2,b\n3,c\n", "id,kind\n1,a\n2,");
        assert_eq!(text, "id,kind\n1,a\n");
        assert!(note.contains("first 2 of 4 lines"), "{note}");
    }

    #[test]
    fn an_object_that_is_mostly_something_else_is_cut_as_text() {
        let object = "{\"tags\": [1, 2],\n\"story\": \"It was a long day, and nobody had slept.\"}";
        assert_eq!(cut(object, &object[..40]).0, "{\"tags\": [1, 2],\n");
    }

    #[test]
    fn one_that_is_too_long_by_itself_is_cut_in_the_middle() {
        let (text, note) = cut("äöüäöüäöü", "äöü");
        assert_eq!(text, "äöü");
        assert!(note.contains("beginning"), "{note}");
        assert_eq!(cut("[\"aaaaaaaaaaaa\"]", "[\"aaa").0, "[\"aaa");
    }
}
