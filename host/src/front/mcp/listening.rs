//! News for clients: lists that changed, resources that were updated. A client of the older
//! revisions hears them in its session, one of the newest on a stream that it asked for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rmcp::RoleServer;
use rmcp::model::{ClientCapabilities, ResourceUpdatedNotificationParam, SubscriptionFilter};
use rmcp::service::{Peer, SubscriptionContext};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::brief::UnderWay;
use crate::call::{Level, Offer};
use crate::registry::Event;

/// What a client of the older revisions said in its session.
#[derive(Default)]
pub(super) struct Session {
    /// What it can do.
    client: OnceLock<ClientCapabilities>,
    /// The least level of lines that it wants.
    level: Mutex<Option<Level>>,
    /// The resources that it wants to hear of.
    subscribed: Mutex<BTreeSet<String>>,
    pub(super) under_way: UnderWay,
    /// Cancelled when the session ends.
    pub(super) ended: CancellationToken,
}

/// The most resources that one session may hear of.
const SUBSCRIBED_MAX: usize = 1_000;

impl Session {
    pub(super) fn client(&self) -> Option<&ClientCapabilities> {
        self.client.get()
    }

    /// What it says first stays.
    pub(super) fn set_client(&self, client: ClientCapabilities) {
        let _ = self.client.set(client);
    }

    pub(super) fn level(&self) -> Option<Level> {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_level(&self, level: Level) {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = Some(level);
    }

    /// False if it hears of too many already.
    pub(super) fn subscribe(&self, uri: String) -> bool {
        let mut subscribed = self.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        subscribed.contains(&uri) || (subscribed.len() < SUBSCRIBED_MAX && subscribed.insert(uri))
    }

    pub(super) fn unsubscribe(&self, uri: &str) {
        self.subscribed.lock().unwrap_or_else(PoisonError::into_inner).remove(uri);
    }

    fn hears_of(&self, uri: &str) -> bool {
        self.subscribed.lock().unwrap_or_else(PoisonError::into_inner).contains(uri)
    }

    /// Tells the client of a session what happens, until the session ends.
    pub(super) fn listen(self: &Arc<Self>, mut events: Receiver<Event>, peer: Peer<RoleServer>) {
        let (session, ended) = (Arc::downgrade(self), self.ended.clone());
        tokio::spawn(async move {
            while let Some(event) = tokio::select! {
                event = next(&mut events) => event,
                () = ended.cancelled() => None,
            } {
                let Some(session) = session.upgrade() else { return };
                if matches!(&event, Event::Updated(uri) if !session.hears_of(uri)) {
                    continue;
                }
                let told = match event {
                    Event::Changed(Offer::Tools) => peer.notify_tool_list_changed().await,
                    Event::Changed(Offer::Prompts) => peer.notify_prompt_list_changed().await,
                    Event::Changed(Offer::Resources | Offer::Skills) => peer.notify_resource_list_changed().await,
                    Event::Updated(uri) => {
                        peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await
                    }
                };
                if told.is_err() {
                    return;
                }
            }
        });
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// Tells the client of a stream what it asked to hear, until it goes away.
pub(super) async fn listen(mut events: Receiver<Event>, stream: SubscriptionContext) {
    let SubscriptionFilter { tools_list_changed, prompts_list_changed, resources_list_changed, .. } =
        stream.accepted().clone();
    let uris = stream.accepted().resource_subscriptions.clone().unwrap_or_default();
    while let Some(event) = tokio::select! {
        event = next(&mut events) => event,
        () = stream.cancelled() => None,
    } {
        let sink = stream.sink();
        let told = match event {
            Event::Changed(Offer::Tools) if tools_list_changed == Some(true) => sink.notify_tool_list_changed().await,
            Event::Changed(Offer::Prompts) if prompts_list_changed == Some(true) => {
                sink.notify_prompt_list_changed().await
            }
            Event::Changed(Offer::Resources | Offer::Skills) if resources_list_changed == Some(true) => {
                sink.notify_resource_list_changed().await
            }
            Event::Updated(uri) if uris.contains(&uri) => sink.notify_resource_updated(uri).await,
            _ => Ok(()),
        };
        if told.is_err() {
            return;
        }
    }
}

/// The next event; none when the host ends. A listener that was too slow missed some, and
/// hears of the next.
async fn next(events: &mut Receiver<Event>) -> Option<Event> {
    loop {
        match events.recv().await {
            Ok(event) => return Some(event),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}
