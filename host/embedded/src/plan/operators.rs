//! What Trino's operators mean: arithmetic by the engine's own functions, and comparisons of nothing but like with like.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr, RawWindowExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::call;
use crate::functions::{alike, row::mistyped};
use crate::types;

#[derive(Debug)]
pub(super) struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        if let Some(name) = crate::statement::function(&raw.op) {
            return Ok(PlannerResult::Planned(call(name, vec![raw.left, raw.right])?));
        }
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        if !matches!(raw.op, Eq | NotEq | Lt | LtEq | Gt | GtEq) {
            return Ok(PlannerResult::Original(raw));
        }
        // A column that is not there is found later, with a better message.
        let (Ok(left), Ok(right)) = (raw.left.get_type(schema), raw.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(raw));
        };
        let Some(common) = alike(&left, &right) else {
            return mistyped(format!(
                "cannot apply operator: {} {} {}",
                types::name(&left),
                raw.op,
                types::name(&right)
            ));
        };
        Ok(PlannerResult::Original(RawBinaryExpr {
            op: raw.op,
            left: at_one_clock(raw.left, &left, &common)?,
            right: at_one_clock(raw.right, &right, &common)?,
        }))
    }

    fn plan_aggregate(&self, raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        let Some(wrapper) = wrapper(raw.func.name()) else { return Ok(PlannerResult::Original(raw)) };
        let inner =
            AggregateFunction::new_udf(raw.func, raw.args, raw.distinct, raw.filter, raw.order_by, raw.null_treatment);
        Ok(PlannerResult::Planned(call(wrapper, vec![Expr::AggregateFunction(inner)])?))
    }

    fn plan_window(&self, raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        let Some(wrapper) = wrapper(raw.func_def.name()) else { return Ok(PlannerResult::Original(raw)) };
        let inner = WindowFunction {
            fun: raw.func_def,
            params: WindowFunctionParams {
                args: raw.args,
                partition_by: raw.partition_by,
                order_by: raw.order_by,
                window_frame: raw.window_frame,
                filter: raw.filter,
                null_treatment: raw.null_treatment,
                distinct: raw.distinct,
            },
        };
        Ok(PlannerResult::Planned(call(wrapper, vec![Expr::from(inner)])?))
    }
}

/// What brings the result of one of DataFusion's functions into Trino's type.
fn wrapper(name: &str) -> Option<&'static str> {
    match name {
        "sum" => Some("$sum"),
        "avg" => Some("$average"),
        "row_number" | "rank" | "dense_rank" | "ntile" => Some("$whole"),
        _ => None,
    }
}

/// Days and instants are compared as instants, those with a zone in UTC.
fn at_one_clock(side: Expr, held: &DataType, common: &DataType) -> Result<Expr> {
    let to = match common {
        DataType::Timestamp(_, Some(_)) => types::zoned("UTC"),
        DataType::Timestamp(_, None) => types::TIMESTAMP,
        _ => return Ok(side),
    };
    if *held == to {
        return Ok(side);
    }
    call("$cast", vec![side, lit(types::name(&to))])
}
