#!/bin/sh
# Leads traffic away from a container that is about to be stopped, and lets what it has begun come to its end.
set -eu
. "$(dirname "$0")/nginx.sh"
test -e "$file" || exit 0
rm -f "$file"
reload
sleep "${DRAIN_SECONDS:-5}"
