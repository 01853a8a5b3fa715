//! As much of HTML as a simple client needs to use our pages: forms with their fields and buttons, links, text. Not a
//! browser: what a person sees is tested in one.

use std::collections::BTreeMap;

/// A form of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// "post" or "get".
    pub method: String,
    /// Fields with the values that they would send untouched.
    pub fields: Vec<(String, String)>,
    /// Its buttons.
    pub buttons: Vec<Button>,
}

/// A button that sends its form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Button {
    /// What is on it.
    pub text: String,
    /// What it adds to the form.
    pub name: String,
    /// See `name`.
    pub value: String,
}

impl Form {
    /// Whether it has a field of that name.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }

    /// What is sent with these fields filled in, after the button with this text.
    pub fn pairs(&self, filled: &[(&str, &str)], button: Option<&str>) -> Vec<(String, String)> {
        let value = |(name, value): &(String, String)| {
            let typed = filled.iter().find(|(known, _)| known == name);
            (name.clone(), typed.map_or_else(|| value.clone(), |(_, typed)| (*typed).to_owned()))
        };
        let mut pairs: Vec<_> = self.fields.iter().map(value).collect();
        if let Some(text) = button {
            let found = self.buttons.iter().find(|button| button.text.contains(text));
            let button = found.unwrap_or_else(|| panic!("no button {text:?} in {:?}", self.buttons));
            if !button.name.is_empty() {
                pairs.push((button.name.clone(), button.value.clone()));
            }
        }
        pairs
    }
}

/// The forms of a page, in order.
pub fn forms(page: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut open = false;
    let mut rest = page;
    while let Some((tag, after)) = next_tag(rest) {
        rest = after;
        let attribute = |name: &str| tag.attributes.get(name).cloned().unwrap_or_default();
        match tag.name.as_str() {
            "form" => {
                open = true;
                let method = attribute("method").to_lowercase();
                let method = if method.is_empty() { "get".to_owned() } else { method };
                forms.push(Form { action: attribute("action"), method, ..Form::default() });
            }
            "/form" => open = false,
            "input" if open => {
                let kind = attribute("type");
                let unchecked =
                    matches!(kind.as_str(), "checkbox" | "radio") && !tag.attributes.contains_key("checked");
                if let Some(form) = forms.last_mut().filter(|_| !unchecked && tag.attributes.contains_key("name")) {
                    form.fields.push((attribute("name"), attribute("value")));
                }
            }
            "button" if open => {
                let text = text(&after[..after.find("</button").unwrap_or(0)]);
                let button = Button { text, name: attribute("name"), value: attribute("value") };
                if let Some(form) = forms.last_mut().filter(|_| attribute("type") != "button") {
                    form.buttons.push(button);
                }
            }
            _ => {}
        }
    }
    forms
}

/// The targets of the page's links whose text holds this.
pub fn links(page: &str, text_part: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((tag, after)) = next_tag(rest) {
        rest = after;
        if tag.name == "a" && text(&after[..after.find("</a").unwrap_or(0)]).contains(text_part) {
            found.extend(tag.attributes.get("href").cloned());
        }
    }
    found
}

/// What is left without tags, entities decoded, white space as single spaces.
pub fn text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        out.push(' ');
        rest = rest[start..].find('>').map_or("", |end| &rest[start + end + 1..]);
    }
    out.push_str(rest);
    unescape(&out).split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

/// The next tag and what follows it. Attribute values are quoted in our pages.
fn next_tag(html: &str) -> Option<(Tag, &str)> {
    let start = html.find('<')?;
    let mut rest = &html[start + 1..];
    let end = rest.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(rest.len());
    let mut tag = Tag { name: rest[..end].trim_end_matches('/').to_lowercase(), attributes: BTreeMap::new() };
    rest = &rest[end..];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return Some((tag, after));
        }
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/'))?;
        let name = rest[..end].to_lowercase();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (text, after) = match quote {
                Some(quote) => after[1..].split_once(quote)?,
                None => after.split_at(after.find(|c: char| c.is_whitespace() || c == '>')?),
            };
            value = unescape(text);
            rest = after;
        }
        tag.attributes.insert(name, value);
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(';').filter(|end| *end <= 8).unwrap_or(0);
        let named = match &rest[..end] {
            "&amp" => Some('&'),
            "&lt" => Some('<'),
            "&gt" => Some('>'),
            "&quot" => Some('"'),
            "&nbsp" => Some(' '),
            numeric => numeric.strip_prefix("&#").and_then(|digits| {
                let number = digits
                    .strip_prefix(['x', 'X'])
                    .map_or_else(|| digits.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
                number.and_then(char::from_u32)
            }),
        };
        match named {
            Some(c) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_a_browser_would_send_it() {
        let page = r#"<p>a &lt; b</p><form method="post" action="/consent?a=1&amp;b=2">
            <input type="hidden" name="request" value="&quot;x&#x27;&#39;">
            <input type=checkbox name=off value=1><input type="checkbox" name="on" value="1" checked>
            <button type="submit" name="decision" value="deny">Deny</button>
            <button name="decision" value="allow"><span>Allow</span> it</button></form>
            <a href="/sign-out?x=1&amp;y=2">sign out</a>"#;
        let form = &forms(page)[0];
        assert_eq!((form.action.as_str(), form.method.as_str()), ("/consent?a=1&b=2", "post"));
        let pairs = form.pairs(&[], Some("Allow"));
        let want = [("request", "\"x''"), ("on", "1"), ("decision", "allow")];
        assert_eq!(pairs, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(links(page, "sign out"), ["/sign-out?x=1&y=2"]);
        assert!(text(page).starts_with("a < b Deny Allow it"));
    }
}
