//! Is a path written plainly? A route rule is only as good as the certainty that the API behind the guard reads the path
//! as the guard does. Which route it is does not belong here.

/// The longest path, in bytes.
const MAX_PATH: usize = 4_096;
/// The most parts.
pub(crate) const MAX_PARTS: usize = 32;

/// The parts of a plainly written path; for any other, why it is none, in words for its writer. Every part is non-empty and no dot segment, no backslash, no path
/// parameter (`;`), no escape of a character that needs none or that another reader could take for structure (`%2f`, `%2e`,
/// `%25`), only UTF-8. `/` has no parts.
pub(crate) fn parts(path: &str) -> Result<Vec<&str>, &'static str> {
    let rest = path.strip_prefix('/').ok_or("no slash at its start")?;
    if path.len() > MAX_PATH {
        return Err("too long");
    }
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::with_capacity(4);
    for part in rest.split('/') {
        if found.len() == MAX_PARTS {
            return Err("too many parts");
        }
        plain(part)?;
        found.push(part);
    }
    Ok(found)
}

fn plain(part: &str) -> Result<(), &'static str> {
    match part {
        "" => return Err("an empty part"),
        "." | ".." => return Err("a dot segment"),
        _ => {}
    }
    // RFC 3986 3.3: pchar without `;` and without escapes.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte);
    let bytes = part.as_bytes();
    let mut at = 0;
    let mut escaped = false;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            needs_escape(bytes.get(at + 1..at + 3).unwrap_or_default())?;
            escaped = true;
            at += 3;
        } else if plain(bytes[at]) {
            at += 1;
        } else {
            return Err(match bytes[at] {
                b'\\' => "a backslash",
                b';' => "a semicolon",
                _ => "a character that must be escaped",
            });
        }
    }
    // An overlong spelling of a dot or slash is no UTF-8.
    if !escaped || percent_encoding::percent_decode(bytes).decode_utf8().is_ok() { Ok(()) } else { Err("not UTF-8") }
}

/// Whether these two digits escape a byte that may only stand escaped, and that is nobody's structure; if not, what they are.
fn needs_escape(digits: &[u8]) -> Result<(), &'static str> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (Some(high), Some(low)) = (digits.first().copied().and_then(digit), digits.get(1).copied().and_then(digit))
    else {
        return Err("an escape without two digits");
    };
    match (high * 16 + low) as u8 {
        b'/' => Err("an encoded slash"),
        b'\\' => Err("an encoded backslash"),
        b';' => Err("an encoded semicolon"),
        b'%' => Err("an encoded percent sign"),
        b'?' | b'#' => Err("an encoded ? or #"),
        byte if byte.is_ascii_control() => Err("an encoded control character"),
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
            Err("an escape of a character that needs none")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_taken_apart() {
        assert_eq!(parts("/"), Ok(vec![]));
        assert_eq!(parts("/v1/leads.json"), Ok(vec!["v1", "leads.json"]));
        assert_eq!(parts("/v1/a%20b/%C3%A9:@!$&'()*+,="), Ok(vec!["v1", "a%20b", "%C3%A9:@!$&'()*+,="]));
        assert_eq!(parts("/.../..a/.b"), Ok(vec!["...", "..a", ".b"]));
    }

    #[test]
    fn tricks_are_not_plain() {
        for trick in [
            "",
            "v1/leads",
            "*",
            "//",
            "/v1//leads",
            "/v1/leads/",
            "/v1/./leads",
            "/v1/../leads",
            "/..",
            "/.",
            "/v1/%2e%2e/leads",
            "/v1/%2E./leads",
            "/v1/.%2e/leads",
            "/v1/..;/leads",
            "/v1/..%3b/leads",
            "/v1/leads;x=1",
            "/v1/leads%3Bx",
            "/v1%2fleads",
            "/v1/%2Fleads",
            "/v1\\leads",
            "/v1/%5cleads",
            "/v1/%6ceads",
            "/v1/%4ceads",
            "/v1/%252e%252e/leads",
            "/v1/leads%00",
            "/v1/leads%0a",
            "/v1/leads%7f",
            "/v1/leads%3f",
            "/v1/leads%23",
            "/v1/leads%",
            "/v1/leads%2",
            "/v1/leads%zz",
            "/v1/%c0%ae%c0%ae/leads",
            "/v1/%ff",
            "/v1/le ads",
            "/v1/l\"s",
            "/v1/l<s",
            "/v1/l|s",
            "/v1/l{s}",
            "/v1/l^s",
            "/v1/lé",
            "/v1/leads?x",
            "/v1/leads#x",
            "/v1/+1%+2",
        ] {
            assert!(parts(trick).is_err(), "{trick}");
        }
        assert_eq!(parts(&"/a".repeat(MAX_PARTS + 1)), Err("too many parts"));
        assert_eq!(parts(&format!("/{}", "a".repeat(MAX_PATH))), Err("too long"));
        for (path, why) in [
            ("/v1//leads", "an empty part"),
            ("/v1/leads/", "an empty part"),
            ("/v1/../x", "a dot segment"),
            ("/v1/a%2Fb", "an encoded slash"),
            ("/v1/a%", "an escape without two digits"),
            ("/v1/%6ceads", "an escape of a character that needs none"),
        ] {
            assert_eq!(parts(path), Err(why), "{path}");
        }
    }
}
