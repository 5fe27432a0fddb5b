"""Checks a call with the headers of Standard Webhooks, with that project's own library (pip install standardwebhooks):
WEBHOOK_SECRET=... python3 standard.py ID TIMESTAMP SIGNATURE < body"""
import base64, os, sys
from standardwebhooks import Webhook, WebhookVerificationError

def check(secret: str, headers: dict, body: bytes) -> None:
    if not secret.startswith("whsec_"):
        secret = "whsec_" + base64.b64encode(secret.encode()).decode()
    Webhook(secret).verify(body, headers, json_parse=False)

headers = dict(zip(("webhook-id", "webhook-timestamp", "webhook-signature"), sys.argv[1:]))
try:
    check(os.environ["WEBHOOK_SECRET"], headers, sys.stdin.buffer.read())
except WebhookVerificationError as error:
    print("WRONG:", error)
    sys.exit(1)
print("valid")
