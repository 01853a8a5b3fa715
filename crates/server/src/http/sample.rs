//! The sample API: one handler over the profile's routes and the seed's records, for newcomers who have no API behind the
//! guard yet. It decides nothing about who may call; what is written to it lives in bounded memory and is gone at the end.

mod records;

use std::collections::HashMap;

use axum::body::Body;
use bytes::Bytes;
use causeway_guard::reply::{Answer, object, under};
use causeway_guard::{Denied, Pass, Reach, Tenant};
use causeway_protocol::Reason;
use causeway_protocol::params::Params;
use causeway_protocol::profile::{ApiRules, ListShape, Route, SiteIdForm};
use causeway_protocol::records::Site;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, Response};
use serde_json::{Map, Value, json};

use super::body;
use super::proxy::Content;
use crate::seed::{SITES, SeedRecord};
pub(crate) use records::Seer;
use records::{Records, View};

/// Objects on a page (PLATFORMS 2: "lists page by 50").
const PAGE: usize = 50;
/// The most that may be asked for at once (PLATFORMS 5: "`per_page` ≤ 100").
const MAX_PAGE: usize = 100;
/// The largest object that is written, in bytes.
const MAX_OBJECT: usize = 16 * 1024;

/// What the store knows of a site.
const KNOWN: [&str; 4] = ["id", "customer_id", "name", "active"];

/// The fields of an object.
type Fields = Map<String, Value>;

/// See the module.
pub struct Sample {
    routes: Vec<Route>,
    list: ListShape,
    site_parameter: Option<String>,
    form: SiteIdForm,
    records: Records,
    /// Some records are not for everybody of their customer.
    personal: bool,
    /// What the seed says of each site besides name and state, by the customer's and the site's own ids.
    sites: HashMap<String, HashMap<String, Fields>>,
}

impl Sample {
    /// Made of a seed's records.
    pub fn new(api: &ApiRules, seed: Vec<SeedRecord>) -> Self {
        let (sites, seed): (Vec<_>, Vec<_>) = seed.into_iter().partition(|record| record.collection == SITES);
        let mut facts: HashMap<String, HashMap<String, Fields>> = HashMap::new();
        for record in sites {
            let id = id_of(&record.fields).unwrap_or_default();
            if record.fields.keys().any(|name| !KNOWN.contains(&name.as_str())) {
                facts.entry(record.customer).or_default().insert(id, record.fields);
            }
        }
        Self {
            routes: api.routes.clone(),
            list: api.list,
            site_parameter: api.site_parameter.clone(),
            form: api.site_id_form,
            personal: seed.iter().any(|record| !record.people.is_empty()),
            records: Records::new(seed),
            sites: facts,
        }
    }

    /// Whether it matters which person a call acts for (OTE-07).
    pub(super) fn is_personal(&self) -> bool {
        self.personal
    }

    /// Answers a call that passed.
    pub(super) async fn answer(
        &self,
        pass: &Pass,
        seer: &Seer,
        parts: &Parts,
        content: Content,
    ) -> Result<Response<Bytes>, Denied> {
        let route = &self.routes[pass.route()];
        let reply = self.answer_of(route, pass, seer, parts, content).await?;
        let read = matches!(parts.method, Method::GET | Method::HEAD);
        Ok(if read { under(reply, route.status) } else { reply })
    }

    async fn answer_of(
        &self,
        route: &Route,
        pass: &Pass,
        seer: &Seer,
        parts: &Parts,
        content: Content,
    ) -> Result<Response<Bytes>, Denied> {
        let Some(collection) = route.collection.as_deref() else { return Ok(object(Answer::Ok, "{}".to_owned())) };
        let item = pass.item(parts.uri.path());
        if collection == SITES {
            return self.sites(pass.tenant(), parts, item.as_deref());
        }
        let view = self.records.of(pass.tenant(), seer, collection);
        match (&parts.method, item) {
            (&Method::GET | &Method::HEAD, None) => self.listed(parts, view),
            (&Method::GET | &Method::HEAD, Some(id)) => one(view.find(&id)),
            (&Method::POST, None) => Box::pin(self.create(pass, parts, content, view)).await,
            (&Method::PUT | &Method::PATCH, Some(id)) => {
                let fields = Box::pin(fields(parts, content)).await?;
                one(view.change(&id, self.writable(fields))?)
            }
            (&Method::DELETE, Some(id)) if view.remove(&id) => Ok(object(Answer::Done, String::new())),
            (&Method::DELETE, Some(_)) => Err(Reason::RouteUnknown.into()),
            _ => Err(Reason::MethodNotAllowed.into()),
        }
    }

    /// Sites are the customer's as it stands now, not the seed's.
    fn sites(&self, tenant: Tenant<'_>, parts: &Parts, item: Option<&str>) -> Result<Response<Bytes>, Denied> {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(Reason::MethodNotAllowed.into());
        }
        let customer = tenant.customer();
        let shown = |site: &&Site| match tenant.reach() {
            Reach::One(one) => one.id == site.id,
            Reach::ActiveSites => true,
        };
        let mut sites = customer.sites.iter().filter(shown);
        if let Some(id) = item {
            return one(sites.find(|site| site.external_id == id).map(|site| self.site(tenant, site)));
        }
        let all: Vec<_> = sites.map(|site| self.site(tenant, site)).collect();
        let page = Page::read(parts, self.list)?;
        Ok(self.page(&page, all.len(), page.cut(&all)))
    }

    /// A site as the API shows it. Of most there is nothing to say besides what the store knows: those are written as they are
    /// read, because the sample is what newcomers, and the bench, measure a guarded call with.
    fn site(&self, tenant: Tenant<'_>, site: &Site) -> String {
        let customer = tenant.customer();
        let facts = self.sites.get(&customer.external_id).and_then(|sites| sites.get(&site.external_id));
        let Some(facts) = facts else {
            let mut text = Vec::with_capacity(128);
            text.extend_from_slice(if site.active { b"{\"active\":true" } else { b"{\"active\":false" });
            text.extend_from_slice(b",\"customer_id\":");
            self.write_id(&mut text, &customer.external_id);
            text.extend_from_slice(b",\"id\":");
            self.write_id(&mut text, &site.external_id);
            text.extend_from_slice(b",\"name\":");
            write_text(&mut text, &site.name);
            text.push(b'}');
            return String::from_utf8(text).unwrap_or_default();
        };
        let mut fields = facts.clone();
        fields.insert("id".to_owned(), self.wire_id(&site.external_id));
        fields.insert("customer_id".to_owned(), self.wire_id(&customer.external_id));
        fields.insert("name".to_owned(), Value::from(site.name.as_str()));
        fields.insert("active".to_owned(), Value::from(site.active));
        text(&fields)
    }

    fn listed(&self, parts: &Parts, view: View<'_>) -> Result<Response<Bytes>, Denied> {
        let page = Page::read(parts, self.list)?;
        let (total, shown) = view.list(page.first(), page.size);
        Ok(self.page(&page, total, &shown))
    }

    /// A page in the profile's shape. The objects are JSON texts already.
    fn page(&self, page: &Page, total: usize, objects: &[String]) -> Response<Bytes> {
        let pages = total.div_ceil(page.size).max(1);
        let (before, after) = match self.list {
            ListShape::Results => (format!("{{\"total_pages\":{pages},\"results\":["), "]}".to_owned()),
            ListShape::Data => {
                let pagination =
                    json!({"page": page.number, "per_page": page.size, "total": total, "total_pages": pages});
                ("{\"data\":[".to_owned(), format!("],\"pagination\":{pagination}}}"))
            }
            ListShape::Array => ("[".to_owned(), "]".to_owned()),
        };
        let length: usize = objects.iter().map(|object| object.len() + 1).sum();
        let mut whole = before;
        whole.reserve_exact(length + after.len());
        for (index, object) in objects.iter().enumerate() {
            whole.push_str(if index == 0 { "" } else { "," });
            whole.push_str(object);
        }
        whole.push_str(&after);
        object(Answer::Ok, whole)
    }

    async fn create(
        &self,
        pass: &Pass,
        parts: &Parts,
        content: Content,
        view: View<'_>,
    ) -> Result<Response<Bytes>, Denied> {
        let mut fields = self.writable(fields(parts, content).await?);
        let site = pass.site().map(|site| site.external_id.as_str());
        if let (Some(name), Some(site)) = (&self.site_parameter, site) {
            fields.insert(name.clone(), self.wire_id(site));
        }
        let number_ids = self.form == SiteIdForm::Digits;
        Ok(object(Answer::Created, view.create(site, fields, number_ids)?))
    }

    /// What a caller may set: neither the id nor the site, which the call itself names.
    fn writable(&self, mut fields: Fields) -> Fields {
        fields.remove("id");
        fields.remove("customer_id");
        if let Some(name) = &self.site_parameter {
            fields.remove(name);
        }
        fields
    }

    /// [`Self::wire_id`] as JSON.
    fn write_id(&self, json: &mut Vec<u8>, id: &str) {
        match (self.form, id.parse::<i64>()) {
            (SiteIdForm::Digits, Ok(number)) => json.extend_from_slice(number.to_string().as_bytes()),
            _ => write_text(json, id),
        }
    }

    fn wire_id(&self, id: &str) -> Value {
        match (self.form, id.parse::<i64>()) {
            (SiteIdForm::Digits, Ok(number)) => Value::from(number),
            _ => Value::from(id),
        }
    }
}

/// Which page of a list is asked for.
struct Page {
    number: usize,
    size: usize,
}

impl Page {
    /// `per_page` belongs to the lists that say it themselves.
    fn read(parts: &Parts, list: ListShape) -> Result<Self, Denied> {
        let params = Params::form(parts.uri.query().unwrap_or_default().as_bytes())?;
        let number = |name: &str, most: usize| match params.get(name)? {
            None => Ok(None),
            Some(text) if !text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(Denied::from(Reason::ParameterMalformed).about(name))
            }
            Some(text) => match text.parse() {
                Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
                _ => Err(Denied::from(Reason::ParameterMalformed).about(name)),
            },
        };
        let size = if list == ListShape::Data { number("per_page", MAX_PAGE)? } else { None };
        Ok(Self { number: number("page", 1_000_000)?.unwrap_or(1), size: size.unwrap_or(PAGE) })
    }

    fn first(&self) -> usize {
        (self.number - 1) * self.size
    }

    fn cut<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        let first = self.first().min(all.len());
        &all[first..all.len().min(first + self.size)]
    }
}

fn one(found: Option<String>) -> Result<Response<Bytes>, Denied> {
    found.map(|text| object(Answer::Ok, text)).ok_or(Reason::RouteUnknown.into())
}

fn write_text(json: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(json, text).expect("writing a text into memory cannot fail");
}

fn text(fields: &Fields) -> String {
    serde_json::to_string(fields).unwrap_or_default()
}

/// An object's id as a text.
fn id_of(fields: &Fields) -> Option<String> {
    match fields.get("id")? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The object that a body holds: JSON, or a form of texts.
async fn fields(parts: &Parts, content: Content) -> Result<Fields, Denied> {
    let bytes = match content {
        Content::Whole(bytes) if bytes.len() > MAX_OBJECT => return Err(Reason::BodyTooLarge.into()),
        Content::Whole(bytes) => bytes,
        Content::Stream(stream) => body::collect(&parts.headers, Body::new(stream), MAX_OBJECT).await?,
    };
    let media = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => {
            serde_json::from_slice(&bytes).map_err(|_| Denied::from(Reason::BodyUnreadable).about("not a JSON object"))
        }
        "application/x-www-form-urlencoded" => {
            let pairs = form_urlencoded::parse(&bytes).into_owned();
            Ok(pairs.map(|(name, value)| (name, Value::from(value))).collect())
        }
        _ => Err(Denied::from(Reason::MediaTypeUnknown).about("content-type")),
    }
}
