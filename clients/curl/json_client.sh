#!/usr/bin/env bash
# curl with JSON at the token endpoint, as Otesse's document prints it: one refresh token for thirty days, sent again and
# again; several redirect URIs; JSON revocation.
set -euo pipefail
describe=$1 platform=$2
. "$(dirname "$0")/common.sh"

json() { curl -sS -X POST "$(address "$1")" -H "Content-Type: application/json" -d "$2"; }
connect() { # ROLE REDIRECT STATE
  local email password callback
  read -r email password < <(person "$1")
  callback=$(python3 "$CAUSEWAY_WALK" "$(address authorize)?client_id=$id&redirect_uri=$(encode "$2")&response_type=code&scope=bookings:read%20customers:read$3" \
    "$2" "$email" "$password")
  parameter "$callback" code
}
exchange() { json token '{
  "grant_type": "authorization_code",
  "code": "'"$1"'",
  "redirect_uri": "'"$2"'",
  "client_id": "'"$id"'",
  "client_secret": "'"$secret"'"
}'; }
bookings() { curl -sS -o /dev/null -w '%{http_code}' -X GET "$(get api_url)/v1/bookings" -H "Authorization: Bearer $1"; }

first=$(exchange "$(connect customer_admin "$redirect" '&state=random_csrf_token')" "$redirect")
[ "$(fields <<<"$first")" = "access_token expires_in refresh_token scope token_type" ] || fail "the reply: $first"
[ "$(field expires_in <<<"$first")" = 3600 ] || fail "the life: $first"
access=$(field access_token <<<"$first") refresh=$(field refresh_token <<<"$first")
case $access in otesse_at_*) ;; *) fail "the access token's prefix" ;; esac
case $refresh in otesse_rt_*) ;; *) fail "the refresh token's prefix" ;; esac
[ "$(bookings "$access")" = 200 ] || fail "the call: $(bookings "$access")"

# A member as well, without state, at the second redirect URI.
other=$(get apps 0 redirect_uris 1)
member=$(exchange "$(connect member "$other" '')" "$other")
[ "$(bookings "$(field access_token <<<"$member")")" = 200 ] || fail "a member's call"

refreshed() { json token '{
  "grant_type": "refresh_token",
  "refresh_token": "'"$refresh"'",
  "client_id": "'"$id"'",
  "client_secret": "'"$secret"'"
}'; }
for _ in 1 2 3; do
  next=$(refreshed)
  [ "$(field refresh_token <<<"$next")" = "$refresh" ] || fail "the refresh token changed: $next"
  [ "$(bookings "$(field access_token <<<"$next")")" = 200 ] || fail "the refreshed token does not work"
done

revoke() { curl -sS -o /dev/null -w '%{http_code}' -X POST "$(address revoke)" -H "Content-Type: application/json" \
  -d '{"token": "'"$1"'", "token_type_hint": "refresh_token", "client_id": "'"$id"'", "client_secret": "'"$secret"'"}'; }
[ "$(revoke nobody)" = 200 ] || fail "an unknown token"
[ "$(revoke "$refresh")" = 200 ] || fail "the revocation"
[ "$(field error <<<"$(refreshed)")" = invalid_grant ] || fail "a revoked refresh token was taken"
[ "$(bookings "$access")" = 401 ] || fail "a revoked token was taken"
echo "ok curl, JSON"
