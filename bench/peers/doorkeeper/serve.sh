#!/bin/sh
# serve.sh PLACE PORT CHAINS COUNT DATABASE_URL: writes the chains, then serves until it is killed.
set -eu
cd "$1"
export DATABASE_URL="$5" RAILS_ENV=production RACK_ENV=production
ruby -e 'require "./app"; seed(ARGV[0], ARGV[1].to_i)' "$3" "$4"
exec puma --config puma.rb --bind "tcp://127.0.0.1:$2" config.ru
