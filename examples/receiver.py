"""A webhook receiver that checks signatures: WEBHOOK_SECRET=... python3 receiver.py [port]"""
import hashlib, hmac, http.server, os, sys

SECRET = os.environ["WEBHOOK_SECRET"].encode()

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1 << 23))
        expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        given = self.headers.get("X-Sonar-Webhook-HMAC-SHA256", "")
        valid = hmac.compare_digest(expected.encode(), given.encode())
        print("valid signature" if valid else "WRONG signature", body.decode() if valid else "", flush=True)
        self.send_response(204 if valid else 401)
        self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", int((sys.argv + [9100])[1])), Receiver).serve_forever()
