//! `TRY(x)`: the same functions, but with NULL where a row's value makes them fail.

use std::mem;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, ObjectName, ObjectNamePart, Query, Value, VisitMut, VisitorMut,
};

use super::ATTEMPT;
use super::rewrite::call;
use crate::functions::FUNCTIONS;

/// Makes every function within give NULL instead of an error. Subqueries stay as they are.
pub(super) fn attempt(expr: &mut Expr) {
    let _: ControlFlow<()> = expr.visit(&mut Attempt { queries: 0 });
}

struct Attempt {
    /// How many subqueries stand around the place.
    queries: usize,
}

impl VisitorMut for Attempt {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.queries > 0 {
            return ControlFlow::Continue(());
        }
        if let Expr::BinaryOp { op, .. } = expr
            && let Some(name) = function(op)
            && let Expr::BinaryOp { left, right, .. } = mem::replace(expr, Expr::Value(Value::Null.into()))
        {
            *expr = call(&format!("{ATTEMPT}{name}"), vec![*left, *right]);
            return ControlFlow::Continue(());
        }
        if let Expr::Function(called) = expr
            && let Some(name) = called.name.0.first().and_then(ObjectNamePart::as_ident)
            && FUNCTIONS.attempts.contains_key(name.value.as_str())
        {
            called.name = ObjectName::from(vec![Ident::with_quote('"', format!("{ATTEMPT}{}", name.value))]);
        }
        ControlFlow::Continue(())
    }
}

/// The function that an operator of numbers is.
pub(crate) fn function(op: &BinaryOperator) -> Option<&'static str> {
    match op {
        BinaryOperator::Plus => Some("$add"),
        BinaryOperator::Minus => Some("$subtract"),
        BinaryOperator::Multiply => Some("$multiply"),
        BinaryOperator::Divide => Some("$divide"),
        BinaryOperator::Modulo => Some("$modulo"),
        BinaryOperator::StringConcat => Some("concat"),
        _ => None,
    }
}
