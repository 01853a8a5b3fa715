#!/bin/sh
# serve.sh PLACE PORT CHAINS COUNT DATABASE_URL: writes the chains, then serves until it is killed.
set -eu
cd "$1"
export DATABASE_URL="$5"
venv/bin/python app.py "$3" "$4"
exec venv/bin/gunicorn --bind "127.0.0.1:$2" --workers 2 --worker-class gthread --threads 16 --keep-alive 30 \
  --log-level warning app:application
