// Checks the signature of a webhook's call: WEBHOOK_SECRET=... node verify.js SIGNATURE < body
const crypto = require("node:crypto");
const fs = require("node:fs");

function isValid(secret, body, signature) {
  const expected = Buffer.from(crypto.createHmac("sha256", secret).update(body).digest("hex"));
  const given = Buffer.from(signature ?? "");
  return expected.length === given.length && crypto.timingSafeEqual(expected, given);
}

const valid = isValid(process.env.WEBHOOK_SECRET, fs.readFileSync(0), process.argv[2]);
console.log(valid ? "valid" : "WRONG");
process.exit(valid ? 0 : 1);
