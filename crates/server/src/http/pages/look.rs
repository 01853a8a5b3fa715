//! The files that pages load: one style sheet, the platform's colours and its mark, each under a name that holds the
//! hash of its content, so that browsers may keep them for ever. Nothing else is ever loaded.

use causeway_protocol::profile::{Brand, Profile};
use causeway_protocol::seal::sha256;

const STYLE: &str = include_str!("../../../static/causeway.css");

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Below `/static/`.
    pub name: String,
    /// Its Content-Type.
    pub media: &'static str,
    /// Its content.
    pub text: String,
}

/// The files of one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Everything but colours.
    pub style: Asset,
    /// Colours, from the profile.
    pub brand: Asset,
    /// The mark as an icon.
    pub icon: Asset,
}

impl Look {
    /// Drawn from the profile.
    pub fn of(profile: &Profile) -> Self {
        let brand = &profile.brand;
        Self {
            style: Asset::new("causeway", "css", "text/css; charset=utf-8", STYLE.to_owned()),
            brand: Asset::new("brand", "css", "text/css; charset=utf-8", colours(brand)),
            icon: Asset::new("mark", "svg", "image/svg+xml", mark(brand)),
        }
    }

    /// The file of this name.
    pub fn find(&self, name: &str) -> Option<&Asset> {
        [&self.style, &self.brand, &self.icon].into_iter().find(|asset| asset.name == name)
    }
}

impl Asset {
    fn new(stem: &str, ending: &str, media: &'static str, text: String) -> Self {
        let hash: [u8; 6] = sha256(&[text.as_bytes()]);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("{stem}.{hash}.{ending}"), media, text }
    }
}

/// The profile checks `#rrggbb` and the contrast at load. Text on the accent is white on light pages, near black on
/// dark ones.
fn colours(brand: &Brand) -> String {
    format!(
        ":root {{\n  --accent: light-dark({}, {});\n  --on-accent: light-dark(#ffffff, #0e1116);\n}}\n",
        brand.accent, brand.accent_dark
    )
}

fn mark(brand: &Brand) -> String {
    let letters: String = brand.monogram.chars().filter(|c| c.is_alphanumeric()).take(2).collect();
    // Quotes are single so that this can be read.
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='8' fill='{}'/>\
         <text x='16' y='22' text-anchor='middle' font-family='system-ui, sans-serif' font-size='17' font-weight='700' \
         fill='#fff'>{letters}</text></svg>\n",
        brand.accent
    )
}
