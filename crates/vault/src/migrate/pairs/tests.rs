//! Files as people make them, good and bad.

use super::*;

type Read = (Vec<(u64, String, String, String, Option<(String, String)>)>, Vec<(u64, String)>);

fn read(text: &[u8]) -> Result<Read, BadLine> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for line in Lines::new(text)? {
        match line {
            Ok((line, pair)) => {
                let token = pair.token.map(|(token, secret)| (token, secret.expose().to_owned()));
                good.push((line, pair.account, pair.consumer_key, pair.consumer_secret.expose().to_owned(), token));
            }
            Err(bad_line) => bad.push((bad_line.line, bad_line.what)),
        }
    }
    Ok((good, bad))
}

fn row(line: u64, account: &str, key: &str, secret: &str) -> (u64, String, String, String, Option<(String, String)>) {
    (line, account.to_owned(), key.to_owned(), secret.to_owned(), None)
}

#[test]
fn tsm_21_quotes_line_ends_a_mark_and_any_order_of_columns() {
    let text =
        "\u{feff}consumer_secret,account,consumer_key\r\ns1,acme,k1\r\n\"s,\"\"2\"\"\",\"Café, Ltd\",k2\n\ns3,x,k3";
    let (good, bad) = read(text.as_bytes()).unwrap();
    assert_eq!(bad, []);
    assert_eq!(good, [row(2, "acme", "k1", "s1"), row(3, "Café, Ltd", "k2", "s,\"2\""), row(5, "x", "k3", "s3")]);
}

#[test]
fn tsm_21_tokens_are_read_where_they_are_given() {
    let (good, bad) =
        read(b"account,consumer_key,consumer_secret,token,token_secret\na,k,s,t,ts\nb,l,s,,\nc,m,s,t,\n").unwrap();
    assert_eq!(good[0].4, Some(("t".to_owned(), "ts".to_owned())));
    assert_eq!(good[1].4, None);
    assert_eq!(bad, [(4, "token and token_secret go together: one of them is missing".to_owned())]);
}

#[test]
fn tsm_21_every_bad_line_is_named_and_the_others_are_read() {
    let mut text =
        b"account,consumer_key,consumer_secret\na,k1,s\nb,k2\n,k3,s\nd,k4,\"s\ne,\"k\"5,s\nf\"g,k6,s\n h,k7,s\n"
            .to_vec();
    text.extend(b"i,k8,\xff\n");
    text.extend(format!("j,k9,{}\n", "s".repeat(9_000)).into_bytes());
    text.extend(format!("k,k10,{}\n", "s".repeat(256)).into_bytes());
    text.extend(b"l,k\x0711,s\nz,k12,s\n");
    let (good, bad) = read(&text).unwrap();
    assert_eq!(good, [row(2, "a", "k1", "s"), row(13, "z", "k12", "s")]);
    let lines: Vec<u64> = bad.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "{bad:#?}");
    let words = [
        "2 fields",
        "account is empty",
        "not closed",
        "closing quote",
        "middle",
        "blank",
        "UTF-8",
        "8192",
        "255",
        "control",
    ];
    for ((_, what), word) in bad.iter().zip(words) {
        assert!(what.contains(word), "{what} should say {word}");
    }
}

#[test]
fn tsm_21_a_file_without_its_header_is_refused_whole() {
    for (text, word) in [
        ("", "empty"),
        ("acme,key,secret\n", "names the columns"),
        ("account;consumer_key;consumer_secret\n", "names the columns"),
        ("account,consumer_key\n", "consumer_secret is missing"),
        ("account,account,consumer_key,consumer_secret\n", "twice"),
    ] {
        let bad = read(text.as_bytes()).unwrap_err();
        assert!(bad.line == 1 && bad.what.contains(word), "{text:?}: {bad}");
        assert!(!bad.what.contains("secret\n") && !bad.what.contains("key,secret"), "{bad}");
    }
}

/// Lines without end, made as they are read.
struct Endless(u64);

impl std::io::Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let line = if self.0 == 0 {
            "account,consumer_key,consumer_secret\n".to_owned()
        } else {
            format!("a{0},k{0},s\n", self.0)
        };
        self.0 += 1;
        buffer[..line.len()].copy_from_slice(line.as_bytes());
        Ok(line.len())
    }
}

#[test]
fn tsm_21_a_million_lines_are_read_and_no_more() {
    let lines = Lines::new(std::io::BufReader::new(Endless(0))).unwrap();
    let (mut good, mut bad) = (0, Vec::new());
    for line in lines {
        match line {
            Ok(_) => good += 1,
            Err(line) => bad.push(line),
        }
    }
    assert_eq!((good, bad.len()), (999_999, 1));
    assert!(bad[0].line == 1_000_001 && bad[0].what.contains("nothing was read"), "{}", bad[0]);
}
