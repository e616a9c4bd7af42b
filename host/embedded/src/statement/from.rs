//! `t CROSS JOIN UNNEST(t.items)`: what stands before `UNNEST` is put beside it, so that its expressions can see it.
//!
//! The pair is written as a join in parentheses, `(t CROSS JOIN UNNEST(t.items))`, which the planner's `unnest` takes as one.

use std::mem;

use datafusion::sql::sqlparser::ast::{Join, JoinConstraint, JoinOperator, TableFactor, TableWithJoins};

/// Puts each `UNNEST` of a `FROM` into a pair with all that stands before it.
pub(super) fn join_unnests(from: &mut Vec<TableWithJoins>) {
    let commas = from.iter().skip(1).any(|item| matches!(item.relation, TableFactor::UNNEST { .. }));
    if commas {
        let mut items = mem::take(from).into_iter();
        let Some(mut whole) = items.next() else { return };
        for item in items {
            let relation = item.relation;
            whole.joins.push(Join {
                relation,
                global: false,
                join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
            });
            whole.joins.extend(item.joins);
        }
        from.push(whole);
    }
    from.iter_mut().for_each(pair);
}

fn pair(item: &mut TableWithJoins) {
    let mut joins = Vec::new();
    for join in mem::take(&mut item.joins) {
        let unnests = matches!(join.relation, TableFactor::UNNEST { .. });
        joins.push(join);
        if unnests {
            let mut before = mem::replace(&mut item.relation, empty());
            let last = joins.split_off(joins.len() - 1);
            if !joins.is_empty() {
                let inner = TableWithJoins { relation: before, joins: mem::take(&mut joins) };
                before = TableFactor::NestedJoin { table_with_joins: Box::new(inner), alias: None };
            }
            let inner = TableWithJoins { relation: before, joins: last };
            item.relation = TableFactor::NestedJoin { table_with_joins: Box::new(inner), alias: None };
        }
    }
    item.joins = joins;
}

/// A place holder that is replaced at once.
fn empty() -> TableFactor {
    TableFactor::UNNEST {
        alias: None,
        array_exprs: Vec::new(),
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    }
}
