"""requests-oauthlib, as its manual shows the web application flow. It authenticates the exchange by HTTP Basic, and
raises when the granted scope differs from the one asked for."""

import json
import os
import subprocess
import sys

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback has no TLS

from oauthlib.oauth2 import InvalidGrantError
from requests_oauthlib import OAuth2Session

platform = json.load(open(sys.argv[1]))["platforms"][sys.argv[2]]
app = platform["apps"][0]
admin = next(person for person in platform["people"] if person["role"] == "customer_admin")
redirect_uri = app["redirect_uris"][0]


def url(path):
    base = platform["login_url"] if path == "authorize" else platform["api_url"]
    found = platform["paths"][path]
    return found if found.startswith("http") else base + found


scope = app["scopes"].split()
session = OAuth2Session(app["client_id"], redirect_uri=redirect_uri, scope=scope)
authorize, state = session.authorization_url(url("authorize"))
walk = [sys.executable, os.environ["CAUSEWAY_WALK"], authorize, redirect_uri, admin["email"], admin["password"]]
callback = subprocess.run(walk, check=True, capture_output=True, text=True).stdout.strip()

session.fetch_token(url("token"), authorization_response=callback, client_secret=app["client_secret"])
first = session.token
assert first["token_type"] == "Bearer" and first["expires_in"] > 0, "the reply lacks its fields"

sites = session.get(platform["api_url"] + "/v1/sites")
assert sites.status_code == 200, f"GET /v1/sites: {sites.status_code} {sites.text}"

credentials = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
second = session.refresh_token(url("refresh"), refresh_token=first["refresh_token"], **credentials)
assert second["refresh_token"] != first["refresh_token"], "the refresh token did not change"
assert session.get(platform["api_url"] + "/v1/sites").status_code == 200, "the refreshed token does not work"

try:
    session.refresh_token(url("refresh"), refresh_token=first["refresh_token"], **credentials)
except InvalidGrantError:
    print("ok requests-oauthlib")
else:
    sys.exit("a stale refresh token was taken")
