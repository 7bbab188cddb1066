#!/bin/sh
# route.sh: a new container works: nginx may send it requests. See docs/rollout.md, "Without a failed request".
set -eu
cd "$(dirname "$0")"
# The first word is the container's own address; others are further networks and published ports.
address=${SHIPPER_ADDRESSES%% *}
# Written beside and moved, so that nginx never reads half a file.
echo "server $address:80 max_fails=0;" >"upstreams/.$SHIPPER_CONTAINER"
mv "upstreams/.$SHIPPER_CONTAINER" "upstreams/$SHIPPER_CONTAINER.conf"
if [ -s nginx.pid ]; then kill -HUP "$(cat nginx.pid)"; fi
