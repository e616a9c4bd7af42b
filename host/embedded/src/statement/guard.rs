//! Lets through what reads and what the engine knows, and nothing else. The caller guards too; this is the second wall.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArguments, JoinOperator, ObjectNamePart, Query, Select, SelectItem,
    SetExpr, SetQuantifier, TableFactor, UnaryOperator, Visit, Visitor,
};

use crate::Error;
use crate::functions::FUNCTIONS;

/// Names that stand for a form of the grammar, not for a function of the list.
pub(super) const FORMS: [&str; 16] = [
    "if",
    "nullif",
    "try",
    "map",
    "count_if",
    "listagg",
    "approx_distinct",
    "all_match",
    "none_match",
    "current_date",
    "current_timestamp",
    "current_time",
    "localtime",
    "localtimestamp",
    "now",
    "unnest",
];

type Flow = ControlFlow<Box<Error>>;

pub(super) fn check(query: &Query) -> Result<(), Error> {
    match query.visit(&mut Guard) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Guard;

fn unsupported(construct: impl Into<String>) -> Flow {
    ControlFlow::Break(Box::new(Error::Unsupported { construct: construct.into() }))
}

fn writes(what: &str) -> Flow {
    ControlFlow::Break(Box::new(Error::NotARead(what.into())))
}

impl Visitor for Guard {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        if !query.locks.is_empty() {
            return writes("this one locks rows");
        }
        if query.for_clause.is_some() || query.settings.is_some() || query.format_clause.is_some() {
            return unsupported("FOR, SETTINGS and FORMAT after a query");
        }
        if !query.pipe_operators.is_empty() {
            return unsupported("|>");
        }
        if query.fetch.as_ref().is_some_and(|fetch| fetch.with_ties || fetch.percent) {
            return unsupported("FETCH FIRST with PERCENT or WITH TIES");
        }
        body(&query.body)
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        if select.into.is_some() {
            return writes("this one selects into a table");
        }
        let strange = select.top.is_some()
            || !select.lateral_views.is_empty()
            || select.prewhere.is_some()
            || !select.connect_by.is_empty()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.sort_by.is_empty()
            || select.qualify.is_some()
            || select.value_table_mode.is_some()
            || select.exclude.is_some();
        if strange {
            return unsupported("TOP, LATERAL VIEW, CLUSTER BY, DISTRIBUTE BY, SORT BY, CONNECT BY and QUALIFY");
        }
        for item in &select.projection {
            let plain = match item {
                SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => {
                    options.to_string().trim().is_empty()
                }
                SelectItem::ExprWithAliases { .. } => false,
                _ => true,
            };
            if !plain {
                return unsupported("EXCLUDE, EXCEPT, REPLACE and RENAME after *, and several names for a column");
            }
        }
        joins(select)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        match factor {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                unsupported("TABLESAMPLE")
            }
            TableFactor::Table { version: Some(_), .. } => unsupported("FOR TIMESTAMP AS OF and FOR VERSION AS OF"),
            TableFactor::Table { args: Some(_), name, .. } => unsupported(format!("the table function {name}")),
            TableFactor::Table { name, with_hints, partitions, json_path, index_hints, .. } => {
                let plain =
                    with_hints.is_empty() && partitions.is_empty() && json_path.is_none() && index_hints.is_empty();
                let named = name.0.iter().all(|part| matches!(part, ObjectNamePart::Identifier(_)));
                if plain && named { ControlFlow::Continue(()) } else { unsupported("hints and partitions of a table") }
            }
            TableFactor::UNNEST { with_offset: true, .. } => unsupported("UNNEST WITH OFFSET"),
            TableFactor::Derived { .. } | TableFactor::UNNEST { .. } | TableFactor::NestedJoin { .. } => {
                ControlFlow::Continue(())
            }
            TableFactor::Function { name, .. } => unsupported(format!("the table function {name}")),
            TableFactor::MatchRecognize { .. } => unsupported("MATCH_RECOGNIZE"),
            TableFactor::JsonTable { .. } => unsupported("JSON_TABLE"),
            _ => unsupported("this kind of table"),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        match expr {
            Expr::Function(function) => called(function),
            Expr::ILike { .. } => unsupported("ILIKE"),
            Expr::SimilarTo { .. } | Expr::RLike { .. } => unsupported("SIMILAR TO and RLIKE; use regexp_like"),
            Expr::Cast { .. } => unsupported("::, use CAST"),
            Expr::Collate { .. } => unsupported("COLLATE"),
            Expr::IsNormalized { .. } => unsupported("IS NORMALIZED"),
            Expr::Overlay { .. } => unsupported("OVERLAY"),
            Expr::Like { any: true, .. } => unsupported("LIKE ANY"),
            Expr::UnaryOp { op, .. }
                if !matches!(op, UnaryOperator::Minus | UnaryOperator::Plus | UnaryOperator::Not) =>
            {
                unsupported(format!("the operator {op}"))
            }
            Expr::BinaryOp { op, .. } if !is_known(op) => unsupported(format!("the operator {op}")),
            Expr::Convert { .. }
            | Expr::InUnnest { .. }
            | Expr::JsonAccess { .. }
            | Expr::Prefixed { .. }
            | Expr::Struct { .. }
            | Expr::Named { .. }
            | Expr::Dictionary(_)
            | Expr::Map(_)
            | Expr::MatchAgainst { .. }
            | Expr::OuterJoin(_)
            | Expr::Prior(_)
            | Expr::MemberOf(_) => unsupported(expr.to_string().chars().take(60).collect::<String>()),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn is_known(op: &BinaryOperator) -> bool {
    use BinaryOperator::{And, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Or, Plus, StringConcat};
    matches!(
        op,
        Plus | Minus | Multiply | Divide | Modulo | StringConcat | Gt | Lt | GtEq | LtEq | Eq | NotEq | And | Or
    )
}

fn body(set: &SetExpr) -> Flow {
    match set {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => ControlFlow::Continue(()),
        SetExpr::SetOperation { left, right, set_quantifier, .. } => {
            let plain = matches!(set_quantifier, SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None);
            if !plain {
                return unsupported("set operations BY NAME");
            }
            body(left)?;
            body(right)
        }
        SetExpr::Insert(_) => writes("this one inserts"),
        SetExpr::Update(_) => writes("this one updates"),
        SetExpr::Delete(_) => writes("this one deletes"),
        SetExpr::Merge(_) => writes("this one merges"),
        SetExpr::Table(_) => unsupported("TABLE t; use SELECT * FROM t"),
    }
}

fn joins(select: &Select) -> Flow {
    for join in select.from.iter().flat_map(|from| &from.joins) {
        let known = matches!(
            join.join_operator,
            JoinOperator::Join(_)
                | JoinOperator::Inner(_)
                | JoinOperator::Left(_)
                | JoinOperator::LeftOuter(_)
                | JoinOperator::Right(_)
                | JoinOperator::RightOuter(_)
                | JoinOperator::FullOuter(_)
                | JoinOperator::CrossJoin(_)
        );
        if !known || join.global {
            return unsupported("this kind of join; there are: [INNER], LEFT, RIGHT, FULL and CROSS");
        }
    }
    ControlFlow::Continue(())
}

/// A function must be one of the list.
fn called(function: &Function) -> Flow {
    let name = function.name.to_string().replace('"', "");
    if function.name.0.len() != 1 || function.parameters != FunctionArguments::None {
        return unsupported(format!("the function {name}"));
    }
    if name.starts_with('$') || FORMS.contains(&name.as_str()) || FUNCTIONS.has(&name) {
        return ControlFlow::Continue(());
    }
    let near = |known: &&'static str| datafusion::common::utils::datafusion_strsim::levenshtein(known, &name);
    let nearest = FUNCTIONS.names().chain(FORMS).min_by_key(near).filter(|known| near(known) <= 1 + name.len() / 4);
    ControlFlow::Break(Box::new(Error::UnknownFunction { name, nearest: nearest.map(str::to_owned) }))
}
