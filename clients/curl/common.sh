# What the curl clients share: the description, and the person. Sourced with `describe` and `platform` set.

get() { python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    value = value[int(key)] if key.isdigit() else value[key]
print(value)' "$describe" platforms "$platform" "$@"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
fields() { python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)))'; }
address() {
  local found base
  found=$(get paths "$1")
  base=$(get "$([ "$1" = authorize ] && echo login_url || echo api_url)")
  case $found in http*) echo "$found" ;; *) echo "$base$found" ;; esac
}
fail() { echo "$*" >&2; exit 1; }
# person ROLE: e-mail and password of the first one.
person() { python3 -c 'import json, sys
people = json.load(open(sys.argv[1]))["platforms"][sys.argv[2]]["people"]
print(*next((p["email"], p["password"]) for p in people if p["role"] == sys.argv[3]))' "$describe" "$platform" "$1"; }
encode() { python3 -c 'import sys, urllib.parse as u; print(u.quote(sys.argv[1], safe=""))' "$1"; }
# parameter URL NAME: of a URL's query; empty where it is not.
parameter() { python3 -c 'import sys, urllib.parse as u
print(u.parse_qs(u.urlsplit(sys.argv[1]).query).get(sys.argv[2], [""])[0])' "$1" "$2"; }

id=$(get apps 0 client_id) secret=$(get apps 0 client_secret) redirect=$(get apps 0 redirect_uris 0)
