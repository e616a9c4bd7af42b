//! Prompts, and the conversations that they become.

use super::{Allowance, icon, object, part, part_bytes, within};
use crate::call::{Conversation, Message, Prompt, PromptArgument};
use crate::fault::Error;
use crate::wit::prompts;

/// A prompt as the guest described it, under its full name, or what is wrong with it.
pub(in crate::runtime) fn prompt(guest: prompts::Prompt, name: String) -> Result<Prompt, Error> {
    let argument = |guest: prompts::Argument| PromptArgument {
        name: guest.name,
        title: guest.title,
        description: guest.description,
        required: guest.required,
        completes: guest.completes,
    };
    let meta = guest.meta.map(|text| object("its `meta`", &text)).transpose()?;
    Ok(Prompt {
        name,
        title: guest.title,
        description: guest.description,
        arguments: guest.arguments.into_iter().map(argument).collect(),
        icons: guest.icons.into_iter().map(icon).collect(),
        meta,
    })
}

/// A conversation as the guest gave it, or why it is refused.
pub(in crate::runtime) fn conversation(
    guest: prompts::Conversation,
    allowance: &Allowance,
) -> Result<Conversation, Error> {
    within(guest.messages.iter().map(|message| part_bytes(&message.part)).sum(), allowance)?;
    let messages = guest
        .messages
        .into_iter()
        .map(|message| Ok(Message { by_model: message.role == prompts::Role::Assistant, part: part(message.part)? }));
    let messages = messages.collect::<Result<_, Error>>()?;
    let meta = guest.meta.map(|text| object("the conversation's `meta`", &text)).transpose()?;
    Ok(Conversation { description: guest.description, messages, meta })
}
