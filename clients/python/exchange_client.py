"""The exchange of an OAuth 1.0 pair as the platform's own Python sample has it; only host and credentials are filled in."""

import json
import sys

import requests

platform = json.load(open(sys.argv[1]))["platforms"][sys.argv[2]]
app = platform["apps"][0]
pair = platform["oauth1"][int(sys.argv[3])]
HOST = platform["api_url"]
CLIENT_ID, CLIENT_SECRET = app["client_id"], app["client_secret"]
CUSTOMER_OAUTH1_CONSUMER_KEY, CUSTOMER_OAUTH1_CONSUMER_SECRET = pair["consumer_key"], pair["consumer_secret"]

# Exchange existing OAuth 1.0 credentials for OAuth 2.0 tokens
response = requests.post(
    HOST + "/oauth2/token",
    data={
        "grant_type": "oauth1_exchange",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "consumer_key": CUSTOMER_OAUTH1_CONSUMER_KEY,
        "consumer_secret": CUSTOMER_OAUTH1_CONSUMER_SECRET,
    },
)

token = response.json()
access_token = token["access_token"]
refresh_token = token["refresh_token"]

# Make API request
api_response = requests.get(
    HOST + "/api/v1/locations",
    headers={"Authorization": f"Bearer {access_token}"},
)

# Beyond the sample.
assert api_response.status_code == 200, api_response.text
assert set(token["scope"].split()) == set(app["scopes"].split()), token["scope"]
again = requests.post(
    HOST + "/oauth2/token",
    json={"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
)
assert again.status_code == 200 and again.json()["refresh_token"] != refresh_token, again.text
print("ok python exchange")
