#!/bin/sh
# setup.sh PLACE: builds into PLACE, at the versions of Cargo.lock.
set -eu
CARGO_TARGET_DIR="$1" cargo build --quiet --release --locked --manifest-path "$(dirname "$0")/Cargo.toml"
