#!/usr/bin/env bash
# Runs a command against a private Docker Engine (Debian's docker.io, graph driver) that holds nothing and runs no
# containers; ends it and removes its folder afterwards. As root:
#
#   bench/with-engine.sh node bench/run.mjs daemon
set -euo pipefail

folder=$(mktemp -d "${SHIPPER_BENCH_DIR:-/var/tmp}/shipper-bench.XXXXXX")
engine=
finish() {
  if [ -n "$engine" ]; then
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
  fi
  umount -R "$folder/data" "$folder/exec" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

# A file system of its own in one file: for five minutes ext4 looks at every file that was deleted before it makes a new one, so that an
# import right after the end of another run would take three times as long.
truncate -s 40G "$folder/disk"
mkfs.ext4 -q "$folder/disk"
mkdir "$folder/data"
loop=$(losetup --find --show --direct-io=on "$folder/disk")
mount "$loop" "$folder/data"
# It goes when nothing is mounted of it any more. Without a cache of its own, for memory would hold everything twice.
losetup --detach "$loop"
/usr/sbin/dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
  --bridge=none --iptables=false -H "unix://$folder/docker.sock" >"$folder/log" 2>&1 &
engine=$!

export DOCKER_HOST="unix://$folder/docker.sock" DOCKER_CONFIG="$folder/config" SHIPPER_BENCH_DOCKER=/usr/bin/docker
for _ in $(seq 100); do
  /usr/bin/docker version >/dev/null 2>&1 && break
  sleep 0.2
done
/usr/bin/docker version --format 'engine {{.Server.Version}}'
"$@"
