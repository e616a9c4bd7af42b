//! What the tools answer. Dashboards know these names: a key that is renamed breaks them.

use schemars::JsonSchema;
use serde::Serialize;
use toolhost_sdk::rows::Rows;

use crate::argument::Severity;
use crate::cases::{Case, Counts, Filters, Week};
use crate::prompt::TokenManagement;

/// What `query_athena` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct QueryAnswer {
    /// The engine's own id of the statement.
    pub(crate) query_execution_id: String,
    #[serde(flatten)]
    pub(crate) rows: Rows,
}

/// What `analyze_with_bedrock` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DataAnalysis {
    /// What the model said.
    pub(crate) analysis: String,
    /// Which model it was.
    pub(crate) model_used: String,
    pub(crate) token_management: TokenManagement,
}

/// What `get_case_summary` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CaseSummary {
    pub(crate) date_range: String,
    pub(crate) account_number: Option<String>,
    pub(crate) service_code: Option<String>,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// The newest.
    pub(crate) recent_cases: Vec<Case>,
    /// What to do, if nothing was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    pub(crate) query_execution_ids: Vec<String>,
}

/// What `get_rca_analysis` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RcaAnalysis {
    pub(crate) rca_category: Option<String>,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// The newest.
    pub(crate) cases: Vec<Case>,
    pub(crate) query_execution_ids: Vec<String>,
}

/// What `get_service_trends` answers.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ServiceTrends {
    pub(crate) date_range: String,
    /// The service with the most cases first.
    pub(crate) services: Vec<ServiceTrend>,
    pub(crate) query_execution_id: String,
}

/// One service over the weeks.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ServiceTrend {
    pub(crate) service: Option<String>,
    pub(crate) total_cases: i64,
    /// Those that were critical or urgent.
    pub(crate) critical_cases: i64,
    /// How many more or fewer cases a day there were in the later half of the time than in the
    /// earlier one, in percent; null if there were none in the earlier.
    pub(crate) change_percent: Option<i64>,
    /// The weeks that had cases, oldest first.
    pub(crate) weekly: Vec<WeekCount>,
}

/// One week of a service.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct WeekCount {
    /// Its Monday.
    pub(crate) week_start: String,
    pub(crate) cases: i64,
}

impl ServiceTrends {
    /// The trend of each service, from its weeks in their order and the lengths of the two
    /// halves in days.
    pub(crate) fn of(date_range: String, weeks: Vec<Week>, earlier_days: i64, later_days: i64, id: String) -> Self {
        let mut services: Vec<(ServiceTrend, i64)> = Vec::new();
        for Week { service, start, cases, critical, later } in weeks {
            if services.last().is_none_or(|(last, _)| last.service != service) {
                let (total_cases, critical_cases, change_percent) = (0, 0, None);
                services.push((
                    ServiceTrend { service, total_cases, critical_cases, change_percent, weekly: Vec::new() },
                    0,
                ));
            }
            if let Some((trend, later_cases)) = services.last_mut() {
                trend.total_cases += cases;
                trend.critical_cases += critical;
                *later_cases += later;
                trend.weekly.push(WeekCount { week_start: start, cases });
            }
        }
        let mut services: Vec<_> = services
            .into_iter()
            .map(|(trend, later)| ServiceTrend {
                change_percent: change_percent(trend.total_cases - later, earlier_days, later, later_days),
                ..trend
            })
            .collect();
        services.sort_by_key(|trend| std::cmp::Reverse(trend.total_cases));
        Self { date_range, services, query_execution_id: id }
    }
}

/// By how many percent `later` cases in so many days are more than `earlier` ones.
fn change_percent(earlier: i64, earlier_days: i64, later: i64, later_days: i64) -> Option<i64> {
    let (before, after) = (earlier * later_days, later * earlier_days);
    // Rounded to the nearest.
    (before > 0).then(|| (200 * (after - before) + before).div_euclid(2 * before))
}

/// What `analyze_case_summaries` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CaseAnalysis {
    pub(crate) filters_applied: FiltersApplied,
    /// All cases that match, more than were looked at if there are more than `max_cases`.
    pub(crate) total_cases_found: i64,
    /// How many of those that were fetched have a summary.
    pub(crate) summaries_available: usize,
    /// How many of these were sent to the model.
    pub(crate) summaries_analyzed: usize,
    pub(crate) token_management: TokenManagement,
    pub(crate) analysis_question: String,
    pub(crate) analysis: String,
    /// Null if no model was asked.
    pub(crate) model_used: Option<String>,
    /// The first of those that were sent.
    pub(crate) sample_cases: Vec<SampleCase>,
    pub(crate) query_execution_id: String,
}

/// The filters of `analyze_case_summaries`; null where all cases passed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FiltersApplied {
    /// `2026-01-01 to 2026-01-31`; both days belong to it.
    pub(crate) date_range: String,
    pub(crate) severity_code: Option<Severity>,
    pub(crate) service_code: Option<String>,
    pub(crate) case_id: Option<String>,
    pub(crate) rca_category: Option<String>,
    pub(crate) lifecycle_category: Option<String>,
}

impl FiltersApplied {
    pub(crate) fn of(filters: &Filters) -> Self {
        let Filters { case, service, severity, rca_category, lifecycle_category, .. } = filters.clone();
        Self {
            date_range: filters.date_range(),
            severity_code: severity,
            service_code: service,
            case_id: case,
            rca_category,
            lifecycle_category,
        }
    }
}

/// A case that was analysed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SampleCase {
    pub(crate) case_number: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) rca_category: Option<String>,
    pub(crate) date: Option<String>,
}

impl SampleCase {
    pub(crate) fn of(case: &Case) -> Self {
        let date = case.date().map(str::to_owned);
        let Case { case_number, service, severity, rca_category, .. } = case.clone();
        Self { case_number, service, severity, rca_category, date }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(service: &str, start: &str, cases: i64, later: i64) -> Week {
        Week { service: Some(service.to_owned()), start: start.to_owned(), cases, critical: 1, later }
    }

    #[test]
    fn a_service_has_its_weeks_and_the_one_with_most_cases_is_first() {
        let weeks =
            vec![week("EC2", "2026-01-05", 4, 0), week("EC2", "2026-01-12", 6, 6), week("S3", "2026-01-12", 20, 20)];
        let trends = ServiceTrends::of(String::new(), weeks, 7, 7, "id".to_owned());
        let told: Vec<_> = trends
            .services
            .iter()
            .map(|trend| (trend.service.as_deref(), trend.total_cases, trend.critical_cases, trend.change_percent))
            .collect();
        assert_eq!(told, [(Some("S3"), 20, 1, None), (Some("EC2"), 10, 2, Some(50))]);
        assert_eq!(trends.services[1].weekly.len(), 2);
    }

    #[test]
    fn change_is_by_the_day_and_rounded() {
        assert_eq!(change_percent(10, 7, 10, 7), Some(0));
        assert_eq!(change_percent(10, 10, 10, 5), Some(100));
        assert_eq!(change_percent(3, 1, 1, 1), Some(-67));
        assert_eq!(change_percent(3, 1, 4, 1), Some(33));
        assert_eq!(change_percent(5, 1, 0, 1), Some(-100));
        assert_eq!(change_percent(0, 1, 5, 1), None);
    }
}
