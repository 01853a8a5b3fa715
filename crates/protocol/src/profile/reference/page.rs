//! The reference as the tables of a Markdown page, between marks. The prose around them is the page's own.

use super::{Key, SECTIONS, Section, facts, is_value};
use crate::document::{AllFacts, Facts, Holds};

const END: &str = "<!-- end of keys -->";

/// The page with each section's table renewed.
///
/// # Errors
/// A mark that is missing, or that names no section.
pub fn renew(page: &str) -> Result<String, String> {
    let facts = facts();
    let mut renewed = page.to_owned();
    for section in SECTIONS {
        let begin = format!("<!-- keys: {} -->", section.name);
        let (before, rest) = renewed.split_once(&begin).ok_or(format!("the manual has no mark `{begin}`"))?;
        let (_, after) = rest.split_once(END).ok_or(format!("`{begin}` has no `{END}` after it"))?;
        renewed = format!("{before}{begin}\n{}{END}{after}", table(section, &facts));
    }
    match renewed.matches("<!-- keys: ").count() == SECTIONS.len() {
        true => Ok(renewed),
        false => Err("the manual has a mark of a section that does not exist, or one twice".to_owned()),
    }
}

fn table(section: &Section, all: &AllFacts) -> String {
    let mut text = "| Key | Default | What it means, and why | Example |\n|---|---|---|---|\n".to_owned();
    for key in section.keys {
        let Some(facts) = all.get(key.path) else { continue };
        let default = key.default_in(facts);
        let default = if is_value(&default) { format!("`{default}`") } else { default };
        let says = format!("{}{}", key.says, limits(facts));
        text.push_str(&format!("| `{}` | {default} | {says} | `{}` |\n", key.path, example(key, facts)));
    }
    text
}

fn example(key: &Key, facts: &Facts) -> String {
    match facts.holds {
        Some(Holds::Tables) => format!("[[{}]]", key.path),
        _ => format!("{} = {}", key.path.rsplit('.').next().unwrap_or_default(), key.example),
    }
}

/// What the reader accepts, in words.
fn limits(facts: &Facts) -> String {
    let words: Vec<String> = facts.words.iter().map(|word| format!("`{word}`")).collect();
    let mut said = String::new();
    match (words.as_slice(), facts.most) {
        ([], _) => {}
        ([only], None) => said.push_str(&format!(" Only {only}.")),
        (some, None) => said.push_str(&format!(" One of {}.", some.join(", "))),
        (some, Some(_)) => said.push_str(&format!(" Of {}.", some.join(", "))),
    }
    if let Some((least, most)) = &facts.bounds {
        let quantity = |text: &str| text.trim_matches(|c: char| !c.is_ascii_digit()).parse::<i64>().unwrap_or_default();
        match quantity(most) > i64::from(u32::MAX) {
            true => {}
            false if quantity(least) == 0 => said.push_str(&format!(" At most `{most}`.")),
            false => said.push_str(&format!(" From `{least}` to `{most}`.")),
        }
    }
    match facts.most {
        Some(most) if words.is_empty() => said.push_str(&format!(" At most {most}.")),
        _ => {}
    }
    said
}
