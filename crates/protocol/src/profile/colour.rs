//! Colours of the brand: their form and their contrast (WCAG 2.2, 1.4.3). Where a page uses them does not belong here.

/// The least contrast of text with its ground, WCAG level AA.
pub(super) const AA: f64 = 4.5;

/// Red, green and blue.
pub(super) type Rgb = [u8; 3];

/// White: the text on a light page's button.
pub(super) const WHITE: Rgb = [255; 3];

/// The lightest ground that a dark page may have: an accent that can be read on it can be read on every darker one.
pub(super) const DARK_GROUND: Rgb = [0x1f, 0x23, 0x2b];

/// Reads `#rrggbb`.
pub(super) fn parse(text: &str) -> Option<Rgb> {
    let digits =
        text.strip_prefix('#').filter(|rest| rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = number.to_be_bytes();
    Some([red, green, blue])
}

/// From 1.0 (the same colour) to 21.0 (black and white).
pub(super) fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: Rgb) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}
