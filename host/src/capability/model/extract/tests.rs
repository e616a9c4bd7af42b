//! What somebody who has no model gets to see of a list of support cases.

use super::*;

/// Forty cases of two kinds of trouble, and two that stand alone.
fn cases() -> String {
    let mut cases: Vec<String> = (0..40)
        .map(|n| {
            let (service, category, summary) = match n % 4 {
                0 | 1 => (
                    "EC2",
                    "quota",
                    format!("Instances could not launch since the vCPU quota of account {n} was reached."),
                ),
                2 => (
                    "RDS",
                    "configuration",
                    format!("Failover of cluster {n} took minutes. Connections were not reopened."),
                ),
                _ => ("S3", "permissions", format!("Uploads to bucket {n} were refused by the bucket policy.")),
            };
            let severity = if n % 10 == 0 { "critical" } else { "normal" };
            format!(
                "{{\"case_number\": \"C-{n:03}\", \"service\": \"{service}\", \"severity\": \"{severity}\", \
                 \"rca_category\": \"{category}\", \"date\": \"2026-0{}-15\", \"summary\": \"{summary}\"}}",
                1 + n % 6
            )
        })
        .collect();
    cases.push(r#"{"case_number": "C-100", "service": "EC2", "severity": "critical", "rca_category": "hardware", "date": "2026-06-30", "summary": "A power supply burned and a rack was dark for nine hours."}"#.to_owned());
    format!("[{}]", cases.join(",\n"))
}

#[test]
fn counts_are_exact_and_the_question_is_answered_with_the_sentences_that_fit_it() {
    let text = answer(&format!("Why were instances not launched?\n\n<data>\n{}\n</data>", cases()));
    assert!(text.starts_with(HEAD), "{text}");
    for line in [
        "41 records.",
        "- service: EC2 21 (51 %), RDS 10 (24 %), S3 10 (24 %)",
        "- severity: normal 36 (88 %), critical 5 (12 %)",
        "- rca_category: quota 20 (49 %), configuration 10 (24 %), permissions 10 (24 %), hardware 1 (2 %)",
        "- date: from 2026-01-15 to 2026-06-30",
        "Closest to the question:\n- [C-000] Instances could not launch since the vCPU quota of account 0 was reached. \
         (and 19 like it)",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let others = text.split("Others that stand out:").nth(1).expect("others");
    for kind in ["Uploads to bucket", "Failover of cluster", "Connections were not reopened", "power supply"] {
        assert!(others.contains(kind), "{kind}\n{text}");
    }
    assert!(!others.contains("vCPU"), "what is said above is not said again: {text}");
    for word in ["quota (20)", "bucket (10)", "Failover (10)"] {
        assert!(text.contains(word), "{word}\n{text}");
    }
}

#[test]
fn the_same_text_always_gets_the_same_answer() {
    let said = format!("What of the bucket policy?\n{}", cases());
    let first = answer(&said);
    assert!((0..5).all(|_| answer(&said) == first));
}

#[test]
fn prose_gets_its_sentences() {
    let text = answer(
        "What broke?\n\nThe belt broke on Monday. It was replaced on Tuesday by the night shift. Nobody was hurt.",
    );
    assert!(text.contains("3 sentences."), "{text}");
    assert!(text.contains("Closest to the question:\n- The belt broke on Monday."), "{text}");
}

#[test]
fn a_question_that_nothing_fits_is_told_so() {
    let text = answer(&format!("Any zebras?\n{}", cases()));
    assert!(text.contains("No sentence shares a telling word with the question."), "{text}");
    assert!(text.contains("Sentences that stand out:"), "{text}");
}

#[test]
fn nothing_of_any_text_breaks_it() {
    let bell = "\u{7}\u{0}\u{feff}";
    let (deep, wide) = ("[".repeat(200_000), "a,".repeat(100_000));
    for said in
        ["", "?", "{}", "[]", "[[]]", "[1,2", "\"", "a,b", "\n\n\n", "😀. 😀! é", "|||\n|||\n|||", bell, &deep, &wide]
    {
        let text = answer(said);
        assert!(text.starts_with(HEAD), "{said:.20}");
    }
}

#[test]
fn a_long_text_takes_no_long_time() {
    let said = format!("Why were uploads refused?\n{}", cases().replace('\n', "").repeat(1).as_str());
    let lines: String =
        (0..20_000).map(|n| format!("Line {n} of host{} says disk {} is full.\n", n % 300, n % 7)).collect();
    let began = std::time::Instant::now();
    let text = answer(&lines);
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(text.contains("20000 sentences."), "{text:.200}");
    assert!(answer(&said).contains("Uploads"));
}
