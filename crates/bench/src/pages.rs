//! Reading a server-rendered page as a browser without script does: its forms, their fields, their buttons.
//!
//! No HTML parser: only tags and quoted attributes, which is how our own pages are written.

/// A form with the fields that a browser would send if nobody touched it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it goes; empty means the page's own address.
    pub action: String,
    /// What it would send.
    pub fields: Vec<(String, String)>,
    /// Names of its password fields.
    pub passwords: Vec<String>,
    /// Names of its email and text fields.
    pub texts: Vec<String>,
    /// Its buttons: name, value, text.
    pub buttons: Vec<(String, String, String)>,
}

impl Form {
    /// Sets a field, or adds it.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.fields.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value.to_string(),
            None => self.fields.push((name.to_string(), value.to_string())),
        }
    }

    /// The button whose text holds one of the words.
    pub fn button(&self, words: &[&str]) -> Option<&(String, String, String)> {
        self.buttons.iter().find(|(_, _, text)| {
            let text = text.to_lowercase();
            words.iter().any(|word| text.contains(word))
        })
    }

    /// Presses it: its own name and value are sent too.
    pub fn press(&mut self, words: &[&str]) {
        if let Some((name, value, _)) = self.button(words).cloned()
            && !name.is_empty()
        {
            self.set(&name, &value);
        }
    }

    /// The body that is sent.
    pub fn body(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.fields).finish()
    }
}

/// Every form of a page, in order.
pub fn forms(page: &str) -> Vec<Form> {
    let mut found = Vec::new();
    let mut form: Option<Form> = None;
    let mut select: Option<(String, Vec<(String, bool)>)> = None;
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let Some(length) = rest[at..].find('>') else { break };
        let tag = &rest[at + 1..at + length];
        rest = &rest[at + length + 1..];
        let text_after = || unescape(rest.split("</button").next().unwrap_or_default().trim());
        let (name, value) = (attribute(tag, "name"), attribute(tag, "value"));
        match (tag_name(tag).as_str(), form.as_mut()) {
            ("form", _) => {
                form = Some(Form { action: attribute(tag, "action").unwrap_or_default(), ..Form::default() })
            }
            ("/form", _) => found.extend(form.take()),
            ("input", Some(form)) => input(form, tag, name.unwrap_or_default(), value),
            ("button", Some(form)) if attribute(tag, "type").is_none_or(|kind| kind == "submit") => {
                form.buttons.push((name.unwrap_or_default(), value.unwrap_or_default(), text_after()));
            }
            ("select", Some(_)) => select = Some((name.unwrap_or_default(), Vec::new())),
            ("option", Some(_)) => {
                if let Some((_, options)) = select.as_mut() {
                    options.push((value.unwrap_or_default(), has(tag, "selected")));
                }
            }
            ("/select", Some(form)) => {
                if let Some((name, options)) = select.take() {
                    let chosen = options.iter().find(|(_, selected)| *selected).or_else(|| options.first());
                    form.fields.extend(chosen.map(|(value, _)| (name, value.clone())));
                }
            }
            _ => {}
        }
    }
    found
}

fn input(form: &mut Form, tag: &str, name: String, value: Option<String>) {
    let kind = attribute(tag, "type").unwrap_or_else(|| "text".into());
    match kind.as_str() {
        "submit" => {
            let text = value.clone().unwrap_or_default();
            return form.buttons.push((name, value.unwrap_or_default(), text));
        }
        "checkbox" | "radio" if !has(tag, "checked") => return,
        "checkbox" | "radio" => return form.fields.push((name, value.unwrap_or_else(|| "on".into()))),
        "password" => form.passwords.push(name.clone()),
        "text" | "email" => form.texts.push(name.clone()),
        _ => {}
    }
    if !name.is_empty() {
        form.fields.push((name, value.unwrap_or_default()));
    }
}

fn tag_name(tag: &str) -> String {
    tag.split(|c: char| c.is_whitespace()).next().unwrap_or_default().trim_end_matches('/').to_lowercase()
}

/// A quoted attribute's value.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = format!("{name}=\"");
    let mut from = 0;
    while let Some(at) = tag[from..].find(&start) {
        let here = from + at;
        if tag[..here].ends_with(char::is_whitespace) {
            return tag[here + start.len()..].split('"').next().map(unescape);
        }
        from = here + start.len();
    }
    None
}

fn has(tag: &str, word: &str) -> bool {
    tag.split_whitespace().any(|part| part.trim_end_matches('/') == word || part.starts_with(&format!("{word}=")))
}

fn unescape(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_string(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_a_browser_would_send_it() {
        let page = r#"<form action="/a?b=1&amp;c=2" method="post"><input type="hidden" name="tx" value="&quot;x&#34;">
            <input type="checkbox" name="site" value="1" checked><input type="checkbox" name="site" value="2">
            <select name="team"><option value="a">A</option><option value="b" selected>B</option></select>
            <button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></form>
            <form><input name="email" type="email"><input type="password" name="pw"></form>"#;
        let mut forms = forms(page);
        assert_eq!(forms.len(), 2);
        assert_eq!(forms[1].passwords, ["pw"]);
        assert_eq!(forms[1].texts, ["email"]);
        assert_eq!(forms[0].action, "/a?b=1&c=2");
        forms[0].press(&["allow"]);
        assert_eq!(forms[0].body(), "tx=%22x%22&site=1&team=b&decision=allow");
    }
}
