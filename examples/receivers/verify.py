"""Checks the signature of a webhook's call: WEBHOOK_SECRET=... python3 verify.py SIGNATURE < body"""
import hashlib, hmac, os, sys

def is_valid(secret: bytes, body: bytes, signature: str) -> bool:
    expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())

valid = is_valid(os.environ["WEBHOOK_SECRET"].encode(), sys.stdin.buffer.read(), sys.argv[1])
print("valid" if valid else "WRONG")
sys.exit(0 if valid else 1)
