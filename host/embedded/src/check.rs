//! What the planner lets pass though Trino would not: a value in a list of values of another type.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use crate::functions::{alike, row::mistyped};
use crate::types;

/// Looks through all expressions of a plan.
pub(crate) fn check(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        node.inputs().iter().for_each(|input| schema.merge(input.schema()));
        node.apply_expressions(|expr| {
            expr.apply(|inner| {
                if let Expr::InList(list) = inner {
                    in_list(list, &schema)?;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map(|_| ())
}

fn in_list(list: &InList, schema: &DFSchema) -> Result<()> {
    let Ok(held) = list.expr.get_type(schema) else { return Ok(()) };
    for value in &list.list {
        let Ok(other) = value.get_type(schema) else { continue };
        if alike(&held, &other).is_none() {
            return mistyped(format!("a {} cannot be IN a list of {}", types::name(&held), types::name(&other)));
        }
    }
    Ok(())
}
