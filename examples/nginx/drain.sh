#!/bin/sh
# drain.sh: a container is about to be stopped: nginx sends it nothing new, and what is under way gets its answer.
set -eu
cd "$(dirname "$0")"
rm -f "upstreams/$SHIPPER_CONTAINER.conf"
if [ -s nginx.pid ]; then kill -HUP "$(cat nginx.pid)"; fi
# The workers of the old configuration may take one more request before they hear of it.
sleep 1
