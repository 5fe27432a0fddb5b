//! Checks the signature of a webhook's call:
//! `WEBHOOK_SECRET=... cargo run -p gatehook-webhooks --example verify SIGNATURE < body`

use std::io::{Read, Write};
use std::process::ExitCode;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(crate) fn is_valid(secret: &[u8], body: &[u8], signature: &str) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return false;
    };
    mac.update(body);
    hex::decode(signature).is_ok_and(|given| mac.verify_slice(&given).is_ok())
}

fn main() -> std::io::Result<ExitCode> {
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    let secret = std::env::var("WEBHOOK_SECRET").unwrap_or_default();
    let signature = std::env::args().nth(1).unwrap_or_default();
    let valid = is_valid(secret.as_bytes(), &body, &signature);
    writeln!(std::io::stdout(), "{}", if valid { "valid" } else { "WRONG" })?;
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
