//! Trino's special forms as calls of functions: the planner then knows nothing but functions.

use std::mem;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CeilFloorKind, DataType, DateTimeField, DuplicateTreatment, Expr, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, GroupByExpr, Ident,
    LimitClause, ObjectName, ObjectNamePart, Query, Select, SetExpr, Subscript, TrimWhereField, UnaryOperator, Value,
    VisitorMut, helpers::attached_token::AttachedToken,
};

use super::{Setting, attempt, from, tokens};
use crate::{Error, moment};

pub(super) struct Rewrite<'a> {
    pub(super) setting: &'a Setting,
}

type Flow = ControlFlow<Box<Error>>;

fn unsupported(construct: impl Into<String>) -> Flow {
    ControlFlow::Break(Box::new(Error::Unsupported { construct: construct.into() }))
}

pub(super) fn text(value: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.into()).into())
}

/// A call of the function with this name.
pub(super) fn call(name: &str, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    let list = FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::with_quote('"', name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn cast(value: Expr, to: &str) -> Expr {
    call("$cast", vec![value, text(to)])
}

fn case(conditions: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: conditions.into_iter().map(|(condition, result)| CaseWhen { condition, result }).collect(),
        else_result: otherwise.map(Box::new),
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }))
}

fn not(expr: Expr, negated: bool) -> Expr {
    match negated {
        true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(expr))) },
        false => expr,
    }
}

impl VisitorMut for Rewrite<'_> {
    type Break = Box<Error>;

    /// `db.t` and `awsdatacatalog.db.t` are `t`; the database must be this one.
    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> Flow {
        let parts: Vec<Ident> = relation.0.iter().filter_map(ObjectNamePart::as_ident).cloned().collect();
        let schema = parts.len().checked_sub(2).map(|place| parts[place].value.as_str());
        let catalog = parts.len().checked_sub(3).map(|place| parts[place].value.as_str());
        let known_schema =
            schema.is_none_or(|schema| schema == self.setting.database || schema == "information_schema");
        if !known_schema || catalog.is_some_and(|catalog| catalog != "awsdatacatalog") || parts.len() > 3 {
            let name = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
            return ControlFlow::Break(Box::new(Error::UnknownTable { name, there_are: Vec::new() }));
        }
        let kept = if schema == Some("information_schema") { 2 } else { 1 };
        *relation = ObjectName::from(parts[parts.len() - kept..].to_vec());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> Flow {
        if let Some(fetch) = query.fetch.take() {
            let offset = match query.limit_clause.take() {
                None => None,
                Some(LimitClause::LimitOffset { limit: None, offset, .. }) => offset,
                Some(_) => return unsupported("LIMIT and FETCH FIRST together"),
            };
            let one = || Expr::Value(Value::Number("1".into(), false).into());
            let limit = Some(fetch.quantity.unwrap_or_else(one));
            query.limit_clause = Some(LimitClause::LimitOffset { limit, offset, limit_by: Vec::new() });
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Flow {
        from::join_unnests(&mut select.from);
        if let GroupByExpr::Expressions(exprs, modifiers) = &mut select.group_by {
            if !modifiers.is_empty() {
                return unsupported("WITH ROLLUP, WITH CUBE and WITH TOTALS; use ROLLUP (...)");
            }
            *exprs = mem::take(exprs)
                .into_iter()
                .flat_map(|expr| match expr {
                    Expr::Tuple(parts) => parts,
                    other => vec![other],
                })
                .collect();
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        let whole = mem::replace(expr, Expr::Value(Value::Null.into()));
        match self.rewritten(whole) {
            Ok(rewritten) => {
                *expr = rewritten;
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

impl Rewrite<'_> {
    fn rewritten(&self, expr: Expr) -> Result<Expr, Error> {
        Ok(match expr {
            Expr::Function(function) => self.function(function)?,
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) if digits.contains('e') || digits.contains('E') => {
                    cast(text(digits.as_str()), "double")
                }
                Value::Number(digits, _)
                    if !digits.contains('.') && digits.replace('_', "").parse::<i64>().is_err() =>
                {
                    decimal(digits)?
                }
                _ => Expr::Value(value),
            },
            Expr::TypedString(typed) => {
                let written = typed.value.value.clone().into_string().unwrap_or_default();
                literal(&typed.data_type, written)?
            }
            Expr::Interval(interval) => self.interval(interval)?,
            Expr::Extract { field, expr, .. } => call(&part(&field)?, vec![*expr]),
            Expr::AtTimeZone { timestamp, time_zone } => call("at_timezone", vec![*timestamp, *time_zone]),
            Expr::Like { negated, expr, pattern, escape_char, .. } => {
                let mut args = vec![*expr, *pattern];
                args.extend(escape_char.map(Expr::Value));
                not(call("$like", args), negated)
            }
            Expr::Between { expr, negated, low, high } => {
                let above = binary(expr.as_ref().clone(), BinaryOperator::GtEq, *low);
                let below = binary(*expr, BinaryOperator::LtEq, *high);
                not(binary(above, BinaryOperator::And, below), negated)
            }
            Expr::Position { expr, r#in } => call("strpos", vec![*r#in, *expr]),
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let start =
                    substring_from.map_or_else(|| Expr::Value(Value::Number("1".into(), false).into()), |from| *from);
                let mut args = vec![*expr, start];
                args.extend(substring_for.map(|length| *length));
                call("substring", args)
            }
            Expr::Trim { expr, trim_where, trim_what, trim_characters } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    _ => "trim",
                };
                let mut args = vec![*expr];
                args.extend(trim_what.map(|what| *what));
                args.extend(trim_characters.unwrap_or_default());
                call(name, args)
            }
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                call("ceil", vec![*expr])
            }
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                call("floor", vec![*expr])
            }
            Expr::Ceil { .. } | Expr::Floor { .. } => {
                return Err(Error::Unsupported { construct: "CEIL and FLOOR to a unit".into() });
            }
            Expr::Array(array) => call("$array", array.elem),
            Expr::Tuple(parts) => call("row", parts),
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => *expr,
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &*expr {
                Expr::Value(value) if matches!(value.value, Value::Number(..)) => {
                    Expr::UnaryOp { op: UnaryOperator::Minus, expr }
                }
                _ => call("$negate", vec![*expr]),
            },
            Expr::CompoundIdentifier(mut parts) => {
                let catalog = parts.len() > 3 && parts[0].value == "awsdatacatalog";
                parts.drain(..usize::from(catalog));
                let database = parts.len() > 2 && parts[0].value == self.setting.database;
                parts.drain(..usize::from(database));
                Expr::CompoundIdentifier(parts)
            }
            Expr::CompoundFieldAccess { root, access_chain } => accessed(*root, access_chain)?,
            other => other,
        })
    }

    fn function(&self, mut function: Function) -> Result<Expr, Error> {
        let name = function.name.0.first().and_then(ObjectNamePart::as_ident).map(|name| name.value.clone());
        let name = name.unwrap_or_default();
        let now = moment::instant_text(self.setting.now, None);
        match (name.as_str(), arguments(&mut function)) {
            ("current_date", _) => Ok(cast(text(&now[..10]), "date")),
            ("current_timestamp" | "now", _) => Ok(call("$timestamp", vec![text(format!("{now} UTC"))])),
            ("localtimestamp", _) => Ok(call("$timestamp", vec![text(now)])),
            ("current_time" | "localtime", _) => Ok(cast(text(&now[11..]), "time")),
            ("if", args) if args.len() == 2 || args.len() == 3 => {
                let mut args = args.into_iter();
                let condition = args.next().zip(args.next());
                Ok(case(condition.into_iter().collect(), args.next()))
            }
            ("nullif", args) if args.len() == 2 => {
                let equal = binary(args[0].clone(), BinaryOperator::Eq, args[1].clone());
                Ok(case(vec![(equal, Expr::Value(Value::Null.into()))], args.into_iter().next()))
            }
            // The planner reads `map` as a form of its own.
            ("map", args) => Ok(call("$map", args)),
            ("try", args) if args.len() == 1 => {
                let mut inner = args.into_iter().next().unwrap_or(Expr::Value(Value::Null.into()));
                attempt::attempt(&mut inner);
                Ok(Expr::Nested(Box::new(inner)))
            }
            ("count_if", args) if args.len() == 1 => {
                let one = Expr::Value(Value::Number("1".into(), false).into());
                let condition = args.into_iter().map(|condition| (condition, one.clone())).collect();
                Ok(recalled(function, "count", vec![case(condition, None)]))
            }
            ("approx_distinct", args) if args.len() == 1 || args.len() == 2 => {
                let mut counted = recalled(function, "count", args.into_iter().take(1).collect());
                if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut counted {
                    list.duplicate_treatment = Some(DuplicateTreatment::Distinct);
                }
                Ok(counted)
            }
            ("none_match", args) if args.len() == 2 => Ok(not(call("any_match", args), true)),
            ("all_match", mut args) if args.len() == 2 => {
                match args.last_mut() {
                    Some(Expr::Lambda(lambda)) => {
                        let body = mem::replace(&mut *lambda.body, Expr::Value(Value::Null.into()));
                        *lambda.body = not(body, true);
                    }
                    _ => return Err(Error::Type("all_match takes an array and a lambda".into())),
                }
                Ok(not(call("any_match", args), true))
            }
            ("listagg", mut args) if args.len() == 1 || args.len() == 2 => {
                if args.len() == 1 {
                    args.push(text(""));
                }
                let order = mem::take(&mut function.within_group);
                let mut joined = recalled(function, "string_agg", args);
                if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut joined {
                    list.clauses = vec![FunctionArgumentClause::OrderBy(order)];
                }
                Ok(joined)
            }
            (name, args) if super::guard::FORMS.contains(&name) => {
                let given = args.len();
                Err(Error::Type(format!("{name} does not take {given} arguments")))
            }
            _ => Ok(Expr::Function(function)),
        }
    }

    /// `INTERVAL '2' DAY`, `INTERVAL '1-6' YEAR TO MONTH`.
    fn interval(&self, interval: datafusion::sql::sqlparser::ast::Interval) -> Result<Expr, Error> {
        let unit = |field: &DateTimeField| field.to_string().to_lowercase();
        let (Expr::Value(value), Some(leading)) = (&*interval.value, &interval.leading_field) else {
            return Err(Error::Unsupported { construct: "an INTERVAL that is not a text and a unit".into() });
        };
        let written = value.value.clone().into_string().unwrap_or_else(|| value.value.to_string());
        let mut args = vec![text(written), text(unit(leading))];
        args.extend(interval.last_field.as_ref().map(|last| text(unit(last))));
        Ok(call("$interval", args))
    }
}

/// The plain arguments; the function keeps them.
fn arguments(function: &mut Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let plain = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().filter_map(plain).collect()
}

/// The same call, with its FILTER and OVER, of another function.
fn recalled(mut function: Function, name: &str, args: Vec<Expr>) -> Expr {
    if let Expr::Function(other) = call(name, args) {
        function.name = other.name;
        function.args = other.args;
    }
    Expr::Function(function)
}

fn decimal(digits: &str) -> Result<Expr, Error> {
    match tokens::decimal_shape(digits) {
        Some((precision, scale)) => Ok(cast(text(digits), &format!("decimal({precision},{scale})"))),
        None => Err(Error::Value("a number has 38 digits at most".into())),
    }
}

/// `DATE '2026-01-31'` and its like.
fn literal(held: &DataType, written: String) -> Result<Expr, Error> {
    let name = held.to_string().to_lowercase();
    Ok(match name.split(['(', ' ']).next().unwrap_or_default() {
        "date" => cast(text(written), "date"),
        "time" => cast(text(written), "time"),
        "timestamp" => call("$timestamp", vec![text(written)]),
        "decimal" | "numeric" => decimal(&written)?,
        "json" => call("$json", vec![text(written)]),
        "varchar" | "char" => text(written),
        _ if crate::types::parse(&name).is_some() => cast(text(written), &name),
        _ => return Err(Error::Unsupported { construct: format!("literals of {name}") }),
    })
}

/// The function that gives a field of `EXTRACT`.
fn part(field: &DateTimeField) -> Result<String, Error> {
    let name = field.to_string().to_lowercase();
    let name = match name.as_str() {
        "dayofweek" => "day_of_week",
        "dayofyear" => "day_of_year",
        "timezone_hour" | "timezone_minute" => return Ok(name),
        other => other,
    };
    match crate::functions::PARTS.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(Error::Unsupported { construct: format!("EXTRACT({} FROM ...)", name.to_uppercase()) }),
    }
}

/// `a.b[1].c`: names as far as they go, then fields and subscripts.
fn accessed(root: Expr, chain: Vec<AccessExpr>) -> Result<Expr, Error> {
    let mut at = root;
    for step in chain {
        at = match (at, step) {
            (Expr::Identifier(first), AccessExpr::Dot(Expr::Identifier(next))) => {
                Expr::CompoundIdentifier(vec![first, next])
            }
            (Expr::CompoundIdentifier(mut parts), AccessExpr::Dot(Expr::Identifier(next))) => {
                parts.push(next);
                Expr::CompoundIdentifier(parts)
            }
            (at, AccessExpr::Dot(Expr::Identifier(next))) => call("$field", vec![at, text(next.value)]),
            (at, AccessExpr::Subscript(Subscript::Index { index })) => call("$subscript", vec![at, index]),
            _ => return Err(Error::Unsupported { construct: "slices of an array; use slice(...)".into() }),
        };
    }
    Ok(at)
}

/// The first `SELECT` of a query, whose columns name those of the answer.
pub(super) fn first_select(body: &mut SetExpr) -> Option<&mut Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => first_select(&mut query.body),
        SetExpr::SetOperation { left, .. } => first_select(left),
        _ => None,
    }
}
