#!/bin/sh
# Say whether a service is well, and have one that stands still ended, as Docker restarts only what ends: health.sh PORT
set -eu
found=0
curl --fail --silent --output /dev/null --max-time 10 "http://127.0.0.1:$1/healthz" || found=$?
case $found in
0) exit 0 ;;
7) exit 1 ;; # nobody listens: it starts, or Docker knows that it ended
esac
python docker/end_hung.py "$1" # a Python is started only where something is wrong
exit 1
