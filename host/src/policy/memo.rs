//! What was settled before, by who asked to do what to what.
//!
//! Most questions are asked again and again: the same caller calls the same tool. What is settled of
//! one is kept as long as the policies are, which are made anew with every change of what they speak
//! of. It is found by a keyed digest of the whole question, and compared with it in full: no two
//! callers share an answer for being of one name, nor for being of one digest.
//!
//! It is kept in parts, each behind a lock of its own, that is held for a look-up in a map and no
//! longer: nothing is compared, weighed or dropped under it. That is some tens of nanoseconds of a
//! call, so that many cores are busy elsewhere when one of them is here. A lock for readers would
//! cost as much, and could not note what was last used.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cedar_policy::EntityUid;
use lru::LruCache;

use super::settled::Settled;
use crate::call::Caller;

/// In how many parts it is kept.
const PARTS: usize = 16;

/// How many questions a part holds: 4,096 in all. The one that was not asked for longest goes first.
const QUESTIONS_MAX: usize = 256;

/// How many bytes the questions of a part have, about: 16 MiB in all. Attributes of a caller are what
/// its token says, and groups too.
const BYTES_MAX: usize = 1 << 20;

/// How many bytes a question has that is kept, at most: it pushes out others.
const QUESTION_BYTES_MAX: usize = BYTES_MAX / 4;

/// What is settled, for the questions that were asked last.
pub(super) struct Memo {
    state: RandomState,
    parts: [Mutex<Part>; PARTS],
}

/// Some of the questions, by their digests.
struct Part {
    kept: LruCache<u64, Arc<Kept>>,
    bytes: usize,
}

/// A question, and what is settled of it.
struct Kept {
    caller: Caller,
    action: EntityUid,
    resource: EntityUid,
    settled: Arc<Settled>,
    bytes: usize,
}

/// Who asks to do what to what.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) caller: &'a Caller,
    pub(super) action: &'a EntityUid,
    pub(super) resource: &'a EntityUid,
}

impl Default for Memo {
    fn default() -> Self {
        let part = || Mutex::new(Part { kept: LruCache::unbounded(), bytes: 0 });
        Self { state: RandomState::new(), parts: std::array::from_fn(|_| part()) }
    }
}

impl Memo {
    /// What is settled of a question, if it is still known.
    pub(super) fn find(&self, asked: Asked<'_>) -> Option<Arc<Settled>> {
        let digest = asked.digest(&self.state);
        let kept = Arc::clone(self.part(digest)?.kept.get(&digest)?);
        asked.is(&kept).then(|| Arc::clone(&kept.settled))
    }

    /// Keeps what is settled of a question.
    pub(super) fn keep(&self, asked: Asked<'_>, settled: &Arc<Settled>) {
        let bytes = asked.bytes() + settled.bytes();
        if bytes > QUESTION_BYTES_MAX {
            return;
        }
        let digest = asked.digest(&self.state);
        let kept = Arc::new(asked.kept(Arc::clone(settled), bytes));
        let Some(mut part) = self.part(digest) else { return };
        let gone = part.put(digest, kept);
        // What is gone is dropped after the lock.
        drop(part);
        drop(gone);
    }

    fn part(&self, digest: u64) -> Option<MutexGuard<'_, Part>> {
        // The map within a part goes by other bits of it, hashed once more.
        let part = self.parts.get(usize::try_from(digest % PARTS as u64).ok()?)?;
        Some(part.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many questions are known, and their bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let parts = self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner));
        parts.fold((0, 0), |(count, bytes), part| (count + part.kept.len(), bytes + part.bytes))
    }
}

impl Part {
    /// Puts a question in, and others out for it.
    fn put(&mut self, digest: u64, kept: Arc<Kept>) -> Vec<Arc<Kept>> {
        self.bytes += kept.bytes;
        let mut gone: Vec<_> = self.kept.push(digest, kept).into_iter().map(|(_, kept)| kept).collect();
        self.bytes -= gone.iter().map(|kept| kept.bytes).sum::<usize>();
        while (self.kept.len() > QUESTIONS_MAX || self.bytes > BYTES_MAX)
            && let Some((_, kept)) = self.kept.pop_lru()
        {
            self.bytes -= kept.bytes;
            gone.push(kept);
        }
        gone
    }
}

impl Asked<'_> {
    fn digest(&self, state: &RandomState) -> u64 {
        let mut hasher = state.build_hasher();
        let Caller { name, groups, attributes, scopes: _ } = self.caller;
        (name, groups, attributes).hash(&mut hasher);
        self.action.id().unescaped().hash(&mut hasher);
        self.resource.id().unescaped().hash(&mut hasher);
        hasher.finish()
    }

    /// Whether it is this question. What a token is good for is no matter of the policy.
    fn is(&self, kept: &Kept) -> bool {
        let Caller { name, groups, attributes, scopes: _ } = self.caller;
        let other = &kept.caller;
        *name == other.name
            && *groups == other.groups
            && *attributes == other.attributes
            && *self.action == kept.action
            && *self.resource == kept.resource
    }

    fn kept(&self, settled: Arc<Settled>, bytes: usize) -> Kept {
        let caller = Caller { scopes: None, ..self.caller.clone() };
        Kept { caller, action: self.action.clone(), resource: self.resource.clone(), settled, bytes }
    }

    /// About what it takes to keep it, generously: each text has a place of its own, and may have another
    /// among Cedar's values.
    fn bytes(&self) -> usize {
        let of = |text: &String| text.len() * 2 + 256;
        let Caller { name, groups, attributes, scopes: _ } = self.caller;
        let attributes = attributes.iter().map(|(key, values)| of(key) + values.iter().map(of).sum::<usize>());
        512 + of(name) + groups.iter().map(of).sum::<usize>() + attributes.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::Found;
    use super::*;

    fn uid(text: &str) -> EntityUid {
        text.parse().expect("is a name")
    }

    fn ask<'a>(caller: &'a Caller, [action, resource]: &'a [EntityUid; 2]) -> Asked<'a> {
        Asked { caller, action, resource }
    }

    /// Something that is told from others by what is seen.
    fn settled(seen: bool) -> Arc<Settled> {
        Arc::new(Settled::whole(seen, Found::default()))
    }

    fn seen(memo: &Memo, asked: Asked<'_>) -> Option<bool> {
        memo.find(asked).map(|settled| settled.seen)
    }

    #[test]
    fn whoever_differs_in_anything_that_policies_can_speak_of_is_somebody_else() {
        let memo = Memo::default();
        let (call, other) = (
            [uid("Action::\"crm__delete\""), uid("Plugin::\"crm\"")],
            [uid("Action::\"crm__delete\""), uid("sql::\"crm\"")],
        );
        let ann = Caller { groups: BTreeSet::from(["staff".to_owned()]), ..Caller::named("ann") };
        memo.keep(ask(&ann, &call), &settled(true));
        assert_eq!(seen(&memo, ask(&ann.clone(), &call)), Some(true));
        assert_eq!(seen(&memo, ask(&ann, &other)), None);
        let unit = BTreeMap::from([("unit".to_owned(), vec!["emea".to_owned()])]);
        for sly in [
            Caller::named("ann"),
            Caller { groups: BTreeSet::from(["staff".to_owned(), "root".to_owned()]), ..Caller::named("ann") },
            Caller { attributes: unit, ..ann.clone() },
            Caller { name: "ann ".to_owned(), ..ann.clone() },
        ] {
            assert_eq!(seen(&memo, ask(&sly, &call)), None, "{sly:?}");
            memo.keep(ask(&sly, &call), &settled(false));
        }
        assert_eq!(seen(&memo, ask(&ann, &call)), Some(true));
        let scoped = Caller { scopes: Some(BTreeSet::from(["tools".to_owned()])), ..ann };
        assert_eq!(seen(&memo, ask(&scoped, &call)), Some(true), "no policy speaks of scopes");
    }

    #[test]
    fn one_digest_of_two_questions_is_not_one_question() {
        let memo = Memo::default();
        let call = [uid("Action::\"crm__delete\""), uid("Plugin::\"crm\"")];
        let (ann, bob) = (Caller::named("ann"), Caller::named("bob"));
        let digest = ask(&ann, &call).digest(&memo.state);
        let kept = Arc::new(ask(&bob, &call).kept(settled(true), 1));
        memo.part(digest).expect("is there").put(digest, kept);
        assert_eq!(seen(&memo, ask(&ann, &call)), None);
    }

    #[test]
    fn it_holds_so_many_questions_and_so_many_bytes() {
        let memo = Memo::default();
        let call = [uid("Action::\"crm__delete\""), uid("Plugin::\"crm\"")];
        for at in 0..10_000 {
            memo.keep(ask(&Caller::named(format!("c{at}")), &call), &settled(true));
        }
        let (count, _) = memo.size();
        assert!((2_000..=PARTS * QUESTIONS_MAX).contains(&count), "{count}");
        assert_eq!(seen(&memo, ask(&Caller::named("c9999"), &call)), Some(true));
        let with = |at: usize, bytes: usize| Caller {
            attributes: BTreeMap::from([("unit".to_owned(), vec!["x".repeat(bytes)])]),
            ..Caller::named(format!("large{at}"))
        };
        for at in 0..1_000 {
            memo.keep(ask(&with(at, 50_000), &call), &settled(true));
        }
        let (count, bytes) = memo.size();
        assert!(count < 1_000 && bytes <= PARTS * BYTES_MAX, "{count} questions, {bytes} bytes");
        memo.keep(ask(&with(0, 1 << 20), &call), &settled(true));
        assert_eq!(seen(&memo, ask(&with(0, 1 << 20), &call)), None, "it would push out too many");
        for caller in (0..10_000).map(|at| Caller::named(format!("c{at}"))) {
            memo.keep(ask(&caller, &call), &settled(true));
        }
        let kept = |part: &Mutex<Part>| {
            let part = part.lock().expect("is whole");
            (part.bytes, part.kept.iter().map(|(_, kept)| kept.bytes).sum::<usize>())
        };
        assert!(memo.parts.iter().map(kept).all(|(counted, is)| counted == is));
    }
}
