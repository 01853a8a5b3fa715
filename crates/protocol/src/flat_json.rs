//! A JSON object of texts and numbers, written into its bytes at once: the replies of the token endpoint and of introspection.
//! What stands in them is their own files' business.

/// The value of a member.
pub(crate) enum Said<'a> {
    /// `true`
    Yes,
    /// A whole number.
    Number(i64),
    /// A text, escaped here.
    Text(&'a str),
    /// The member is left out.
    Nothing,
}

/// A flat JSON object, written as it goes: a tree of values would cost more than opening the token.
pub(crate) fn object(members: &[(&str, Said<'_>)]) -> String {
    let mut out = Vec::with_capacity(512);
    out.push(b'{');
    for (name, said) in members {
        let start = out.len();
        out.extend_from_slice(if start == 1 { b"\"" } else { b",\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        let written = match said {
            Said::Yes => serde_json::to_writer(&mut out, &true),
            Said::Number(number) => serde_json::to_writer(&mut out, number),
            Said::Text(text) => serde_json::to_writer(&mut out, text),
            Said::Nothing => {
                out.truncate(start);
                Ok(())
            }
        };
        written.expect("writing a number or a text into memory cannot fail");
    }
    out.push(b'}');
    String::from_utf8(out).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_json_whatever_stands_in_it() {
        let odd = "a \"b\" \\ \n é";
        let text = object(&[
            ("active", Said::Yes),
            ("sub", Said::Nothing),
            ("scope", Said::Text(odd)),
            ("exp", Said::Number(-1)),
        ]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value, serde_json::json!({"active": true, "scope": odd, "exp": -1}));
        assert_eq!(object(&[("sub", Said::Nothing)]), "{}");
    }
}
