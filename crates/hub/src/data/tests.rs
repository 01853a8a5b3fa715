//! Lists of every shape become tables; what is no list says so.

use super::*;

fn answer(status: u16, body: &str) -> ApiReply {
    ApiReply { status, success: status == 200, content_type: None, body: body.to_owned().into() }
}

#[test]
fn the_telling_columns_come_first_in_every_envelope() {
    let list = r#"[{"zz":1,"updated_at":"x","event_date":"d","site_id":3,"created_at_utc":"x","status":"NEW","id":7,
        "first_name":"Ada","rooms":[1],"last_name":"L"}]"#;
    for body in [list.to_owned(), format!(r#"{{"results":{list}}}"#), format!(r#"{{"data":{list}}}"#)] {
        let table = read(&answer(200, &body)).unwrap();
        let heads: Vec<&str> = table.heads.iter().map(|head| head.text.as_str()).collect();
        assert_eq!(heads, ["ID", "First name", "Last name", "Status", "Event date", "Updated at"]);
        let texts: Vec<&str> = table.rows[0].iter().map(|cell| cell.text.as_str()).collect();
        assert_eq!(texts, ["7", "Ada", "L", "NEW", "d", "x"]);
    }
}

#[test]
fn amounts_are_grouped_and_stand_at_the_right_and_ids_do_not() {
    let table =
        read(&answer(200, r#"[{"id":48120,"total":1234567.5,"guest_count":80,"name":"x","year":2026}]"#)).unwrap();
    let cells: Vec<_> =
        table.rows[0].iter().map(|cell| (cell.head.as_str(), cell.text.as_str(), cell.is_number)).collect();
    let seen = [("ID", "48120", false), ("Name", "x", false), ("Guest count", "80", true)];
    assert_eq!(cells[..3], seen);
    assert_eq!(cells[3..], [("Total", "1,234,567.5", true), ("Year", "2026", false)]);
    let heads: Vec<bool> = table.heads.iter().map(|head| head.is_number).collect();
    assert_eq!(heads, [false, false, true, true, false]);
    for (number, text) in [("0", "0"), ("999", "999"), ("1000", "1,000"), ("-123456", "-123,456"), ("1e21", "1e21")] {
        assert_eq!(grouped(number), text);
    }
}

#[test]
fn long_lists_and_long_texts_are_cut() {
    let record = format!(r#"{{"name":"{}"}}"#, "x".repeat(100));
    let body = format!("[{}]", vec![record; 20].join(","));
    let table = read(&answer(200, &body)).unwrap();
    assert_eq!((table.rows.len(), table.more), (ROWS, 20 - ROWS));
    assert_eq!(table.rows[0][0].text.chars().count(), CELL + 1);
}

#[test]
fn what_is_no_list_says_so() {
    assert!(read(&answer(200, "{}")).is_err());
    assert!(read(&answer(200, "<html>")).is_err());
    assert!(read(&answer(404, "[]")).is_err());
    assert_eq!(read(&answer(200, "[]")).unwrap(), Table::default());
}
