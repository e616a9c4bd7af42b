//! Looks at every place of a statement where the name of a filtered table stands.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};

use sqlparser::ast::{Expr, Ident, ObjectName, Select, SelectItem, TableFactor, Visit, Visitor};

use super::super::lexer::{Kind, Token, unquote};
use super::super::walk::parts;
use super::super::{Dialect, Guard};
use super::condition::{folded, is_listed};
use super::{Bar, Reference, Sightings};

/// The bytes of each token, by its line and column as the parser counts them.
pub(in crate::guard) type Places = BTreeMap<(u64, u64), Range<usize>>;

/// Notes where the tables of the guard's filters are named in a tree, which was made of the tokens in `range`.
pub(in crate::guard) fn look(guard: &mut Guard<'_>, tree: &impl Visit, places: &Places, range: &Range<usize>) {
    let mut look = Look { guard, places, known: BTreeSet::new(), seen: Sightings::default() };
    // It never stops early, so what it returns says nothing.
    let _ = tree.visit(&mut look);
    look.unknown_places(range);
    let Sightings { references, bars } = look.seen;
    guard.sightings.references.extend(references);
    guard.sightings.bars.extend(bars);
}

/// Judges the statements that are no queries themselves, by their first words. What a filtered table
/// looks like may be shown; what reads its rows, or tells which values they have, may not.
pub(in crate::guard) fn without_a_query(guard: &mut Guard<'_>, code: &[Token]) {
    let word = |place: usize, words: &[&str]| {
        code.get(place).is_some_and(|token| words.iter().any(|word| token.is_word(guard.statement, word)))
    };
    let mut barred: Vec<(usize, &str)> = Vec::new();
    if word(0, &["explain", "analyze", "describe", "desc", "show"]) {
        let why = "its rows are filtered by who asks, and only a query of its own reads them: leave `EXPLAIN` or \
                   `SHOW` away";
        barred.extend(guard.sightings.references.iter().map(|reference| (reference.filter, why)));
    }
    if word(0, &["show"]) && word(1, &["partitions"]) {
        let why = "its rows are filtered by who asks, and its partitions tell values of all of them";
        for name in &guard.found.tables {
            let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
            let among = guard.filters.iter().enumerate().filter(|(_, filter)| filter.is(&parts));
            barred.extend(among.map(|(filter, _)| (filter, why)));
        }
    }
    let barred: Vec<_> =
        barred.into_iter().map(|(filter, why)| Bar { filter, at: None, why: why.to_owned() }).collect();
    guard.sightings.bars.extend(barred);
}

struct Look<'g, 'a> {
    guard: &'g Guard<'a>,
    places: &'g Places,
    /// Where the tokens begin that are understood, whatever they name.
    known: BTreeSet<usize>,
    seen: Sightings,
}

/// What a name may mean.
enum Meaning {
    /// The table of one filter.
    Filtered(usize),
    /// Something that tells of the rows of these filters' tables, and why it is refused.
    Barred(Vec<usize>, &'static str),
    /// Nothing that has to do with them.
    Other,
}

impl Look<'_, '_> {
    /// The bytes of a name, if the text says there what the tree says.
    fn place(&self, name: &Ident) -> Option<Range<usize>> {
        let place = self.places.get(&(name.span.start.line, name.span.start.column))?;
        let written = unquote(self.guard.statement.get(place.clone())?);
        (written == name.value).then(|| place.clone())
    }

    /// Takes names for understood.
    fn know<'n>(&mut self, names: impl IntoIterator<Item = &'n Ident>) {
        let places: Vec<_> = names.into_iter().filter_map(|name| self.place(name)).collect();
        self.known.extend(places.iter().map(|place| place.start));
    }

    fn meaning(&self, parts: &[String]) -> Meaning {
        let filters = || self.guard.filters.iter().enumerate();
        let by_name: Vec<usize> = filters().filter(|(_, filter)| filter.is(parts)).map(|(place, _)| place).collect();
        match by_name.as_slice() {
            [one] => return Meaning::Filtered(*one),
            [] => {}
            _ => return Meaning::Barred(by_name, "several tables have this name: write it with its schema before it"),
        }
        let told = filters().filter(|(_, filter)| tells_of(parts, filter.table(), self.guard.dialect));
        match told.map(|(place, _)| place).collect::<Vec<_>>() {
            none if none.is_empty() => Meaning::Other,
            filters => {
                Meaning::Barred(filters, "its rows are filtered by who asks, and this would tell of all of them")
            }
        }
    }

    fn bar(&mut self, filters: impl IntoIterator<Item = usize>, at: Option<usize>, why: &str) {
        let bars = filters.into_iter().map(|filter| Bar { filter, at, why: why.to_owned() });
        self.seen.bars.extend(bars);
    }

    /// A table in the `FROM`, with the other name that it may get there. `is_plain` if nothing else follows.
    fn table(&mut self, name: &ObjectName, alias: Option<&Ident>, is_plain: bool) {
        // A name that is computed is of no known class.
        let Some(parts) = parts(name) else { return };
        let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let places: Option<Vec<_>> = idents.iter().map(|ident| self.place(ident)).collect();
        let (first, last) = match places.as_deref() {
            Some([first, .., last]) => (first.clone(), last.clone()),
            Some([only]) => (only.clone(), only.clone()),
            _ => (0..0, 0..0),
        };
        let at = (last.end > 0).then_some(first.start);
        match self.meaning(&parts) {
            Meaning::Other => {}
            Meaning::Barred(filters, why) => self.bar(filters, at, why),
            Meaning::Filtered(filter) if at.is_none() => {
                self.bar([filter], None, "its name must stand here as it is, not in the quotes of a text");
            }
            Meaning::Filtered(filter) if !is_plain || self.follows_table(first.start) => {
                let why = "its rows are filtered by who asks: it can be read by its name alone, without hints, \
                           partitions, samples, versions or the short form `TABLE`";
                self.bar([filter], at, why);
            }
            Meaning::Filtered(filter) => {
                let table = first.start..last.end;
                // `orders AS orders` is the same table still.
                let same = alias.filter(|alias| parts.last().is_some_and(|name| folded(name) == folded(&alias.value)));
                let same = same.and_then(|alias| self.place(alias));
                let called = if alias.is_none() { Some(last) } else { same.clone() };
                let name = called.and_then(|called| self.guard.statement.get(called)).map(str::to_owned);
                let span = table.start..same.as_ref().map_or(table.end, |same| same.end);
                self.known.extend(same.map(|same| same.start));
                self.seen.references.push(Reference { filter, table, span, name });
            }
        }
        self.know(idents);
    }

    /// Whether the word before this place is `TABLE`, which the parser was told in other words.
    fn follows_table(&self, start: usize) -> bool {
        let mut before = self.guard.tokens.iter().filter(|token| token.kind != Kind::Comment && token.end <= start);
        before.next_back().is_some_and(|token| token.is_word(self.guard.statement, "table"))
    }

    /// Refuses each filtered table's name that stands where nothing is understood: the name of a `WITH`,
    /// the argument of a table function, whatever else the parser read over.
    fn unknown_places(&mut self, range: &Range<usize>) {
        let guard = self.guard;
        let code = guard.tokens.iter().filter(|token| range.contains(&token.start) && token.kind != Kind::Comment);
        let code: Vec<Token> = code.copied().collect();
        for (place, token) in code.iter().enumerate() {
            let qualifies = || code.get(place + 1).is_some_and(|next| next.is_symbol(guard.statement, "."));
            let joins = || is_listed(guard.statement, &code, place, "using");
            let is_name = matches!(token.kind, Kind::Word | Kind::Quoted);
            if !is_name || self.known.contains(&token.start) || qualifies() || joins() {
                continue;
            }
            let name = folded(&unquote(token.text(guard.statement)));
            let filters = guard.filters.iter().enumerate().filter(|(_, filter)| filter.table() == name);
            let filters: Vec<usize> = filters.map(|(place, _)| place).collect();
            self.bar(filters, Some(token.start), "its rows are filtered by who asks: give nothing else its name");
        }
    }
}

/// Whether a table under another name tells values of a filtered table's rows.
fn tells_of(parts: &[String], filtered: &str, dialect: Dialect) -> bool {
    let Some((name, schemas)) = parts.split_last() else { return false };
    let name = folded(name);
    match dialect {
        // `orders$partitions`, `orders$files`, `orders@1234`.
        Dialect::Athena => name.strip_prefix(filtered).is_some_and(|rest| rest.starts_with(['$', '@'])),
        // Histograms of columns.
        Dialect::Mysql => {
            name == "column_statistics" && schemas.iter().any(|schema| folded(schema) == "information_schema")
        }
        // Samples of indexes.
        Dialect::Sqlite => name.starts_with("sqlite_stat"),
    }
}

type Step = ControlFlow<()>;
const ON: Step = ControlFlow::Continue(());

impl Visitor for Look<'_, '_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> Step {
        let aliases = select.projection.iter().filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias),
            _ => None,
        });
        self.know(aliases);
        ON
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Step {
        // Each field by its name: a later version of the parser may add one.
        if let TableFactor::Table {
            name,
            alias,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
        } = factor
        {
            let is_plain = args.is_none()
                && with_hints.is_empty()
                && version.is_none()
                && !with_ordinality
                && partitions.is_empty()
                && json_path.is_none()
                && sample.is_none()
                && index_hints.is_empty();
            self.table(name, alias.as_ref().map(|alias| &alias.name), is_plain);
        }
        ON
    }

    /// A table that was not met in a `FROM` is one that is written to, or worse.
    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Step {
        let idents: Vec<&Ident> = relation.0.iter().filter_map(|part| part.as_ident()).collect();
        let met = idents.last().and_then(|name| self.place(name)).is_some_and(|at| self.known.contains(&at.start));
        if !met && let Some(parts) = parts(relation) {
            match self.meaning(&parts) {
                Meaning::Other => {}
                Meaning::Filtered(filter) => self.bar([filter], None, "its rows are filtered by who asks"),
                Meaning::Barred(filters, why) => self.bar(filters, None, why),
            }
        }
        self.know(idents);
        ON
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> Step {
        match expression {
            Expr::Identifier(name) => self.know([name]),
            Expr::CompoundIdentifier(names) => self.know(names),
            // Whether it may be called, the walk has judged.
            Expr::Function(function) => self.know(function.name.0.iter().filter_map(|part| part.as_ident())),
            _ => {}
        }
        ON
    }
}
