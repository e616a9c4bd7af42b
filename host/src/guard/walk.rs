//! Visits every node of a statement's tree and tells the guard what it meets.
//!
//! The visitor is derived from the types of the tree, so no branch can be forgotten on the way down; and
//! each hook here names the kinds of node that are known to read. Any other kind, also one that a later
//! version of the parser adds, makes the statement `unknown`.

use std::collections::BTreeSet;
use std::mem;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArguments, ObjectName, ObjectNamePart, Query, Select, SelectFlavor,
    SetExpr, Statement, TableFactor, TableObject, Visitor,
};

use super::{Class, DELETES, Dialect, Guard, athena};

/// One walk through one tree.
pub(super) struct Walk<'w, 'a> {
    guard: &'w mut Guard<'a>,
    /// The queries around the present node, outermost first.
    scopes: Vec<Scope>,
    /// The next relation is the name of a table function, judged already.
    called: bool,
    /// Names that meant a query of a `WITH`.
    defined: BTreeSet<String>,
}

/// The names that a query's `WITH` defines, and how many of its queries have been walked: the first
/// ones are those of the `WITH`, in order.
struct Scope {
    names: Vec<String>,
    recursive: bool,
    walked: usize,
}

impl Scope {
    /// Whether a name surely means a query of this `WITH` here. In `WITH t AS (SELECT * FROM t) ...` the
    /// inner `t` is a table, unless the `WITH` is recursive.
    fn defines(&self, name: &str) -> bool {
        let visible = self.walked + usize::from(self.recursive);
        self.names.iter().take(visible).any(|defined| defined == name)
    }
}

impl<'w, 'a> Walk<'w, 'a> {
    /// A walk that tells `guard`.
    pub(super) fn new(guard: &'w mut Guard<'a>) -> Self {
        Self { guard, scopes: Vec::new(), called: false, defined: BTreeSet::new() }
    }

    /// Ends the walk. What a `WITH` defines hides a table from a query, but not from `DELETE FROM`.
    pub(super) fn finish(self) {
        if self.guard.found.class != Class::Read {
            self.guard.found.tables.extend(self.defined);
        }
    }

    fn unknown(&mut self, what: &str) {
        self.guard.raise(Class::Unknown, format!("{what} is not known to the guard"));
    }

    fn relation(&mut self, name: &ObjectName) {
        let Some(parts) = parts(name) else { return self.unknown("a name that is computed") };
        match parts.as_slice() {
            [single] if self.scopes.iter().any(|scope| scope.defines(single)) => {
                self.defined.insert(single.clone());
            }
            parts => self.guard.table(parts),
        }
    }

    fn call(&mut self, name: &ObjectName, arguments: usize) {
        match parts(name) {
            Some(parts) => self.guard.function(&parts, arguments),
            None => self.unknown("a function whose name is computed"),
        }
    }

    /// The kinds of query that no other hook sees.
    fn set_expression(&mut self, body: &SetExpr) {
        let mut left = vec![body];
        while let Some(expression) = left.pop() {
            match expression {
                SetExpr::SetOperation { left: one, right: other, .. } => left.extend([one.as_ref(), other.as_ref()]),
                SetExpr::Table(_) => self.unknown("`TABLE`"),
                SetExpr::Merge(_) => self.unknown("`MERGE`"),
                // Each of these has a hook of its own.
                SetExpr::Select(_)
                | SetExpr::Query(_)
                | SetExpr::Values(_)
                | SetExpr::Insert(_)
                | SetExpr::Update(_)
                | SetExpr::Delete(_) => {}
            }
        }
    }
}

/// The parts of a name, quotes removed; none if a part is computed.
pub(super) fn parts(name: &ObjectName) -> Option<Vec<String>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(identifier) => Some(identifier.value.clone()),
            ObjectNamePart::Function(_) => None,
        })
        .collect()
}

fn argument_count(function: &Function) -> usize {
    match &function.args {
        FunctionArguments::None => 0,
        FunctionArguments::Subquery(_) => 1,
        FunctionArguments::List(list) => list.args.len(),
    }
}

type Step = ControlFlow<()>;
const ON: Step = ControlFlow::Continue(());

impl Visitor for Walk<'_, '_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> Step {
        match statement {
            Statement::Insert(insert) => {
                self.guard.raise(Class::Write, "it inserts rows");
                if !matches!(insert.table, TableObject::TableName(_)) {
                    self.unknown("an `INSERT` into something other than a table");
                }
            }
            Statement::Update(_) => self.guard.raise(Class::Write, "it updates rows"),
            Statement::Delete(_) => self.guard.raise(Class::Write, DELETES),
            _ => self.unknown("a statement of this kind inside another"),
        }
        ON
    }

    fn pre_visit_query(&mut self, query: &Query) -> Step {
        if !query.locks.is_empty() {
            self.guard.raise(Class::Lock, "it locks the rows that it reads");
        }
        if query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            self.unknown("a clause at the end of the query");
        }
        self.set_expression(&query.body);
        let (names, recursive) = match &query.with {
            Some(with) => (with.cte_tables.iter().map(|cte| cte.alias.name.value.clone()).collect(), with.recursive),
            None => (Vec::new(), false),
        };
        self.scopes.push(Scope { names, recursive, walked: 0 });
        ON
    }

    fn post_visit_query(&mut self, _: &Query) -> Step {
        self.scopes.pop();
        if let Some(outer) = self.scopes.last_mut() {
            outer.walked += 1;
        }
        ON
    }

    fn pre_visit_select(&mut self, select: &Select) -> Step {
        if select.into.is_some() {
            self.guard.raise(Class::Session, "`SELECT ... INTO` stores what it reads");
        }
        if !select.lateral_views.is_empty()
            || select.prewhere.is_some()
            || !select.connect_by.is_empty()
            || !matches!(select.flavor, SelectFlavor::Standard)
        {
            self.unknown("a clause of the query");
        }
        ON
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Step {
        match factor {
            TableFactor::Table { name, args: Some(arguments), .. } => {
                self.call(name, arguments.args.len());
                self.called = true;
            }
            TableFactor::Function { name, args, .. } => self.call(name, args.len()),
            // Its call is an expression, and judged as one.
            TableFactor::TableFunction { .. } if self.guard.dialect == Dialect::Athena => {}
            TableFactor::Table { .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::JsonTable { .. } => {}
            _ => self.unknown("a part of the `FROM`"),
        }
        ON
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Step {
        if !mem::take(&mut self.called) {
            self.relation(relation);
        }
        ON
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> Step {
        match expression {
            Expr::Function(function) => self.call(&function.name, argument_count(function)),
            Expr::BinaryOp { op: BinaryOperator::Assignment, .. } => {
                self.guard.raise(Class::Session, "`:=` sets a variable");
            }
            Expr::BinaryOp { op: BinaryOperator::Custom(_) | BinaryOperator::PGCustomBinaryOperator(_), .. } => {
                self.unknown("an operator");
            }
            _ if reads(expression) => {}
            _ if self.guard.dialect == Dialect::Athena && athena::reads(expression) => {}
            _ => self.unknown("an expression"),
        }
        ON
    }
}

/// Whether an expression of this kind only computes: the forms that all dialects have, or MySQL or
/// SQLite alone, less calls.
fn reads(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::BinaryOp { .. }
            | Expr::Like { .. }
            | Expr::RLike { .. }
            | Expr::AnyOp { .. }
            | Expr::AllOp { .. }
            | Expr::UnaryOp { .. }
            | Expr::Convert { .. }
            | Expr::Cast { .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Collate { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::Prefixed { .. }
            | Expr::TypedString(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::Tuple(_)
            | Expr::Interval(_)
            | Expr::MatchAgainst { .. }
            | Expr::MemberOf(_)
            | Expr::Wildcard(_)
            | Expr::QualifiedWildcard(..)
    )
}
