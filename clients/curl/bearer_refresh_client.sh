#!/usr/bin/env bash
# curl as Cal.com's document describes it: no response_type, scopes between commas, two fields in the reply, and a refresh
# whose body holds no token: it travels in the Authorization header.
set -euo pipefail
describe=$1 platform=$2
. "$(dirname "$0")/common.sh"

read -r email password < <(person customer_admin)
callback=$(python3 "$CAUSEWAY_WALK" \
  "$(address authorize)?client_id=$id&state=s3cret-state&redirect_uri=$(encode "$redirect")&scope=READ_BOOKING,READ_PROFILE" \
  "$redirect" "$email" "$password")
[ "$(parameter "$callback" state)" = s3cret-state ] || fail "the state: $callback"

first=$(curl -sS "$(address token)" -d "code=$(parameter "$callback" code)" -d "client_id=$id" -d "client_secret=$secret" \
  -d grant_type=authorization_code --data-urlencode "redirect_uri=$redirect")
[ "$(fields <<<"$first")" = "access_token refresh_token" ] || fail "the reply: $first"
refresh=$(field refresh_token <<<"$first")
me() { curl -sS --fail-with-body "$(address userinfo)" -H "Authorization: Bearer $1"; }
[ -n "$(field username <<<"$(me "$(field access_token <<<"$first")")")" ] || fail "who am I?"

for _ in 1 2; do
  next=$(curl -sS "$(address refresh)" -H "Authorization: Bearer $refresh" -d grant_type=refresh_token \
    -d "client_id=$id" -d "client_secret=$secret")
  [ "$(fields <<<"$next")" = access_token ] || fail "the refresh by header: $next"
done
next=$(curl -sS "$(address refresh)" -d grant_type=refresh_token -d "refresh_token=$refresh" \
  -d "client_id=$id" -d "client_secret=$secret")
[ "$(fields <<<"$next")" = access_token ] || fail "the refresh by body: $next"
me "$(field access_token <<<"$next")" >/dev/null

wrong=$(curl -sS "$(address token)" -d code=wrong -d "client_id=$id" -d "client_secret=$secret" \
  -d grant_type=authorization_code --data-urlencode "redirect_uri=$redirect")
[ "$(fields <<<"$wrong")" = message ] || fail "the error: $wrong"
echo "ok curl, refresh by header"
