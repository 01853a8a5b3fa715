//! A browser without script: it keeps cookies, reads forms and links, and sends what a browser would send. It follows
//! nothing by itself. No page of ours is known here.

use crate::client::{Call, Response, form};
use crate::platform::Platform;
use crate::world;

/// One browser, at the login host.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    cookies: Vec<(String, String)>,
}

/// A page as the browser sees it.
#[derive(Clone, Debug)]
pub struct Page {
    /// The reply.
    pub reply: Response,
    /// The HTML, or nothing after a redirect.
    pub html: String,
}

/// A form on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// `get` or `post`.
    pub method: String,
    /// Names and values of its fields, hidden ones included, buttons not; of a group of radio buttons, the checked one.
    pub fields: Vec<(String, String)>,
    /// Names and values of its radio buttons.
    pub choices: Vec<(String, String)>,
    /// Names and values of its boxes; ticked ones are among the fields.
    pub boxes: Vec<(String, String)>,
    /// Text, name and value of its buttons, in order.
    pub buttons: Vec<(String, String, String)>,
}

impl Browser {
    /// Without any cookie.
    pub fn new() -> Self {
        Self::default()
    }

    /// Follows a link from elsewhere, or types an address.
    pub async fn open(&mut self, platform: &Platform, target: &str) -> Page {
        let call = Call::get(target).header("Sec-Fetch-Site", "cross-site").header("Sec-Fetch-Mode", "navigate");
        self.send(platform, call).await
    }

    /// Presses a form's button by its text, with these fields filled in.
    ///
    /// # Panics
    /// When the page has no such button.
    pub async fn press(&mut self, platform: &Platform, page: &Page, button: &str, fill: &[(&str, &str)]) -> Page {
        let form = page.form(button);
        let mut call = Call::post(&form.action).form(&borrow(&form.filled(button, fill)));
        // What Chromium sends from a page under `no-referrer`.
        call = call.header("Sec-Fetch-Site", "same-origin").header("Origin", "null");
        self.send(platform, call).await
    }

    /// Sends a call with the cookies, and keeps those that it gets.
    pub async fn send(&mut self, platform: &Platform, call: Call) -> Page {
        let call = if self.cookies.is_empty() { call } else { call.header("Cookie", &self.cookie_header()) };
        let reply = platform.at_login(call).await;
        for cookie in reply.headers.get_all("set-cookie") {
            self.keep(cookie.to_str().expect("cookies are ASCII"));
        }
        Page { html: reply.text(), reply }
    }

    /// The Cookie header.
    pub fn cookie_header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// A cookie's value, by the end of its name.
    pub fn cookie(&self, ending: &str) -> Option<&str> {
        self.cookies.iter().find(|(name, _)| name.ends_with(ending)).map(|(_, value)| value.as_str())
    }

    fn keep(&mut self, text: &str) {
        let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
        let (name, value) = pair.split_once('=').expect("a cookie has a name");
        self.cookies.retain(|(known, _)| known != name);
        if !attributes.contains("Max-Age=0") {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Signs in on a page that asks for it; the password is the test seed's.
    pub async fn sign_in(&mut self, platform: &Platform, page: &Page, email: &str) -> Page {
        let password = world::password(email);
        self.press(platform, page, "Sign in", &[("email", email), ("password", &password)]).await
    }

    /// A browser in which somebody is signed in already.
    pub async fn of(platform: &Platform, email: &str) -> Self {
        let mut browser = Self::new();
        let page = browser.open(platform, "/sign-in").await;
        let page = browser.sign_in(platform, &page, email).await;
        assert_eq!(page.reply.status, 303, "{email}: {}", page.html);
        browser
    }
}

impl Page {
    /// Where it redirects to; empty when it does not.
    pub fn location(&self) -> &str {
        self.reply.header("location")
    }

    /// A parameter of the address that it redirects to, decoded.
    pub fn returned(&self, name: &str) -> Option<String> {
        let query = self.location().split_once('?')?.1;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The form that has this button.
    ///
    /// # Panics
    /// When there is none.
    pub fn form(&self, button: &str) -> Form {
        let has = |form: &Form| form.buttons.iter().any(|(text, ..)| text == button);
        self.forms().into_iter().find(has).unwrap_or_else(|| panic!("no button {button:?} on {}", self.html))
    }

    /// Texts of every button.
    pub fn buttons(&self) -> Vec<String> {
        self.forms().into_iter().flat_map(|form| form.buttons).map(|(text, ..)| text).collect()
    }

    /// Every form.
    pub fn forms(&self) -> Vec<Form> {
        let mut forms = Vec::new();
        for part in self.html.split("<form").skip(1) {
            let part = part.split("</form>").next().unwrap_or_default();
            let (head, body) = part.split_once('>').unwrap_or((part, ""));
            let mut form =
                Form { action: attribute(head, "action"), method: attribute(head, "method"), ..Form::default() };
            for tag in body.split("<input").skip(1) {
                let tag = tag.split('>').next().unwrap_or_default();
                let field = (attribute(tag, "name"), attribute(tag, "value"));
                let kind = attribute(tag, "type");
                match kind.as_str() {
                    "radio" => form.choices.push(field.clone()),
                    "checkbox" => form.boxes.push(field.clone()),
                    _ => {}
                }
                let unticked = matches!(kind.as_str(), "radio" | "checkbox") && !tag.ends_with("checked");
                // A file is chosen by hand: see `Call::multipart_with_file`.
                if !unticked && kind != "file" {
                    form.fields.push(field);
                }
            }
            for tag in body.split("<textarea").skip(1) {
                let (tag, rest) = tag.split_once('>').unwrap_or((tag, ""));
                let text = rest.split("</textarea>").next().unwrap_or_default();
                form.fields.push((attribute(tag, "name"), unescape(text)));
            }
            for tag in body.split("<button").skip(1) {
                let (tag, rest) = tag.split_once('>').unwrap_or((tag, ""));
                let text = unescape(rest.split("</button>").next().unwrap_or_default().trim());
                form.buttons.push((text, attribute(tag, "name"), attribute(tag, "value")));
            }
            forms.push(form);
        }
        forms
    }

    /// The address of the link with this text.
    ///
    /// # Panics
    /// When there is none.
    pub fn link(&self, text: &str) -> String {
        let links = self.html.split("<a ").skip(1);
        let found = links.filter_map(|link| link.split_once('>')).find(|(_, rest)| rest.starts_with(text));
        attribute(found.unwrap_or_else(|| panic!("no link {text:?} on {}", self.html)).0, "href")
    }

    /// What a person reads: without tags and entities, one space between words.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for part in self.html.split('<').skip(1) {
            let (tag, rest) = part.split_once('>').unwrap_or((part, ""));
            let inline = ["bdi", "span", "a", "time", "b", "wbr"]
                .contains(&tag.trim_start_matches('/').split(' ').next().unwrap_or_default());
            text.push_str(if inline { "" } else { " " });
            text.push_str(rest);
        }
        unescape(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The number of the refusal that the page shows; 0 when there is none.
    pub fn refusal(&self) -> u16 {
        let text = self.text();
        let found = text.rsplit("C-").next().filter(|_| text.contains("C-")).unwrap_or_default();
        found.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
    }
}

impl Form {
    /// What pressing this button sends.
    pub fn filled(&self, button: &str, fill: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut pairs = self.fields.clone();
        for (name, value) in fill {
            // A box is ticked; everything else has one value.
            let ticked = ((*name).to_owned(), (*value).to_owned());
            if self.boxes.contains(&ticked) {
                pairs.retain(|pair| *pair != ticked);
                pairs.push(ticked);
                continue;
            }
            let field = pairs.iter_mut().find(|(known, _)| known == name);
            field.unwrap_or_else(|| panic!("no field {name:?}")).1 = (*value).to_owned();
        }
        let pressed = self.buttons.iter().find(|(text, ..)| text == button);
        pairs.extend(
            pressed.filter(|(_, name, _)| !name.is_empty()).map(|(_, name, value)| (name.clone(), value.clone())),
        );
        pairs
    }

    /// A field's value; empty when absent.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Pairs as calls take them.
pub fn borrow(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// A path with a query.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    format!("{path}?{}", form(pairs))
}

fn attribute(tag: &str, name: &str) -> String {
    let found = tag.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
    unescape(found.unwrap_or_default())
}

fn unescape(text: &str) -> String {
    let named = [("&lt;", "<"), ("&#60;", "<"), ("&gt;", ">"), ("&#62;", ">"), ("&quot;", "\""), ("&#34;", "\"")];
    let text = named.into_iter().fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c));
    text.replace("&#39;", "'").replace("&#x27;", "'").replace("&#38;", "&").replace("&amp;", "&")
}
