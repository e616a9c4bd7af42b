//! From a statement to a logical plan: which tables and functions there are, and what Trino's operators mean.

mod operators;
mod unnest;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, Result, TableReference};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::functions::core::planner::CoreFunctionPlanner;
use datafusion::functions_aggregate::planner::AggregateFunctionPlanner;
use datafusion::functions_window::planner::WindowFunctionPlanner;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner};
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF};
use datafusion::prelude::SessionConfig;
use datafusion::sql::planner::SqlToRel;
use datafusion::sql::sqlparser::ast::{Query, Statement};

use crate::Error;
use crate::functions::FUNCTIONS;
use crate::statement::ATTEMPT;

/// Plans a query over these tables.
pub(crate) fn plan(
    query: Box<Query>,
    tables: HashMap<String, Arc<dyn TableSource>>,
    there_are: Vec<String>,
    options: &ConfigOptions,
) -> Result<LogicalPlan> {
    let context = Context {
        tables,
        there_are,
        options: options.clone(),
        expressions: vec![
            Arc::new(operators::Operators),
            Arc::new(CoreFunctionPlanner::default()),
            Arc::new(AggregateFunctionPlanner),
            Arc::new(WindowFunctionPlanner),
        ],
        relations: vec![Arc::new(unnest::Unnest)],
    };
    SqlToRel::new(&context).sql_statement_to_plan(Statement::Query(query))
}

/// How statements are planned and run.
pub(crate) fn config(threads: usize) -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(threads).with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.default_null_ordering = "nulls_last".into();
    options.execution.parquet.schema_force_view_types = false;
    // Memory for merging what was spilt; nothing is.
    options.execution.sort_spill_reservation_bytes = 0;
    config
}

/// All that a statement may name.
struct Context {
    tables: HashMap<String, Arc<dyn TableSource>>,
    there_are: Vec<String>,
    options: ConfigOptions,
    expressions: Vec<Arc<dyn ExprPlanner>>,
    relations: Vec<Arc<dyn RelationPlanner>>,
}

impl ContextProvider for Context {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let name = name.to_string();
        match self.tables.get(&name) {
            Some(table) => Ok(table.clone()),
            None => Err(Error::UnknownTable { name, there_are: self.there_are.clone() }.into()),
        }
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expressions
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relations
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        match name.strip_prefix(ATTEMPT) {
            Some(name) => FUNCTIONS.attempts.get(name).cloned(),
            None => FUNCTIONS.scalars.get(name).cloned(),
        }
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        FUNCTIONS.lambdas.get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        FUNCTIONS.aggregates.get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        FUNCTIONS.windows.get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        FUNCTIONS.scalars.keys().map(|name| name.to_string()).collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        FUNCTIONS.lambdas.keys().map(|name| name.to_string()).collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        FUNCTIONS.aggregates.keys().map(|name| name.to_string()).collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        FUNCTIONS.windows.keys().map(|name| name.to_string()).collect()
    }
}

/// A call of one of the engine's own functions.
fn call(name: &str, args: Vec<datafusion::logical_expr::Expr>) -> Result<datafusion::logical_expr::Expr> {
    match FUNCTIONS.scalars.get(name) {
        Some(function) => Ok(function.call(args)),
        None => Err(DataFusionError::Plan(format!("there is no function {name}"))),
    }
}
