//! A person with a simple browser: cookies, forms, buttons, no JavaScript. Redirects are followed only within the platform.

use crate::actors::Partner;
use crate::client::{Call, Response, form};
use crate::html::{self, Form};
use crate::platform::Platform;
use crate::world;

/// Somebody in front of a browser.
#[derive(Clone, Debug)]
pub struct Person {
    /// Signs in with this.
    pub email: String,
    /// And this.
    pub password: String,
    /// The browser's cookies: name and value.
    pub cookies: Vec<(String, String)>,
}

impl Person {
    /// Somebody of the test seed, with a fresh browser.
    pub fn new(email: &str) -> Self {
        Self { email: email.to_owned(), password: world::password(email), cookies: Vec::new() }
    }

    /// The same browser in other hands.
    #[must_use]
    pub fn as_somebody_else(self, email: &str) -> Self {
        Self { cookies: self.cookies, ..Self::new(email) }
    }

    /// Sends a call of the browser's to the login host and keeps the cookies that come back. Follows nothing.
    pub async fn send(&mut self, platform: &Platform, call: Call) -> Response {
        let jar: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = if jar.is_empty() { call } else { call.header("Cookie", &jar.join("; ")) };
        let reply = platform.at_login(call).await;
        for line in reply.headers.get_all("set-cookie") {
            let line = line.to_str().expect("cookies are ASCII");
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a name");
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() && !attributes.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        reply
    }

    /// Opens an address on the login host. Redirects on the login host are followed.
    pub async fn open(&mut self, platform: &Platform, target: &str) -> Response {
        let reply = self.send(platform, Call::get(target)).await;
        self.follow(platform, reply).await
    }

    /// Fills in a form and presses the button with this text.
    pub async fn press(
        &mut self,
        platform: &Platform,
        shown: &Form,
        filled: &[(&str, &str)],
        button: Option<&str>,
    ) -> Response {
        let reply = self.press_only(platform, shown, filled, button).await;
        self.follow(platform, reply).await
    }

    /// The same without following where it leads.
    pub async fn press_only(
        &mut self,
        platform: &Platform,
        shown: &Form,
        filled: &[(&str, &str)],
        button: Option<&str>,
    ) -> Response {
        let pairs = shown.pairs(filled, button);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let call = match shown.method.as_str() {
            "get" => Call::get(&format!("{}?{}", shown.action, form(&pairs))),
            _ => Call::post(&shown.action).form(&pairs).header("Origin", platform.login()),
        };
        self.send(platform, call).await
    }

    async fn follow(&mut self, platform: &Platform, mut reply: Response) -> Response {
        for _ in 0..5 {
            let location = reply.header("location").to_owned();
            let inside = location.strip_prefix(platform.login()).unwrap_or(&location);
            if reply.status != 303 || !inside.starts_with('/') {
                return reply;
            }
            reply = self.send(platform, Call::get(inside)).await;
        }
        panic!("redirected in circles")
    }

    /// Signs in on the sign-in page that this reply shows, and answers what follows.
    pub async fn sign_in_on(&mut self, platform: &Platform, page: &Response) -> Response {
        let page = page.text();
        let forms = html::forms(&page);
        let shown = forms.iter().find(|form| form.has("password"));
        let shown = shown.unwrap_or_else(|| panic!("no sign-in form in {}", html::text(&page)));
        let (email, password) = (self.email.clone(), self.password.clone());
        self.press(platform, shown, &[("email", &email), ("password", &password)], None).await
    }

    /// Signs in at the front door.
    pub async fn sign_in(&mut self, platform: &Platform) -> Response {
        let page = self.open(platform, "/sign-in").await;
        self.sign_in_on(platform, &page).await
    }

    /// Follows a partner's link and signs in if asked to: the consent page, a refusal, or the redirect back.
    pub async fn follow_link(&mut self, platform: &Platform, link: &str) -> Response {
        let reply = self.open(platform, link).await;
        let asks = html::forms(&reply.text()).iter().any(|form| form.has("password"));
        if asks { self.sign_in_on(platform, &reply).await } else { reply }
    }

    /// Presses a button of the consent page ("Allow", "Deny") and answers where it leads: the partner's callback.
    pub async fn decide(&mut self, platform: &Platform, consent: &Response, button: &str) -> String {
        let page = consent.text();
        let forms = html::forms(&page);
        let shown = forms.iter().find(|form| form.buttons.iter().any(|one| one.text.contains(button)));
        let shown = shown.unwrap_or_else(|| panic!("no button {button:?} in {}", html::text(&page)));
        let reply = self.press(platform, shown, &[], Some(button)).await;
        assert_eq!(reply.status, 303, "{}", html::text(&reply.text()));
        reply.header("location").to_owned()
    }

    /// The whole way: link, sign-in, Allow. Answers the callback's address.
    pub async fn allow(&mut self, platform: &Platform, link: &str) -> String {
        let consent = self.follow_link(platform, link).await;
        self.decide(platform, &consent, "Allow").await
    }
}

impl Partner {
    /// The target of an authorization request on the login host, with these parameters besides `client_id`,
    /// `redirect_uri` and `response_type`.
    pub fn link(&self, platform: &Platform, more: &[(&str, &str)]) -> String {
        let own = [("response_type", "code"), ("client_id", self.client_id), ("redirect_uri", self.redirect_uri)];
        format!("{}?{}", platform.profile().endpoints.authorize, form(&[&own[..], more].concat()))
    }
}

/// A parameter of an address's query; `None` when absent.
pub fn query(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}
