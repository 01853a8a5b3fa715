#!/bin/sh
# serve.sh PLACE PORT CHAINS COUNT DATABASE_URL: writes the chains, then serves until it is killed.
cd "$1" && exec node server.mjs "$2" "$3" "$4" "$5"
