#!/bin/sh
# setup.sh PLACE: Debian's own packages; nothing else is fetched.
set -eu
mkdir -p "$1"
cp "$(dirname "$0")/config.ru" "$(dirname "$0")/app.rb" "$(dirname "$0")/puma.rb" "$1/"
if ! ruby -e 'require "rails"; require "active_record"; require "doorkeeper"; require "pg"; require "puma"' 2>/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends ruby-doorkeeper ruby-activerecord ruby-pg puma
fi
