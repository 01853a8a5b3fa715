"""oauthlib signs the requests of standard input, one JSON object a line: {"base", "signature"} or {"refused"} for each."""

import json
import sys

from oauthlib.oauth1 import Client

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
seen = []


def recording(method):
    def sign(base, client):
        seen.append(base)
        return method(base, client)

    return sign


for name in ("HMAC-SHA1", "HMAC-SHA256"):
    Client.register_signature_method(name, recording(Client.SIGNATURE_METHODS[name]))

for line in sys.stdin:
    ask = json.loads(line)
    client = Client(
        ask["consumer_key"],
        client_secret=ask["consumer_secret"],
        resource_owner_key=ask["token"],
        resource_owner_secret=ask["token_secret"],
        signature_method=ask["signature_method"],
        nonce=ask["nonce"],
        timestamp=ask["timestamp"],
    )
    try:
        _, headers, _ = client.sign(ask["url"], ask["method"], ask["body"], FORM if ask["body"] else None)
        header = headers["Authorization"]
        quoted = header.split('oauth_signature="')[1].split('"')[0]
        signature = quoted.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
        print(json.dumps({"base": seen[-1], "signature": signature}))
    except ValueError as why:
        print(json.dumps({"refused": str(why)}))
