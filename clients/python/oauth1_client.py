"""Python's OAuth1Session, as the platform's own OAuth 1.0 sample uses it: with a token and without one, with parameters
that need every rule of encoding, and what must not pass: a replay, a clock two hours off, a tampered query, a wrong secret."""

import json
import sys
import time

from requests import Request
from requests_oauthlib import OAuth1, OAuth1Session

platform = json.load(open(sys.argv[1]))["platforms"][sys.argv[2]]
pair = platform["oauth1"][0]
locations = platform["api_url"] + "/api/v1/locations"
two_legged = {"client_key": pair["consumer_key"], "client_secret": pair["consumer_secret"]}
with_token = {"resource_owner_key": pair["token"], "resource_owner_secret": pair["token_secret"], **two_legged}
awkward = [("q", "a b&c=d/ü☃~-._!*'()+%25"), ("x", "2"), ("x", "10"), ("x", ""), ("c@", "1"), ("c2", "2"), ("a[]", "3")]


def demand(holds, otherwise):
    if not holds:
        sys.exit(otherwise)


bodies = set()
for credentials in (with_token, two_legged):
    session = OAuth1Session(**credentials)
    for params in (None, awkward):
        reply = session.get(locations, params=params)
        demand(reply.status_code == 200, f"a signed call: {reply.status_code} {reply.text}")
        bodies.add(reply.text)
    raw = session.get(locations + "?plus=a+b&lower=%c3%bc&bare&=nameless")
    demand(raw.status_code == 200, f"a query written otherwise: {raw.status_code} {raw.text}")
demand(len(bodies) == 1, "the same call was answered differently")


def signed(credentials=with_token, **more):
    request = Request("GET", locations, params=awkward, auth=OAuth1(**credentials, **more))
    return session.prepare_request(request)


def status(prepared):
    return session.send(prepared).status_code


session = OAuth1Session(**with_token)
session.auth = None
once = signed()
demand((status(once), status(once)) == (200, 401), "a replay was taken")
for hours in (-2, 2):
    demand(status(signed(timestamp=str(int(time.time()) + hours * 3600))) == 401, f"a clock {hours} h off was taken")
tampered = signed()
tampered.url = tampered.url.replace("x=10", "x=11")
demand(status(tampered) == 401, "a tampered query was taken")
demand(status(signed({**with_token, "client_secret": "wrong"})) == 401, "a wrong consumer secret was taken")
demand(status(signed({**with_token, "resource_owner_secret": "wrong"})) == 401, "a wrong token secret was taken")
demand(status(signed({**with_token, "client_key": "nobody"})) == 401, "an unknown consumer was taken")
print("ok OAuth1Session")
