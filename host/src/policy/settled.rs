//! What is the same for one caller, one action and one resource, whatever the arguments and the time
//! are: what all policies say that look at nothing of the context, and which of the others are about
//! the question at all. Of those nothing but the conditions is left to be weighed.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use cedar_policy::{
    Context, Effect, Entities, EntityUid, EvalResult, EvaluationError, Expression, PolicyId, Request as Question,
    eval_expression,
};

use super::looks::Looks;
use super::{Decision, Failure, Found};

/// What a question comes to, but for its context.
pub(super) struct Settled {
    /// Whether the caller might do this with some arguments at some time.
    pub(super) seen: bool,
    answer: Answer,
}

/// What is known of the answer.
enum Answer {
    /// All of it.
    Whole(Decision),
    /// What policies say that look at no context; and what is left to be weighed.
    Open(Found, Box<Left>),
}

/// What is left to be weighed.
pub(super) struct Left {
    pub(super) principal: EntityUid,
    pub(super) action: EntityUid,
    pub(super) resource: EntityUid,
    pub(super) entities: Entities,
    /// What they look at together.
    pub(super) looks: Looks,
    /// In the order of the file.
    pub(super) policies: Vec<Arc<Conditions>>,
}

/// The conditions of a policy that looks at the context.
pub(super) struct Conditions {
    pub(super) policy: PolicyId,
    /// Where it stands among all policies: what fails is told in this order.
    pub(super) place: usize,
    pub(super) effect: Effect,
    pub(super) expression: Expression,
    pub(super) looks: Looks,
}

impl Settled {
    /// All of an answer.
    pub(super) fn whole(seen: bool, found: Found) -> Self {
        Self { seen, answer: Answer::Whole(Decision::of(found)) }
    }

    /// What is found so far, and what is left.
    pub(super) fn open(seen: bool, found: Found, left: Left) -> Self {
        Self { seen, answer: Answer::Open(found, Box::new(left)) }
    }

    /// The answer, if nothing is left to be weighed.
    pub(super) fn decision(&self) -> Option<Decision> {
        match &self.answer {
            Answer::Whole(decision) => Some(decision.clone()),
            Answer::Open(..) => None,
        }
    }

    /// The answer in a context, which is made of what is looked at, and not at all if nothing is.
    pub(super) fn weigh(&self, context: impl FnOnce(&Looks) -> Result<Context, &'static str>) -> Decision {
        match &self.answer {
            Answer::Whole(decision) => decision.clone(),
            Answer::Open(found, left) => {
                let weighed = context(&left.looks).and_then(|context| left.weigh(found.clone(), context));
                weighed.map_or_else(Decision::failed, Decision::of)
            }
        }
    }

    /// How many bytes it has, about, beside the caller's.
    pub(super) fn bytes(&self) -> usize {
        match &self.answer {
            Answer::Whole(_) => 256,
            Answer::Open(_, left) => 2_048 + left.policies.len() * size_of::<Arc<Conditions>>(),
        }
    }
}

impl Left {
    fn weigh(&self, mut found: Found, context: Context) -> Result<Found, &'static str> {
        let Self { principal, action, resource, entities, policies, looks: _ } = self;
        let question = Question::new(principal.clone(), action.clone(), resource.clone(), context, None)
            .map_err(|_| "the question cannot be said in Cedar")?;
        for Conditions { policy, effect, expression, .. } in policies.iter().map(|policy| &**policy) {
            let why = match eval_expression(&question, entities, expression) {
                Ok(EvalResult::Bool(false)) => continue,
                Ok(EvalResult::Bool(true)) => {
                    let deciding = match effect {
                        Effect::Permit => &mut found.permits,
                        Effect::Forbid => &mut found.forbids,
                    };
                    deciding.insert(policy.to_string());
                    continue;
                }
                // Cedar takes nothing but a truth for a condition.
                Ok(_) => OTHER_TYPE,
                Err(error) => why(&error),
            };
            found.failures.push(Failure { policy: policy.to_string(), why });
        }
        Ok(found)
    }
}

const OTHER_TYPE: &str = "a value is of another type than it expects";

/// Why a policy failed, without the values that it failed with.
pub(super) fn why(error: &EvaluationError) -> &'static str {
    match error {
        EvaluationError::IntegerOverflow(_) => "a number is larger than Cedar counts",
        EvaluationError::TypeError(_) => OTHER_TYPE,
        EvaluationError::EntityDoesNotExist(_) => "it looks into something that is not there",
        EvaluationError::EntityAttrDoesNotExist(_) | EvaluationError::RecordAttrDoesNotExist(_) => {
            "it looks at an attribute that is not there: ask for it with `has` first"
        }
        EvaluationError::FailedExtensionFunctionExecution(_) => "a function of it failed: a text may be no such value",
        _ => "it cannot be weighed",
    }
}
