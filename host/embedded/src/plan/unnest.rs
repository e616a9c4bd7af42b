//! `UNNEST`: one row for each element of arrays and maps, beside the row that they come from.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, NullHandling, Result, TableReference, UnnestOptions};
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Join, JoinConstraint, JoinOperator, TableAlias, TableFactor, Value,
};

use super::call;
use crate::Error;
use crate::functions::row::mistyped;
use crate::types;

#[derive(Debug)]
pub(super) struct Unnest;

/// An `UNNEST` as the statement writes it.
struct Written {
    alias: Option<TableAlias>,
    arrays: Vec<SqlExpr>,
    with_ordinality: bool,
    /// A row without elements stays, with NULL for them: `LEFT JOIN`.
    keep_empty: bool,
}

impl RelationPlanner for Unnest {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (left, written) = match relation {
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } => {
                let left = LogicalPlanBuilder::empty(true).build()?;
                (left, Written { alias, arrays: array_exprs, with_ordinality, keep_empty: false })
            }
            TableFactor::NestedJoin { table_with_joins, alias: None }
                if matches!(table_with_joins.joins[..], [Join { relation: TableFactor::UNNEST { .. }, .. }]) =>
            {
                let mut pair = *table_with_joins;
                let left = context.plan(pair.relation)?;
                let Some(Join {
                    relation: TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. },
                    join_operator,
                    ..
                }) = pair.joins.pop()
                else {
                    return mistyped("UNNEST stands alone");
                };
                let keep_empty = keeps_empty(&join_operator)?;
                (left, Written { alias, arrays: array_exprs, with_ordinality, keep_empty })
            }
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        let plan = unnested(left, written, context)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

fn keeps_empty(operator: &JoinOperator) -> Result<bool> {
    let always = |constraint: &JoinConstraint| match constraint {
        JoinConstraint::None => true,
        JoinConstraint::On(SqlExpr::Value(value)) => value.value == Value::Boolean(true),
        _ => false,
    };
    match operator {
        JoinOperator::CrossJoin(JoinConstraint::None) => Ok(false),
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) if always(constraint) => Ok(false),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) if always(constraint) => Ok(true),
        _ => Err(Error::Unsupported {
            construct: "UNNEST in a join other than CROSS, and LEFT or INNER with ON TRUE".into(),
        }
        .into()),
    }
}

/// One list that is unnested, and the columns that its elements make.
struct Source {
    list: Expr,
    /// The names of a row's fields, each of which makes a column; none for other elements.
    fields: Option<Vec<String>>,
}

fn sources(written: &Written, left: &LogicalPlan, context: &mut dyn RelationPlannerContext) -> Result<Vec<Source>> {
    let schema = left.schema().clone();
    let mut sources = Vec::new();
    for array in &written.arrays {
        let expr = context.sql_to_expr(array.clone(), &schema)?;
        match expr.get_type(schema.as_ref())? {
            DataType::List(element) => {
                let fields = match element.data_type() {
                    DataType::Struct(fields) => Some(fields.iter().map(|field| field.name().clone()).collect()),
                    _ => None,
                };
                sources.push(Source { list: expr, fields });
            }
            DataType::Map(..) => {
                sources.push(Source { list: call("map_keys", vec![expr.clone()])?, fields: None });
                sources.push(Source { list: call("map_values", vec![expr])?, fields: None });
            }
            other => return mistyped(format!("UNNEST takes arrays and maps, not {}", types::name(&other))),
        }
    }
    Ok(sources)
}

fn unnested(left: LogicalPlan, written: Written, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
    let mut sources = sources(&written, &left, context)?;
    if written.with_ordinality {
        let lists = sources.iter().map(|source| source.list.clone()).collect();
        sources.push(Source { list: call("$ordinals", lists)?, fields: None });
    }
    let before: Vec<Expr> = left.schema().columns().into_iter().map(Expr::Column).collect();
    let inner = |place: usize| Column::from_name(format!("$unnest{place}"));
    let lists = sources.iter().enumerate().map(|(place, source)| source.list.clone().alias(inner(place).name));
    let null_handling = if written.keep_empty { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
    let options = UnnestOptions { null_handling, ..UnnestOptions::default() };
    let plan = LogicalPlanBuilder::from(left)
        .project(before.iter().cloned().chain(lists))?
        .unnest_columns_with_options((0..sources.len()).map(inner).collect(), options)?;
    let mut elements = Vec::new();
    for (place, source) in sources.into_iter().enumerate() {
        let element = Expr::Column(inner(place));
        match source.fields {
            None => elements.push((element, None)),
            Some(fields) => {
                for field in fields {
                    elements.push((call("$field", vec![element.clone(), lit(field.as_str())])?, Some(field)));
                }
            }
        }
    }
    let elements = named(elements, written.alias, context)?;
    plan.project(before.into_iter().chain(elements))?.build()
}

/// The columns under the names of `AS t (a, b)`.
fn named(
    elements: Vec<(Expr, Option<String>)>,
    alias: Option<TableAlias>,
    context: &mut dyn RelationPlannerContext,
) -> Result<Vec<Expr>> {
    let table = alias.as_ref().map(|alias| TableReference::bare(context.normalize_ident(alias.name.clone())));
    let names: Vec<String> = alias
        .iter()
        .flat_map(|alias| &alias.columns)
        .map(|column| context.normalize_ident(column.name.clone()))
        .collect();
    if !names.is_empty() && names.len() != elements.len() {
        let (given, there) = (names.len(), elements.len());
        return mistyped(format!("the column alias list has {given} entries, but UNNEST gives {there} columns"));
    }
    let own = |place: usize, field: Option<String>| match names.get(place) {
        Some(name) => name.clone(),
        None => field.unwrap_or_else(|| format!("_col{place}")),
    };
    let columns = elements.into_iter().enumerate();
    Ok(columns.map(|(place, (element, field))| element.alias_qualified(table.clone(), own(place, field))).collect())
}
