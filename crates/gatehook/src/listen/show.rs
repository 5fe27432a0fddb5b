//! How calls are shown: to a person, or to a script.

use secrecy::SecretString;

use crate::listen::receiver::{Arrival, Manner, Planned, Signature};

/// One object a call, for scripts.
pub(super) fn as_json(arrival: &Arrival, secret: Option<&SecretString>) -> serde_json::Value {
    let (call, planned) = match arrival {
        Arrival::Call(call, planned) => (call, planned),
        Arrival::Refused(_) => return serde_json::json!({ "behaviour": "reset", "status": null }),
    };
    let headers: serde_json::Map<String, serde_json::Value> = call
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), shown_header(name, value).into()))
        .collect();
    serde_json::json!({
        "path": call.path,
        "signature": call.signature(secret).as_str(),
        "behaviour": planned.manner.as_str(),
        "status": planned.status.map(|status| status.as_u16()),
        "headers": headers,
        "body": String::from_utf8_lossy(&call.body),
    })
}

/// Prints a call as a person wants to read it: request line, headers, body, what the signature is worth, and what is
/// answered.
pub(super) fn print(
    out: &mut impl std::io::Write,
    arrival: &Arrival,
    secret: Option<&SecretString>,
) -> std::io::Result<()> {
    let (call, planned) = match arrival {
        Arrival::Call(call, planned) => (call, planned),
        Arrival::Refused(peer) => return writeln!(out, "A connection from {peer} was broken off\n"),
    };
    writeln!(out, "POST {}", call.path)?;
    for (name, value) in &call.headers {
        writeln!(out, "{name}: {}", shown_header(name, value))?;
    }
    writeln!(out)?;
    match serde_json::from_slice::<serde_json::Value>(&call.body) {
        Ok(_) => writeln!(out, "{}", indented(&String::from_utf8_lossy(&call.body)))?,
        Err(_) => writeln!(out, "({} bytes that are no JSON)", call.body.len())?,
    }
    writeln!(out, "signature: {}", shown_signature(call.signature(secret)))?;
    writeln!(out, "answer: {}\n", shown_answer(planned))
}

/// A header's value. Credentials of the webhook's URL arrive in one; neither a terminal nor a script's log is a place for
/// them.
fn shown_header<'a>(name: &str, value: &'a str) -> &'a str {
    if name.eq_ignore_ascii_case("authorization") {
        "(not shown)"
    } else {
        value
    }
}

fn shown_signature(signature: Signature) -> String {
    let word = signature.as_str();
    let colour = match signature {
        Signature::Valid => anstyle::AnsiColor::Green,
        Signature::Wrong => anstyle::AnsiColor::Red,
        Signature::Absent | Signature::NotChecked => return word.to_owned(),
    };
    let style = colour.on_default().bold();
    format!("{style}{word}{style:#}")
}

fn shown_answer(planned: &Planned) -> String {
    let status = planned.status.unwrap_or_default().as_u16();
    match &planned.manner {
        Manner::Answer => status.to_string(),
        Manner::Hang => "none, the caller waits".to_owned(),
        Manner::Reset(_) => "the connection is broken off".to_owned(),
        Manner::Endless => format!("{status} with a body that never ends"),
        Manner::Slow => format!("{status}, a byte a second"),
        Manner::Redirect(target) => format!("{status} to {}", String::from_utf8_lossy(target.as_bytes())),
    }
}

/// JSON with line breaks and indents, its members in the order they came. The text must be valid JSON.
pub(crate) fn indented(json: &str) -> String {
    let mut shown = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut letters = json.chars().filter(|letter| !matches!(letter, '\n' | '\r')).peekable();
    while let Some(letter) = letters.next() {
        if in_text {
            shown.push(letter);
            in_text = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '"' => {
                in_text = true;
                shown.push(letter);
            }
            '{' | '[' => {
                shown.push(letter);
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    shown.push(end);
                } else {
                    depth += 1;
                    line_break(&mut shown, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line_break(&mut shown, depth);
                shown.push(letter);
            }
            ',' => {
                shown.push(letter);
                line_break(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            letter if letter.is_whitespace() => {}
            letter => shown.push(letter),
        }
    }
    shown
}

fn line_break(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::receiver::Call;

    #[test]
    fn people_and_scripts_see_the_call_its_answer_and_no_credentials() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let call = Call {
            path: "/ci".to_owned(),
            headers: vec![
                header("authorization", "Basic cm9ib3Q6aHVudGVyMjI="),
                header("x-gatehook-attempt", "1"),
            ],
            body: b"{\"a\":1}".to_vec(),
        };
        let planned = Planned {
            status: None,
            manner: Manner::Hang,
        };
        let arrival = Arrival::Call(call, planned);
        assert_eq!(
            as_json(&arrival, None),
            serde_json::json!({
                "path": "/ci", "signature": "absent", "behaviour": "hang", "status": null,
                "headers": {"authorization": "(not shown)", "x-gatehook-attempt": "1"},
                "body": "{\"a\":1}",
            })
        );
        let mut shown = Vec::new();
        print(&mut shown, &arrival, None).unwrap();
        assert_eq!(
            String::from_utf8(shown).unwrap(),
            "POST /ci\nauthorization: (not shown)\nx-gatehook-attempt: 1\n\n{\n  \"a\": 1\n}\nsignature: absent\nanswer: none, the caller waits\n\n"
        );
    }

    #[test]
    fn indenting_keeps_the_order_and_the_texts() {
        let json = r#"{"b":"x: {\"y\", [z]}","a":[],"c":[1,{"d":null}]}"#;
        let shown = indented(json);
        assert_eq!(
            shown,
            "{\n  \"b\": \"x: {\\\"y\\\", [z]}\",\n  \"a\": [],\n  \"c\": [\n    1,\n    {\n      \"d\": null\n    }\n  ]\n}"
        );
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parsed(&shown), parsed(json));
    }
}
