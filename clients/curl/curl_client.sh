#!/usr/bin/env bash
# Plain curl, as the platforms' documents print it: the secret in the body, --oauth2-bearer for the call.
set -euo pipefail

describe=$1 platform=$2
get() { python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    value = value[int(key)] if key.isdigit() else value[key]
print(value)' "$describe" platforms "$platform" "$@"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
address() {
  local found base
  found=$(get paths "$1")
  base=$(get "$([ "$1" = authorize ] && echo login_url || echo api_url)")
  case $found in http*) echo "$found" ;; *) echo "$base$found" ;; esac
}
fail() { echo "$*" >&2; exit 1; }

id=$(get apps 0 client_id) secret=$(get apps 0 client_secret) redirect=$(get apps 0 redirect_uris 0)
read -r email password < <(python3 -c 'import json, sys
people = json.load(open(sys.argv[1]))["platforms"][sys.argv[2]]["people"]
print(*next((p["email"], p["password"]) for p in people if p["role"] == "customer_admin"))' "$describe" "$platform")

authorize=$(curl -sS -G -o /dev/null -w '%{url_effective}' "$(address authorize)" --data-urlencode response_type=code \
  --data-urlencode "client_id=$id" --data-urlencode "redirect_uri=$redirect" --data-urlencode state=from-curl)
callback=$(python3 "$CAUSEWAY_WALK" "$authorize" "$redirect" "$email" "$password")
code=$(python3 -c 'import sys, urllib.parse as u; print(u.parse_qs(u.urlsplit(sys.argv[1]).query)["code"][0])' "$callback")

token() { curl -sS "$(address token)" -d "client_id=$id" -d "client_secret=$secret" "$@"; }
first=$(token --fail-with-body -d grant_type=authorization_code --data-urlencode "code=$code" \
  --data-urlencode "redirect_uri=$redirect")
sites() { curl -sS -o /dev/null -w '%{http_code}' --oauth2-bearer "$1" "$(get api_url)/v1/sites"; }
[ "$(sites "$(field access_token <<<"$first")")" = 200 ] || fail "the call failed"

old=$(field refresh_token <<<"$first")
second=$(token --fail-with-body -d grant_type=refresh_token --data-urlencode "refresh_token=$old")
[ "$(field refresh_token <<<"$second")" != "$old" ] || fail "the refresh token did not change"
[ "$(sites "$(field access_token <<<"$second")")" = 200 ] || fail "the refreshed token does not work"

stale=$(token -d grant_type=refresh_token --data-urlencode "refresh_token=$old")
[ "$(field error <<<"$stale")" = invalid_grant ] || fail "the stale refresh: $stale"
echo "ok curl"
