#!/bin/sh
# serve.sh PLACE PORT CHAINS COUNT: writes the chains, then serves until it is killed.
exec "$1/release/peer-oxide-auth" "$2" "$3" "$4"
