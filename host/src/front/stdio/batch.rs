//! Arrays of messages on one connection: their answers leave together, as an array.

use rmcp::model::RequestId;

use crate::front::jsonrpc;

/// The arrays that are not answered.
#[derive(Default)]
pub(super) struct Batches(Vec<Batch>);

/// One of them.
struct Batch {
    waiting: Vec<RequestId>,
    answers: Vec<Vec<u8>>,
}

impl Batches {
    /// A new one: the requests in it, and what is answered already. Its answer, if that is all.
    pub(super) fn begin(&mut self, waiting: Vec<RequestId>, answers: Vec<Vec<u8>>) -> Option<Vec<u8>> {
        self.0.push(Batch { waiting, answers });
        self.finished()
    }

    /// What is to be written for an answer: itself, or its array, or nothing yet.
    pub(super) fn answer(&mut self, id: &RequestId, answer: Vec<u8>) -> Option<Vec<u8>> {
        let Some(batch) = self.0.iter_mut().find(|batch| batch.waiting.contains(id)) else { return Some(answer) };
        batch.waiting.retain(|waiting| waiting != id);
        batch.answers.push(answer);
        self.finished()
    }

    /// Of a request that is not answered any more.
    pub(super) fn forget(&mut self, id: &RequestId) -> Option<Vec<u8>> {
        self.0.iter_mut().for_each(|batch| batch.waiting.retain(|waiting| waiting != id));
        self.finished()
    }

    /// The answer of one that waits for nothing any more.
    fn finished(&mut self) -> Option<Vec<u8>> {
        let at = self.0.iter().position(|batch| batch.waiting.is_empty())?;
        let batch = self.0.swap_remove(at);
        (!batch.answers.is_empty()).then(|| jsonrpc::array(&batch.answers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i64) -> RequestId {
        RequestId::Number(number)
    }

    #[test]
    fn answers_leave_together_and_others_at_once() {
        let mut batches = Batches::default();
        assert_eq!(batches.begin(vec![id(1), id(2)], Vec::new()), None);
        assert_eq!(batches.answer(&id(3), b"c".to_vec()), Some(b"c".to_vec()));
        assert_eq!(batches.answer(&id(2), b"b".to_vec()), None);
        assert_eq!(batches.answer(&id(1), b"a".to_vec()), Some(b"[b,a]".to_vec()));
        assert_eq!(batches.begin(Vec::new(), Vec::new()), None);
        assert_eq!(batches.begin(Vec::new(), vec![b"e".to_vec()]), Some(b"[e]".to_vec()));
        assert_eq!(batches.begin(vec![id(4)], vec![b"e".to_vec()]), None);
        assert_eq!(batches.forget(&id(4)), Some(b"[e]".to_vec()));
        assert!(batches.0.is_empty());
    }
}
