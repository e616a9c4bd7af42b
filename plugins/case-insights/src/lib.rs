//! Support cases: what a query engine holds of them, and what a model makes of it.
//!
//! It asks the one `query` source that it was granted, the one `model`, and keeps in a `kv`
//! store what is dear to fetch. The cases are in one table, `case_summary` unless the setting
//! `table` names another one (or a view of the cases that callers may see), with the text
//! columns `casenumber`, `accountnumber`, `servicecode`, `severitycode` (low, normal, high,
//! urgent, critical), `rca_category`, `lifecycle_category`, `timecreated` (ISO 8601) and `summary`.

mod argument;
mod cases;
mod date;
mod prompt;
mod report;
mod table;

use toolhost_sdk::{Error, Json, Result, model, plugin, query, tool};

use crate::argument::{Material, Severity, Within, given};
use crate::cases::Filters;
use crate::date::Date;
use crate::prompt::{Prompt, TokenManagement};
use crate::report::{
    CaseAnalysis, CaseSummary, DataAnalysis, FiltersApplied, QueryAnswer, RcaAnalysis, SampleCase, ServiceTrends,
};
use crate::table::Table;

/// How many cases are shown beside the numbers about all of them.
const SHOWN: u32 = 10;

/// What is asked about cases if nobody asks anything else.
const QUESTION: &str = "What are the main problems in these support cases, what causes them, which services and \
    customers do they hit hardest, and what should be done first?";

/// Runs one SQL statement that reads, in Athena's dialect, and answers with its rows.
///
/// The support cases are in the table case_summary: casenumber, accountnumber, servicecode,
/// severitycode, rca_category, lifecycle_category, timecreated (ISO 8601 text, so compare
/// from_iso8601_timestamp(timecreated)) and summary. SHOW TABLES and DESCRIBE tell what else there is.
#[tool(read_only, open_world = false)]
fn query_athena(
    /// One statement: SELECT, WITH, SHOW, DESCRIBE or EXPLAIN.
    query: String,
    /// How many rows to return at most.
    #[default(Within(100))]
    max_results: Within<1, 10_000>,
) -> Result<(String, Json<QueryAnswer>)> {
    let (rows, status) = query::source()?.submit(&query, &[])?.rows(max_results.0)?;
    let answer = QueryAnswer { query_execution_id: status.engine_id, rows };
    Ok((answer.rows.to_text(), Json(answer)))
}

/// Has a language model look at data: JSON, CSV or any other text. Of what is too long for the
/// model, the beginning is looked at, and the answer says so.
#[tool(read_only, open_world = false)]
fn analyze_with_bedrock(
    /// The data: JSON, CSV or text.
    data: Material,
    /// What to find out, or to make of it.
    analysis_prompt: String,
) -> Result<Json<DataAnalysis>> {
    let model = model::source()?;
    let data = data.into_text();
    if data.trim().is_empty() || analysis_prompt.trim().is_empty() {
        return Err(Error::invalid("There is nothing to look at: `data` and `analysis_prompt` both need some text."));
    }
    let prompt = Prompt::about_text(&analysis_prompt, &data, &model)?;
    let (analysis, model_used) = prompt.ask(&model)?;
    Ok(Json(DataAnalysis { analysis, model_used, token_management: prompt.tokens }))
}

/// Counts the support cases of the last days by severity, service, RCA category and lifecycle
/// category, and shows the newest.
#[tool(read_only, open_world = false)]
fn get_case_summary(
    /// Only cases of this account.
    account_number: Option<String>,
    /// Only cases of this service, such as EC2.
    service_code: Option<String>,
    /// How many days to look back.
    #[default(Within(30))]
    days_back: Within<1, 3_650>,
) -> Result<Json<CaseSummary>> {
    let table = Table::open()?;
    let (account, service) = (given(account_number), given(service_code));
    let filters = Filters { account, service, ..last_days(days_back) };
    let (counts, recent_cases, query_execution_ids) = table.overview(&filters, SHOWN)?;
    let note = (counts.total_cases == 0).then(|| format!("No case matches.{}", table.hint(&filters)));
    Ok(Json(CaseSummary {
        date_range: filters.date_range(),
        account_number: filters.account,
        service_code: filters.service,
        counts,
        recent_cases,
        note,
        query_execution_ids,
    }))
}

/// Tells how often an RCA category was the cause, where, and how badly, and shows its newest
/// cases with their summaries.
#[tool(read_only, open_world = false)]
fn get_rca_analysis(
    /// The category, such as Configuration; a wrong one is answered with those there are.
    rca_category: String,
    /// How many cases to show.
    #[default(Within(10))]
    limit: Within<1, 1_000>,
) -> Result<Json<RcaAnalysis>> {
    let table = Table::open()?;
    let filters = Filters { rca_category: Some(rca_category.trim().to_owned()), ..Filters::default() };
    let (counts, cases, query_execution_ids) = table.overview(&filters, limit.0)?;
    if counts.total_cases == 0 {
        return Err(Error::not_found(format!("No case has this RCA category.{}", table.hint(&filters))));
    }
    Ok(Json(RcaAnalysis { rca_category: filters.rca_category, counts, cases, query_execution_ids }))
}

/// Tells for each service how many cases it had week by week, and whether they become more.
#[tool(read_only, open_world = false)]
fn get_service_trends(
    /// How many days to look back.
    #[default(Within(90))]
    days_back: Within<2, 3_650>,
) -> Result<Json<ServiceTrends>> {
    let filters = last_days(days_back);
    let later_days = i64::from(days_back.0 / 2);
    let (weeks, id) = Table::open()?.weeks(&filters, Date::today().plus(1 - later_days))?;
    let earlier_days = i64::from(days_back.0) + 1 - later_days;
    Ok(Json(ServiceTrends::of(filters.date_range(), weeks, earlier_days, later_days, id)))
}

/// Has a language model answer a question about the summaries of many support cases, the most
/// urgent first and of these the newest, as many as fit.
#[tool(read_only, open_world = false)]
#[allow(clippy::too_many_arguments, reason = "each is an argument that agents know")]
fn analyze_case_summaries(
    /// The first day, as YYYY-MM-DD.
    start_date: Date,
    /// The last day, as YYYY-MM-DD.
    end_date: Date,
    /// Only cases of this severity.
    severity_code: Option<Severity>,
    /// Only cases of this service, such as EC2.
    service_code: Option<String>,
    /// Only this case, by its number.
    case_id: Option<String>,
    /// Only cases of this RCA category.
    rca_category: Option<String>,
    /// Only cases of this lifecycle category.
    lifecycle_category: Option<String>,
    /// What to find out; if left out, the main problems, their causes and what to do.
    analysis_question: Option<String>,
    /// How many cases to look at, at most.
    #[default(Within(200))]
    max_cases: Within<1, 10_000>,
) -> Result<Json<CaseAnalysis>> {
    if start_date > end_date {
        let message = format!("`start_date` is {start_date}, after `end_date`, {end_date}: swap them.");
        return Err(Error::invalid(message));
    }
    let filters = Filters {
        from: Some(start_date),
        to: Some(end_date),
        case: given(case_id),
        service: given(service_code),
        severity: severity_code,
        rca_category: given(rca_category),
        lifecycle_category: given(lifecycle_category),
        ..Filters::default()
    };
    let (model, table) = (model::source()?, Table::open()?);
    let question = given(analysis_question).unwrap_or_else(|| QUESTION.to_owned());
    let (mut cases, total, id) = table.most_urgent(&filters, max_cases.0)?;
    cases.retain(|case| case.summary.is_some());
    let mut answer = CaseAnalysis {
        filters_applied: FiltersApplied::of(&filters),
        total_cases_found: total,
        summaries_available: cases.len(),
        summaries_analyzed: 0,
        token_management: TokenManagement::nothing(&model),
        analysis_question: question,
        analysis: String::new(),
        model_used: None,
        sample_cases: cases.iter().take(SHOWN as usize).map(SampleCase::of).collect(),
        query_execution_id: id,
    };
    if cases.is_empty() {
        // Nothing is sent: a model that is asked about nothing makes something up.
        answer.analysis = match total {
            0 => format!("No support case matches these filters, so no model was asked.{}", table.hint(&filters)),
            _ => "The support cases that match have no summary, so no model was asked.".to_owned(),
        };
        return Ok(Json(answer));
    }
    let (prompt, analyzed) = Prompt::about_cases(&answer.analysis_question, &cases, &model)?;
    let (analysis, model_used) = prompt.ask(&model)?;
    answer.summaries_analyzed = analyzed;
    answer.sample_cases.truncate(analyzed);
    Ok(Json(CaseAnalysis { token_management: prompt.tokens, analysis, model_used: Some(model_used), ..answer }))
}

plugin! {
    tools: [
        query_athena,
        analyze_with_bedrock,
        get_case_summary,
        get_rca_analysis,
        get_service_trends,
        analyze_case_summaries,
    ]
}

/// From so many days ago until now.
fn last_days<const MIN: u32, const MAX: u32>(days: Within<MIN, MAX>) -> Filters {
    let today = Date::today();
    Filters { from: Some(today.plus(-i64::from(days.0))), to: Some(today), ..Filters::default() }
}
