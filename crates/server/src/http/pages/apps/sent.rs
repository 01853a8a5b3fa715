//! What a form of apps sends: fields that may repeat or hold several lines, and a file. What it means is decided
//! elsewhere.

use axum::body::Body;
use bytes::Bytes;
use causeway_protocol::legacy::MAX_LOGO;
use causeway_protocol::registration::Wish;
use causeway_protocol::{Reason, Refusal};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::flows::apps::LogoWish;
use crate::http::body;
use crate::http::headers::single;

/// Much more than a logo may have: who uploads one that is too large shall read so beside the field.
const MAX_FORM: usize = 1024 * 1024;
/// A form has about ten fields and 160 boxes.
const MAX_FIELDS: usize = 300;
/// The longest text of a field, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// Fields that may be sent several times: boxes. Everything else has one value (T-04).
const BOXES: [&str; 2] = ["scopes", "providers"];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Sent {
    fields: Vec<(String, String)>,
    logo: Option<Vec<u8>>,
}

impl Sent {
    /// Reads a body: multipart, or a form without a file.
    pub(super) async fn read(headers: &HeaderMap, sent: Body) -> Result<Self, Refusal> {
        let content_type = single(headers, &CONTENT_TYPE)?.unwrap_or_default();
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/x-www-form-urlencoded" => {
                let bytes = body::collect(headers, sent, body::MAX_BODY).await?;
                let mut all = Self::default();
                form_urlencoded::parse(&bytes).try_for_each(|(name, value)| all.push(&name, &value))?;
                Ok(all)
            }
            "multipart/form-data" => {
                let boundary =
                    multer::parse_boundary(content_type).map_err(|_| Reason::BodyUnreadable.about("boundary"))?;
                Self::multipart(body::collect(headers, sent, MAX_FORM).await?, boundary).await
            }
            _ => Err(Reason::MediaTypeUnknown.about("Content-Type")),
        }
    }

    async fn multipart(bytes: Bytes, boundary: String) -> Result<Self, Refusal> {
        let unreadable = |_| Reason::BodyUnreadable.about("multipart");
        let once = futures_util::stream::once(std::future::ready(Ok::<_, std::convert::Infallible>(bytes)));
        let mut parts = multer::Multipart::new(once, boundary);
        let mut all = Self::default();
        while let Some(part) = parts.next_field().await.map_err(unreadable)? {
            let (name, is_file) = (part.name().unwrap_or_default().to_owned(), part.file_name().is_some());
            let value = part.bytes().await.map_err(unreadable)?;
            if !is_file {
                let text = std::str::from_utf8(&value).map_err(|_| Reason::ParameterMalformed.about("not UTF-8"))?;
                all.push(&name, text)?;
            } else if name == "logo" && !value.is_empty() {
                if all.logo.is_some() {
                    return Err(Reason::ParameterRepeated.about("logo"));
                }
                // What is too much is cut, not kept: one byte over the limit is enough to say so.
                all.logo = Some(value[..value.len().min(MAX_LOGO + 1)].to_vec());
            }
        }
        Ok(all)
    }

    fn push(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        if self.fields.len() >= MAX_FIELDS || value.len() > MAX_TEXT {
            return Err(Reason::BodyTooLarge.refuse());
        }
        if !BOXES.contains(&name) && self.fields.iter().any(|(known, _)| known == name) {
            let shown = name.chars().filter(char::is_ascii_graphic).take(40).collect::<String>();
            return Err(Reason::ParameterRepeated.about(shown));
        }
        self.fields.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// A field that is sent once; empty when it is not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A box is ticked.
    pub(super) fn is_ticked(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    /// What is wished for.
    pub(super) fn wish(&self) -> Wish {
        Wish {
            name: self.text("name").to_owned(),
            description: self.text("description").to_owned(),
            link: self.text("link").to_owned(),
            redirect_uris: self.text("redirect_uris").to_owned(),
            visibility: self.text("visibility").to_owned(),
            kind: self.text("kind").to_owned(),
            scopes: self.all("scopes"),
            providers: self.all("providers"),
        }
    }

    /// What is to become of the logo.
    pub(super) fn logo(&mut self) -> LogoWish {
        match self.logo.take() {
            Some(bytes) => LogoWish::Upload(bytes),
            None if self.is_ticked("remove_logo") => LogoWish::Remove,
            None => LogoWish::Keep,
        }
    }
}
