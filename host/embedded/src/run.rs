//! One statement from its text to its rows.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::provider_as_source;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{LogicalPlan, TableSource};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::sqlparser::ast::{Query, visit_relations};
use futures_util::StreamExt;

use crate::catalogue::{Database, INFORMATION};
use crate::engine::Inner;
use crate::folder::{self, Table};
use crate::rows::Out;
use crate::statement::{self, Setting, Show, Statement, label};
use crate::table::{Known, STORE};
use crate::{Error, Value, check, plan, render};

/// What one statement runs with.
pub(crate) struct Run {
    engine: Arc<Inner>,
    state: SessionState,
    tables: BTreeMap<String, Table>,
    names: Vec<String>,
}

impl Run {
    /// Reads which tables there are; memory is the statement's own.
    pub(crate) fn new(engine: Arc<Inner>) -> Result<Run> {
        let tables = folder::scan(&engine.folder)?;
        let pool = GreedyMemoryPool::new(engine.limits.memory_bytes);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()?;
        runtime.register_object_store(ObjectStoreUrl::parse(STORE)?.as_ref(), engine.tables.store.clone());
        let state = SessionStateBuilder::new()
            .with_config(plan::config(engine.limits.threads.max(1)))
            .with_runtime_env(runtime)
            .build();
        let names = tables.keys().cloned().collect();
        Ok(Run { engine, state, tables, names })
    }

    /// Runs a statement; its columns and rows go `out`.
    pub(crate) async fn statement(&self, text: &str, parameters: &[Value], out: Out) -> Result<()> {
        let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).timestamp_millis();
        let setting = Setting { database: self.engine.database.clone(), now };
        match statement::parse(text, parameters, &setting)? {
            Statement::Show(show) => self.show(&show, out).await,
            Statement::Query(query) => {
                let (plan, bytes) = self.planned(query).await?;
                self.query(plan, bytes, out).await
            }
            Statement::Explain(query) => {
                let (plan, _) = self.planned(query).await?;
                let optimized = self.state.optimize(&plan)?;
                let lines = optimized.display_indent().to_string();
                let rows = lines.lines().map(|line| vec![Value::Text(line.to_owned())]).collect();
                let column =
                    crate::Column { name: "query plan".into(), kind: crate::Kind::Text, declared: "varchar".into() };
                out.begin(vec![column], 0).await;
                out.rows(rows).await;
                Ok(())
            }
        }
    }

    /// What is in the table of this name.
    pub(crate) async fn table(&self, name: &str) -> Result<Arc<Known>> {
        match self.tables.get(name) {
            Some(table) => self.engine.tables.know(name, table, &self.state).await,
            None => Err(Error::UnknownTable { name: name.into(), there_are: self.names.clone() }.into()),
        }
    }

    fn database(&self) -> Database<'_> {
        Database { name: &self.engine.database, tables: &self.names }
    }

    async fn show(&self, show: &Show, out: Out) -> Result<()> {
        let known = match show {
            Show::Columns(parts) | Show::Describe(parts) => Some(self.table(&self.database().table(parts)?).await?),
            _ => None,
        };
        let batch = self.database().answer(show, known.as_ref().map(|known| &known.columns))?;
        let labels: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        out.begin(render::columns(&batch.schema(), &labels), 0).await;
        out.rows(render::rows(&batch)?).await;
        Ok(())
    }

    /// The logical plan, and the size of the files that it reads.
    async fn planned(&self, query: Box<Query>) -> Result<(LogicalPlan, u64)> {
        let mut mentioned = Vec::new();
        let _: ControlFlow<()> = visit_relations(&query, |relation| {
            mentioned.push(relation.to_string().replace('"', ""));
            ControlFlow::Continue(())
        });
        mentioned.sort();
        mentioned.dedup();
        let mut sources: HashMap<String, Arc<dyn TableSource>> = HashMap::new();
        let mut bytes = 0;
        for name in mentioned {
            if let Some(table) = name.strip_prefix(INFORMATION).and_then(|rest| rest.strip_prefix('.')) {
                let mut columns = BTreeMap::new();
                for name in self.names.iter().filter(|_| table == "columns") {
                    columns.insert(name.clone(), self.table(name).await?.columns.clone());
                }
                if let Some(provider) = self.database().information(table, &columns)? {
                    sources.insert(name, provider_as_source(provider));
                }
            } else if self.tables.contains_key(&name) {
                let known = self.table(&name).await?;
                bytes += known.bytes;
                sources.insert(name, provider_as_source(known.provider.clone()));
            }
        }
        let plan = plan::plan(query, sources, self.names.clone(), self.state.config_options())?;
        check::check(&plan)?;
        Ok((plan, bytes))
    }

    async fn query(&self, plan: LogicalPlan, bytes: u64, out: Out) -> Result<()> {
        let names = plan.schema().fields().iter().enumerate();
        let labels: Vec<String> = names.map(|(place, field)| label(field.name(), place)).collect();
        let physical = yielding(self.state.create_physical_plan(&plan).await?)?;
        out.begin(render::columns(&physical.schema(), &labels), bytes).await;
        let mut batches = execute_stream(physical, self.state.task_ctx())?;
        while let Some(batch) = batches.next().await.transpose()? {
            out.rows(render::rows(&batch)?).await;
        }
        Ok(())
    }
}

/// The operators that can make rows without end out of few: the engine lets the others give way by itself.
const EXPANDING: [&str; 5] = ["CrossJoinExec", "HashJoinExec", "NestedLoopJoinExec", "SortMergeJoinExec", "UnnestExec"];

/// A plan whose operators all give way now and then: one that did not would keep its thread when nobody waits for it.
fn yielding(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|node| {
        if !EXPANDING.contains(&node.name()) {
            return Ok(Transformed::no(node));
        }
        let wrapped: Arc<dyn ExecutionPlan> = Arc::new(CooperativeExec::new(node));
        Ok(Transformed::yes(wrapped))
    })?;
    Ok(wrapped.data)
}
