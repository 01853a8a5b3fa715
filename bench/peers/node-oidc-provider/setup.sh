#!/bin/sh
# setup.sh PLACE: installs into PLACE, at the versions of package-lock.json.
set -eu
here=$(dirname "$0")
mkdir -p "$1"
cp "$here/package.json" "$here/package-lock.json" "$here/server.mjs" "$1/"
npm ci --silent --no-audit --no-fund --prefix "$1"
