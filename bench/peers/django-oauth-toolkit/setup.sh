#!/bin/sh
# setup.sh PLACE: a virtual environment in PLACE, at the versions and hashes of requirements.txt.
set -eu
here=$(dirname "$0")
[ -x "$1/venv/bin/pip" ] || python3 -m venv "$1/venv"
"$1/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$here/requirements.txt"
cp "$here/app.py" "$1/"
