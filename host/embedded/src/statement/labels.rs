//! The labels of an answer's columns: as written, `_col0` where nothing is written, and the same one twice if it is.
//!
//! The planner wants a name of its own for each column. Where a label may repeat, or is missing, the column gets a name
//! that `label` reads again: `$3:total`.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, OrderByKind, Query, Select, SelectItem, VisitMut, VisitorMut};

use super::rewrite::first_select;

/// The label of the answer's column at this place.
pub(crate) fn label(name: &str, place: usize) -> String {
    match name.strip_prefix('$').and_then(|rest| rest.split_once(':')) {
        Some((_, "")) => format!("_col{place}"),
        Some((_, label)) => label.to_owned(),
        None => name.to_lowercase(),
    }
}

/// Gives a name of its own to every column of every `SELECT`.
pub(super) fn name_columns(query: &mut Query) {
    let renamed = first_select(&mut query.body).map(name_answer).unwrap_or_default();
    if let Some(order) = &mut query.order_by
        && let OrderByKind::Expressions(exprs) = &mut order.kind
    {
        for order in exprs {
            if let Expr::Identifier(ident) = &mut order.expr
                && let Some((_, name)) = renamed.iter().find(|(label, _)| *label == ident.value)
            {
                *ident = Ident::with_quote('"', name);
            }
        }
    }
    let _: ControlFlow<()> = query.visit(&mut Unnamed);
}

/// Names the columns of the answer; tells which aliases now have another name.
fn name_answer(select: &mut Select) -> Vec<(String, String)> {
    let all = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    let beside_all = select.projection.iter().any(all) && select.projection.len() > 1;
    let mut seen = HashSet::new();
    let mut renamed = Vec::new();
    for (place, item) in select.projection.iter_mut().enumerate() {
        let named = |label: &str| Ident::with_quote('"', format!("${place}:{label}"));
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let label = own_name(expr).unwrap_or_default();
                if label.is_empty() || beside_all || !seen.insert(label.clone()) {
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: named(&label) };
                }
            }
            SelectItem::ExprWithAlias { alias, .. } => {
                let first = seen.insert(alias.value.clone());
                if beside_all || !first {
                    let name = named(&alias.value);
                    if first {
                        renamed.push((alias.value.clone(), name.value.clone()));
                    }
                    *alias = name;
                }
            }
            _ => {}
        }
    }
    renamed
}

/// The name that an expression without an alias gives to its column.
fn own_name(expr: &Expr) -> Option<String> {
    use datafusion::sql::sqlparser::ast::AccessExpr;
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|last| last.value.clone()),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
            Some(AccessExpr::Dot(Expr::Identifier(last))) => Some(last.value.clone()),
            _ => None,
        },
        Expr::Nested(inner) => own_name(inner),
        _ => None,
    }
}

/// Names what the inner queries leave without a name; nobody can ask for those columns, but two may be alike.
struct Unnamed;

impl VisitorMut for Unnamed {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for (place, item) in select.projection.iter_mut().enumerate() {
            if let SelectItem::UnnamedExpr(expr) = item {
                let name = own_name(expr).unwrap_or_else(|| format!("_col{place}"));
                let plain = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                if !plain {
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', name) };
                }
            }
        }
        ControlFlow::Continue(())
    }
}
