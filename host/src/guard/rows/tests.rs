//! The promise of the rows: whatever a statement is made of, a filtered table is read through its filter,
//! or not at all.

use super::*;

const UNIT: &str = "business_unit in (:unit)";

/// What a filtered table becomes for the callers of these tests.
fn hidden(table: &str) -> String {
    format!("(SELECT * FROM {table} WHERE business_unit in ('emea', 'apac') LIMIT 9223372036854775807)")
}

fn filter(name: &str, condition: &str, dialect: Dialect) -> Filter {
    Filter::new(name, condition, true, dialect, &BTreeSet::new()).unwrap()
}

fn unit(values: &[&str]) -> BTreeMap<String, Vec<String>> {
    BTreeMap::from([("unit".to_owned(), values.iter().map(|&value| value.to_owned()).collect())])
}

/// The statement as a caller of two units sends it, or why it is refused. `classify_rows` must find a read.
fn through(statement: &str, dialect: Dialect, filters: &[Filter]) -> Result<String, String> {
    let functions = BTreeSet::new();
    let (verdict, sightings) =
        classify_rows(statement, dialect, &functions, filters).map_err(|refusal| refusal.to_string())?;
    if verdict.class != Class::Read {
        return Err(format!("class {}", verdict.class));
    }
    let attributes = unit(&["emea", "apac"]);
    let mut conditions = BTreeMap::new();
    for place in sightings.filters() {
        if let Some(why) = sightings.bar(place) {
            return Err(why.to_owned());
        }
        conditions.insert(place, filters[place].bind(&attributes).unwrap());
    }
    if conditions.is_empty() {
        return Ok(statement.to_owned());
    }
    narrow(statement, dialect, &functions, filters, &sightings, &conditions).map_err(|refusal| refusal.to_string())
}

/// Each statement with `{...}` around the names that must be replaced; a name with `!` behind it has no
/// other name after it.
fn expect(dialect: Dialect, cases: &[&str]) {
    let filters = [filter("cases", UNIT, dialect)];
    let mut wrong = Vec::new();
    for case in cases {
        let statement = case.replace("!}", "").replace(['{', '}'], "");
        let mut expected = String::new();
        for (place, piece) in case.split(['{', '}']).enumerate() {
            let named = piece.strip_suffix('!');
            match place % 2 {
                0 => expected.push_str(piece),
                _ => expected.push_str(&hidden(named.unwrap_or(piece))),
            }
            if let Some(name) = named.filter(|_| place % 2 == 1) {
                expected += &format!(" AS {}", name.rsplit('.').next().unwrap().trim_start_matches(" /* a */ "));
            }
        }
        let narrowed = through(&statement, dialect, &filters);
        if narrowed.as_ref() != Ok(&expected) {
            wrong.push(format!("{dialect:?}: {statement}\n  is       {narrowed:?}\n  expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Statements that nobody may send who is not to see every row.
fn refuse(dialect: Dialect, statements: &[&str]) {
    let filters = [filter("cases", UNIT, dialect)];
    let passed: Vec<_> = statements
        .iter()
        .filter_map(|statement| through(statement, dialect, &filters).ok().map(|sent| format!("{statement}\n  {sent}")))
        .collect();
    assert!(passed.is_empty(), "{dialect:?}: {} passed:\n{}", passed.len(), passed.join("\n"));
}

/// What every dialect here has.
const EVERYWHERE: &[&str] = &[
    "SELECT * FROM {cases!}",
    "select count(*)from {cases!} where severity='high'",
    "SELECT c.* FROM {cases} AS c WHERE c.n = ?",
    "SELECT c.n FROM {cases} c, {CaSeS} d WHERE c.n = d.n AND d.n > ? -- cases",
    "SELECT cases.n, x.n FROM {cases!} JOIN x ON x.n = cases.n AND x.a = ?",
    "SELECT * FROM x LEFT JOIN {support.cases!} ON x.n = cases.n",
    "SELECT * FROM {support . /* a */ cases!} /* cases */ WHERE 'cases' <> severity",
    "SELECT * FROM (x JOIN {cases} c ON 1 = 1)",
    "SELECT * FROM (SELECT * FROM {cases} AS c) AS t",
    "SELECT n FROM x UNION ALL SELECT n FROM {cases!} UNION SELECT n FROM (SELECT n FROM {cases!}) y",
    "(SELECT n FROM {cases!}) UNION (SELECT 1)",
    "SELECT (SELECT MAX(n) FROM {cases!}), n IN (SELECT n FROM {cases!}) FROM x WHERE EXISTS (SELECT 1 FROM {cases!})",
    "WITH a AS (SELECT * FROM {cases!}), b AS (SELECT * FROM a) SELECT * FROM b, {cases!}",
    "SELECT severity AS cases FROM x",
    "SELECT cases AS n, cases FROM x GROUP BY cases ORDER BY cases",
    "SELECT n FROM x JOIN {cases!} USING (n, cases)",
    "SELECT * FROM other.thing JOIN case_notes ON 1 = 1",
    "SELECT CASE WHEN 1 = 1 THEN (SELECT n FROM {cases!} LIMIT 1) END",
    "SELECT n FROM {cases!} ORDER BY (SELECT MAX(n) FROM {cases!}) LIMIT 5",
    "SELECT n, COUNT(*) FROM {cases!} GROUP BY n HAVING COUNT(*) > (SELECT COUNT(*) FROM {cases} d WHERE d.n = 1)",
    "SELECT 'é', n FROM {cases!} WHERE a = 'ü' AND b IN (SELECT b FROM {cases} c2)",
];

#[test]
fn every_read_of_a_filtered_table_is_a_read_through_its_filter() {
    for dialect in [Dialect::Mysql, Dialect::Sqlite, Dialect::Athena] {
        expect(dialect, EVERYWHERE);
    }
    expect(
        Dialect::Mysql,
        &[
            "SELECT * FROM {`cases`!}",
            "SELECT * FROM`x`JOIN{`support`.`cases`!}ON 1",
            "SELECT * FROM {`CASES`}AS`c`",
            "SELECT \"cases\", 'it\\'s cases' FROM {cases!} # cases",
            "SELECT 1--1 FROM {cases!}",
            "SELECT STRAIGHT_JOIN * FROM x, {cases!} WHERE !n",
            "SELECT * FROM x, LATERAL (SELECT * FROM {cases} c WHERE c.n = x.n) l",
            "SELECT j.id FROM {cases!}, JSON_TABLE(cases.doc, '$[*]' COLUMNS (id INT PATH '$.id')) AS j",
        ],
    );
    let filters = [filter("cases", UNIT, Dialect::Mysql)];
    // With `lower_case_table_names`, MySQL takes this letter for an `s`.
    let sent = through("SELECT * FROM ca\u{17f}es", Dialect::Mysql, &filters).unwrap();
    assert!(sent.starts_with(&format!("SELECT * FROM {}", hidden("ca\u{17f}es"))), "{sent}");
    expect(
        Dialect::Sqlite,
        &[
            "SELECT * FROM {\"cases\"!}",
            "SELECT * FROM {[cases]!}",
            "SELECT * FROM {main.`cases`!}",
            "SELECT n FROM {cases!} WHERE a IS NOT b AND c NOT GLOB 'x*'",
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT r.n + 1 FROM r, {cases} c) SELECT * FROM r",
        ],
    );
    expect(
        Dialect::Athena,
        &[
            "SELECT * FROM {awsdatacatalog.support.\"Cases\"!}",
            "SELECT u.t FROM {cases!} CROSS JOIN UNNEST(cases.tags) AS u (t)",
            "SELECT filter(a, x -> x > 1) FROM {cases} AS c (a, b)",
            "SELECT CAST(a AS array(row(b int))) FROM {cases!} WHERE a = ?",
            "SELECT * FROM TABLE(sequence(start => 1, stop => (SELECT MAX(n) FROM {cases!})))",
            "SELECT 1 IN (SELECT n FROM {cases!}) FROM x TABLESAMPLE BERNOULLI (10)",
        ],
    );
}

/// What a hostile plugin would try.
const HOSTILE: &[&str] = &[
    // Its own rows under the table's name, or the table under a name that hides it.
    "WITH cases AS (SELECT 1) SELECT * FROM cases",
    "WITH cases AS (SELECT * FROM support.cases) SELECT * FROM cases",
    "WITH RECURSIVE cases AS (SELECT * FROM cases) SELECT * FROM cases",
    "WITH a AS (WITH cases AS (SELECT 1) SELECT * FROM cases) SELECT * FROM a",
    "SELECT * FROM other AS cases",
    "SELECT * FROM (SELECT 1 AS n) AS cases",
    "SELECT cases(1) FROM x",
    "SELECT * FROM cases('x')",
    "SELECT * FROM cases TABLESAMPLE BERNOULLI (100)",
    "SELECT * FROM cases FOR SYSTEM_TIME AS OF '2020-01-01'",
    "SELECT n IN cases FROM x",
    "EXPLAIN SELECT * FROM cases",
    "EXPLAIN ANALYZE SELECT * FROM cases",
    "SELECT * FROM cases; SELECT 1",
    "TABLE cases",
    "SELECT 1 UNION TABLE cases",
    "SELECT n FROM x WHERE n IN (TABLE cases)",
    "DELETE FROM cases",
    "UPDATE cases SET n = 1",
    "INSERT INTO cases VALUES (1)",
    "INSERT INTO x SELECT * FROM cases",
];

#[test]
fn what_is_not_surely_understood_is_refused() {
    for dialect in [Dialect::Mysql, Dialect::Sqlite, Dialect::Athena] {
        refuse(dialect, HOSTILE);
    }
    refuse(
        Dialect::Mysql,
        &[
            "SELECT * FROM cases PARTITION (p0)",
            "SELECT * FROM cases USE INDEX (i)",
            "SELECT * FROM cases FORCE INDEX FOR ORDER BY (i)",
            "SELECT * FROM /*! cases */",
            "SELECT * FROM x /*!50000 UNION SELECT * FROM cases */",
            "SET @unit = 'emea'",
            "SELECT @unit := 'emea', n FROM cases",
            "SELECT @unit FROM cases",
            "SELECT * FROM cases INTO @a",
            "SELECT * FROM cases FOR UPDATE",
            "HANDLER cases OPEN",
            "SHOW TABLES WHERE EXISTS (SELECT 1 FROM cases WHERE n = 1)",
            "ANALYZE FORMAT=JSON SELECT * FROM cases",
            "DESCRIBE SELECT * FROM cases",
            "SELECT * FROM information_schema.column_statistics",
            "SELECT * FROM INFORMATION_SCHEMA . `Column_Statistics`",
            "SELECT * FROM `cases",
            "DELETE cases FROM cases JOIN x USING (n)",
            "REPLACE INTO support.cases VALUES (1)",
            "SELECT * FROM .cases",
            "SELECT * FROM {OJ cases LEFT OUTER JOIN x ON 1}",
        ],
    );
    refuse(
        Dialect::Sqlite,
        &[
            "SELECT * FROM 'cases'",
            "SELECT * FROM main.'cases'",
            "SELECT * FROM cases INDEXED BY i",
            "SELECT * FROM cases NOT INDEXED",
            "SELECT n FROM x WHERE n IN main.cases",
            "SELECT * FROM sqlite_stat4",
            "SELECT * FROM main.SQLITE_STAT1",
            "EXPLAIN QUERY PLAN SELECT * FROM cases",
        ],
    );
    refuse(
        Dialect::Athena,
        &[
            "SELECT * FROM \"cases$partitions\"",
            "SELECT * FROM support.\"Cases$files\"",
            "SELECT * FROM \"cases@123\"",
            "SHOW PARTITIONS cases",
            "SHOW PARTITIONS `support`.`cases`",
            "SELECT * FROM TABLE(exclude_columns(input => TABLE(cases), columns => DESCRIPTOR(business_unit)))",
            "SELECT * FROM TABLE(exclude_columns(TABLE(support.cases), DESCRIPTOR(business_unit)))",
            "SELECT * FROM cases FOR TIMESTAMP AS OF TIMESTAMP '2020-01-01 00:00:00 UTC'",
            "SELECT * FROM cases FOR VERSION AS OF 1",
            "SELECT * FROM cases MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS true)",
            "UNLOAD (SELECT * FROM cases) TO 's3://a/' WITH (format = 'JSON')",
            "CREATE TABLE x AS SELECT * FROM cases",
        ],
    );
}

#[test]
fn what_a_table_looks_like_is_shown_as_before() {
    for (dialect, statement) in [
        (Dialect::Mysql, "DESCRIBE cases"),
        (Dialect::Mysql, "EXPLAIN cases"),
        (Dialect::Mysql, "SHOW CREATE TABLE support.cases"),
        (Dialect::Mysql, "SHOW COLUMNS FROM cases WHERE Field = 'n'"),
        (Dialect::Mysql, "SELECT * FROM information_schema.columns WHERE table_name = 'cases'"),
        (Dialect::Sqlite, "PRAGMA table_info(cases)"),
        (Dialect::Sqlite, "SELECT * FROM sqlite_schema"),
        (Dialect::Athena, "DESCRIBE cases"),
        (Dialect::Athena, "SHOW CREATE TABLE cases"),
        (Dialect::Athena, "SHOW PARTITIONS other"),
        (Dialect::Athena, "SELECT * FROM \"other$partitions\""),
    ] {
        assert_eq!(through(statement, dialect, &[filter("cases", UNIT, dialect)]).as_deref(), Ok(statement));
    }
}

#[test]
fn a_filter_with_a_schema_leaves_tables_of_other_schemas_alone() {
    let dialect = Dialect::Mysql;
    let filters = [filter("support.cases", UNIT, dialect)];
    let sent = |statement: &str| through(statement, dialect, &filters).unwrap();
    assert_eq!(sent("SELECT * FROM other.cases"), "SELECT * FROM other.cases");
    assert_eq!(sent("SELECT * FROM Support.cases"), format!("SELECT * FROM {} AS cases", hidden("Support.cases")));
    // The schema that the source starts from may be that one.
    assert_eq!(sent("SELECT * FROM cases"), format!("SELECT * FROM {} AS cases", hidden("cases")));
    let both = [filter("a.cases", UNIT, dialect), filter("b.cases", UNIT, dialect)];
    assert!(through("SELECT * FROM cases", dialect, &both).is_err_and(|why| why.contains("with its schema")));
    assert!(through("SELECT * FROM a.cases JOIN b.cases c", dialect, &both).is_ok());
}

#[test]
fn a_function_of_the_same_name_is_no_table() {
    let dialect = Dialect::Mysql;
    let sent = through("SELECT YEAR(day) FROM year WHERE day > ?", dialect, &[filter("year", UNIT, dialect)]).unwrap();
    assert_eq!(sent, format!("SELECT YEAR(day) FROM {} AS year WHERE day > ?", hidden("year")));
}

#[test]
fn a_table_may_be_called_what_it_is_called() {
    for (dialect, table) in [(Dialect::Mysql, "cases AS `Cases`"), (Dialect::Athena, "support.cases cases")] {
        let statement = format!("SELECT cases.n FROM (SELECT * FROM {table}) c, x");
        let sent = through(&statement, dialect, &[filter("cases", UNIT, dialect)]).unwrap();
        let (name, alias) = table.rsplit_once(' ').unwrap();
        let hidden = hidden(name.trim_end_matches(" AS"));
        assert_eq!(sent, format!("SELECT cases.n FROM (SELECT * FROM {hidden} AS {alias}) c, x"));
    }
    let dialect = Dialect::Athena;
    let sent = through("SELECT a FROM cases cases(a, b)", dialect, &[filter("cases", UNIT, dialect)]).unwrap();
    assert_eq!(sent, format!("SELECT a FROM {} AS cases(a, b)", hidden("cases")));
}

#[test]
fn only_the_filters_that_bind_the_caller_are_put_in() {
    let dialect = Dialect::Sqlite;
    let filters = [filter("cases", UNIT, dialect), filter("notes", "author = :unit", dialect)];
    let statement = "SELECT * FROM cases JOIN notes n USING (n)";
    let functions = BTreeSet::new();
    let (_, sightings) = classify_rows(statement, dialect, &functions, &filters).unwrap();
    assert_eq!(sightings.filters(), BTreeSet::from([0, 1]));
    let conditions = BTreeMap::from([(1, filters[1].bind(&unit(&["ann"])).unwrap())]);
    let sent = narrow(statement, dialect, &functions, &filters, &sightings, &conditions).unwrap();
    let notes = "(SELECT * FROM notes WHERE author = 'ann' LIMIT 9223372036854775807)";
    assert_eq!(sent, format!("SELECT * FROM cases JOIN {notes} n USING (n)"));
}

#[test]
fn a_filter_without_a_barrier_lets_the_engine_choose_the_order() {
    let filters = [Filter::new("cases", UNIT, false, Dialect::Athena, &BTreeSet::new()).unwrap()];
    let sent = through("SELECT 1 FROM cases", Dialect::Athena, &filters).unwrap();
    assert_eq!(sent, "SELECT 1 FROM (SELECT * FROM cases WHERE business_unit in ('emea', 'apac')) AS cases");
}

#[test]
fn a_condition_may_ask_other_tables_and_the_filtered_one() {
    let dialect = Dialect::Mysql;
    let condition = "cases.unit IN (SELECT unit FROM roles WHERE role IN (:unit)) AND n = (SELECT MAX(n) FROM cases)";
    let sent = through("SELECT n FROM cases", dialect, &[filter("cases", condition, dialect)]).unwrap();
    assert_eq!(sent.matches("FROM cases").count(), 2);
    assert!(sent.contains("role IN ('emea', 'apac')"), "{sent}");
}

#[test]
fn a_statement_that_grows_beyond_measure_is_refused() {
    let dialect = Dialect::Sqlite;
    let filters = [filter("cases", UNIT, dialect)];
    let statement = vec!["SELECT n FROM cases"; 200].join(" UNION ALL ");
    let functions = BTreeSet::new();
    let (_, sightings) = classify_rows(&statement, dialect, &functions, &filters).unwrap();
    let wide = BTreeMap::from([(0, format!("u IN ({})", vec!["'x'"; 500].join(", ")))]);
    assert_eq!(narrow(&statement, dialect, &functions, &filters, &sightings, &wide), Err(Refusal::TooComplex));
    let long = format!("SELECT '{}' FROM cases", "a".repeat(super::super::STATEMENT_BYTES_MAX));
    assert!(matches!(classify_rows(&long, dialect, &functions, &filters), Err(Refusal::TooLong { .. })));
}

#[test]
fn a_condition_that_opens_the_brackets_again_would_be_seen() {
    // No condition like these comes from a filter; the second look stands for itself.
    let dialect = Dialect::Sqlite;
    let filters = [filter("cases", UNIT, dialect)];
    let statement = "SELECT n FROM cases c";
    let functions = BTreeSet::new();
    let (_, sightings) = classify_rows(statement, dialect, &functions, &filters).unwrap();
    for condition in ["1) UNION (SELECT 1", "1 --", "'x", "sleep(1)"] {
        let conditions = BTreeMap::from([(0, condition.to_owned())]);
        let narrowed = narrow(statement, dialect, &functions, &filters, &sightings, &conditions);
        assert!(narrowed.is_err(), "{condition}: {narrowed:?}");
    }
}
