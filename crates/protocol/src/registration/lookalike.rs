//! Names that look alike (SECURITY AR-12): what remains of a name when everything is dropped that eyes pass over. Small on
//! purpose: it knows Latin letters and what is taken for them, not every script. What follows from it is decided elsewhere.

/// A letter, and what passes for it after lower-casing: with accents, of other alphabets, digits and signs. `i`, `l`, `1`
/// and `|` are one letter, since a capital I looks like a small l.
const TAKEN_FOR: [(char, &str); 25] = [
    ('a', "àáâãäåāăąǎǟǡǻȁȃȧаӑӓαάɑᴀ4ⱥª"),
    ('b', "ƀƃɓʙьвβϐ8"),
    ('c', "çćĉċčƈȼсҫϲᴄ¢"),
    ('d', "ďđɖɗԁᴅð"),
    ('e', "èéêëēĕėęěȅȇȩеёєҽεέɛᴇ3ҿзǝə"),
    ('f', "ƒғꜰϝẝ"),
    ('g', "ĝğġģǥǧǵɡɢց9ɠ"),
    ('h', "ĥħȟнһʜհ"),
    ('j', "ĵǰјɉϳᴊ"),
    ('k', "ķĸƙǩкќҡκᴋ"),
    ('l', "ĺļľŀłƚɩʟіїıìíîïĩīĭįǐȉȋ1ιίϊΐɪӏǀ|!"),
    ('m', "мᴍɱϻ"),
    ('n', "ñńņňŉŋǹɴпηήո"),
    ('o', "òóôõöøōŏőơǒǫǭǿȍȏȫȭȯȱоӧοό0σөѳᴏօº"),
    ('p', "þƥрρᴘҏ"),
    ('q', "ԛգʠ"),
    ('r', "ŕŗřȑȓгяʀɍѓ"),
    ('s', "śŝşšșѕꜱ5$ƨȿ"),
    ('t', "ţťŧƫƭțтτᴛ7ҭ"),
    ('u', "ùúûüũūŭůűųưǔǖǘǚǜȕȗυύϋΰᴜսцџ"),
    ('v', "ѵνᴠʋ"),
    ('w', "ŵԝωώшщᴡѡ"),
    ('x', "хχҳ×"),
    ('y', "ýÿŷƴȳуўүұγɏʏ"),
    ('z', "źżžƶȥᴢ2ʐ"),
];

/// The letters of Latin Extended Additional (U+1E00 and on), each by the last of its row.
const ADDITIONAL: [(u32, char); 27] = [
    (0x1e01, 'a'),
    (0x1e07, 'b'),
    (0x1e09, 'c'),
    (0x1e13, 'd'),
    (0x1e1d, 'e'),
    (0x1e1f, 'f'),
    (0x1e21, 'g'),
    (0x1e2b, 'h'),
    (0x1e2f, 'l'),
    (0x1e35, 'k'),
    (0x1e3d, 'l'),
    (0x1e43, 'm'),
    (0x1e4b, 'n'),
    (0x1e53, 'o'),
    (0x1e57, 'p'),
    (0x1e5f, 'r'),
    (0x1e69, 's'),
    (0x1e71, 't'),
    (0x1e7b, 'u'),
    (0x1e7f, 'v'),
    (0x1e89, 'w'),
    (0x1e8d, 'x'),
    (0x1e8f, 'y'),
    (0x1e95, 'z'),
    (0x1e96, 'h'),
    (0x1e97, 't'),
    (0x1e98, 'w'),
];

/// The Vietnamese letters that follow them.
const VIETNAMESE: [(u32, char); 6] =
    [(0x1eb7, 'a'), (0x1ec7, 'e'), (0x1ecb, 'l'), (0x1ee3, 'o'), (0x1ef1, 'u'), (0x1ef9, 'y')];

/// What is left of a name for eyes: two names with one skeleton are taken for each other. Lower-cased, without accents,
/// spaces, punctuation and what cannot be seen; look-alikes of Latin letters are those letters.
pub fn skeleton(name: &str) -> String {
    let plain = name.chars().map(unstyled).flat_map(char::to_lowercase);
    let kept = plain.filter(|c| !is_ignorable(*c) && !is_combining(*c)).map(latin).filter(|c| c.is_alphanumeric());
    kept.collect::<String>().replace("rn", "m").replace("vv", "w")
}

/// A letter of a mathematical, full-width or enclosed alphabet as the letter that it is.
fn unstyled(c: char) -> char {
    let code = u32::from(c);
    let letter = |index: u32| char::from(b'a' + (index % 26) as u8);
    let digit = |index: u32| char::from(b'0' + (index % 10) as u8);
    match code {
        0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(c),
        0x1d400..=0x1d6a3 => letter(code - 0x1d400),
        0x1d7ce..=0x1d7ff => digit(code - 0x1d7ce),
        0x24b6..=0x24e9 => letter(code - 0x24b6),
        0x1f130..=0x1f149 => letter(code - 0x1f130),
        0x1f150..=0x1f169 => letter(code - 0x1f150),
        0x1f170..=0x1f189 => letter(code - 0x1f170),
        0x1f1e6..=0x1f1ff => letter(code - 0x1f1e6),
        _ => c,
    }
}

fn latin(c: char) -> char {
    let code = u32::from(c);
    let row = |rows: &[(u32, char)]| rows.iter().find(|(last, _)| code <= *last).map(|(_, letter)| *letter);
    let found = match code {
        0x69 => Some('l'),
        0x61..=0x7a => None,
        0x1e00..=0x1e98 => row(&ADDITIONAL),
        0x1ea0..=0x1ef9 => row(&VIETNAMESE),
        _ => TAKEN_FOR.iter().find(|(_, others)| others.contains(c)).map(|(letter, _)| *letter),
    };
    found.unwrap_or(c)
}

/// Characters that are not seen, or that turn the direction of text.
pub fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Marks that are drawn over the letter before them.
pub fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// So many marks may stand on one letter: some languages need two, and more only climb over other lines.
pub const MAX_MARKS: usize = 2;

/// More marks stand on one letter than any language needs.
pub fn is_stacked(text: &str) -> bool {
    let mut marks = 0;
    text.chars().filter(|c| !is_ignorable(*c)).any(|c| {
        marks = if is_combining(c) { marks + 1 } else { 0 };
        marks > MAX_MARKS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ar_12_names_that_eyes_confuse_have_one_skeleton() {
        for name in [
            "ORCABASE",
            " orca-base ",
            "Оrсаbаsе",
            "ΟrcαbαsΕ",
            "0rc4b4s3",
            "Örçábàšę",
            "O\u{301}r\u{308}cabase",
            "ᴏʀᴄᴀʙᴀꜱᴇ",
            "Ｏｒｃａｂａｓｅ",
            "𝐎𝐫𝐜𝐚𝐛𝐚𝐬𝐞",
            "Ⓞⓡⓒⓐⓑⓐⓢⓔ",
            "Ọrcạbạsẹ",
            "Or\u{200b}ca\u{ad}ba\u{3164}se",
        ] {
            assert_eq!(skeleton(name), skeleton("Orcabase"), "{name}");
        }
        assert_eq!(skeleton("TripIeseat 1"), skeleton("tr1p|eseat l"));
        assert_eq!(skeleton("Acrne"), skeleton("Acme"));
        for (one, other) in [("Acme", "Acne"), ("Orcabase", "Orcabases"), ("東京", "京都"), ("Дом", "Дым")] {
            assert_ne!(skeleton(one), skeleton(other));
        }
        assert!(skeleton(" - ").is_empty());
    }

    #[test]
    fn ar_12_marks_do_not_climb() {
        assert!(is_stacked(&format!("e{}", "\u{301}".repeat(40))) && is_stacked("e\u{301}\u{200d}\u{301}\u{301}"));
        assert!(!is_stacked("e\u{302}\u{301}e\u{302}\u{301}") && !is_stacked("Việt Nam"));
    }
}
