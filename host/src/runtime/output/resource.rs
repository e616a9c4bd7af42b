//! Resources, and what is read of them.

use super::{Allowance, body, body_bytes, icon, object, part_annotations, within};
use crate::call::{Contents, Resource, Template};
use crate::fault::Error;
use crate::wit::resources;

/// A resource as the guest described it, or what is wrong with it.
pub(in crate::runtime) fn resource(guest: resources::Resource) -> Result<Resource, Error> {
    let meta = guest.meta.map(|text| object("its `meta`", &text)).transpose()?;
    Ok(Resource {
        uri: guest.uri,
        name: guest.name,
        title: guest.title,
        description: guest.description,
        mime_type: guest.mime_type,
        size: guest.size,
        annotations: guest.annotations.map(part_annotations),
        icons: guest.icons.into_iter().map(icon).collect(),
        meta,
    })
}

/// A template as the guest described it, or what is wrong with it.
pub(in crate::runtime) fn template(guest: resources::Template) -> Result<Template, Error> {
    let meta = guest.meta.map(|text| object("its `meta`", &text)).transpose()?;
    Ok(Template {
        uri_template: guest.uri_template,
        name: guest.name,
        title: guest.title,
        description: guest.description,
        mime_type: guest.mime_type,
        completes: guest.completes,
        annotations: guest.annotations.map(part_annotations),
        icons: guest.icons.into_iter().map(icon).collect(),
        meta,
    })
}

/// Contents as the guest gave them, or why they are refused.
pub(in crate::runtime) fn contents(
    guest: Vec<resources::Contents>,
    allowance: &Allowance,
) -> Result<Vec<Contents>, Error> {
    let bytes = |contents: &resources::Contents| {
        contents.uri.len() + body_bytes(&contents.body) + contents.meta.as_ref().map_or(0, String::len)
    };
    within(guest.iter().map(bytes).sum(), allowance)?;
    let contents = guest.into_iter().map(|guest| {
        let meta = guest.meta.map(|text| object("the `meta` of contents", &text)).transpose()?;
        Ok(Contents { uri: guest.uri, mime_type: guest.mime_type, body: body(guest.body), meta })
    });
    contents.collect()
}
