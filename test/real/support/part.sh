#!/bin/bash
# part.sh WORK LOWER BRIDGE COMMAND…: runs COMMAND as one real part of the tests and leaves nothing behind.
#
# The part ends when its standard input ends, so it also ends when the test process dies by SIGKILL; the kernel then
# kills everything that it started (a PID namespace of its own) and undoes its mounts (a mount namespace of its own).
# WORK is deleted at the end. LOWER is the root file system that COMMAND sees below a layer of its own in memory
# (`/` for the host's): /run, /etc/docker, /var/lib and so on of the host are never written.
# BRIDGE is the name of an existing bridge, deleted at the end, or `-`. Only root can do this.
set -euo pipefail

# Nothing but the end of the standard input ends the part: a Ctrl-C in a terminal must not skip the cleaning.
# Caught rather than ignored, because children inherit what is ignored, and the part itself must end on SIGTERM.
trap : INT TERM HUP

outer() {
  work=$1 bridge=$3
  # Global names, because the trap runs after the function's locals are gone.
  trap clean EXIT
  # A PID namespace needs its own /proc, and pivot_root needs private mounts; `inner` makes both.
  unshare --mount --propagation private --pid --fork --kill-child bash "$0" --inner "$@"
}

clean() {
  if [ "$bridge" != - ]; then ip link del "$bridge" || true; fi
  # A dockerd leaves the bridges of its networks, and once thirty are there no other one finds room for a network.
  local made='"BridgeIfaceCreator":1,"BridgeName":"[^"]+"'
  for bridge in $(grep -aoE "$made" "$work/data/network/files/local-kv.db" 2>/dev/null | cut -d'"' -f6); do
    ip link del "$bridge" 2>/dev/null || true
  done
  # Containers that were killed leave empty control groups; a removal may have to wait until the kernel reaped them.
  for _ in 1 2 3 4 5; do
    find /sys/fs/cgroup -depth -type d -path "*/shipper-${work##*/}*" -exec rmdir {} + 2>/dev/null || true
    [ -n "$(find /sys/fs/cgroup -type d -name "shipper-${work##*/}" -print -quit)" ] || break
    sleep 0.1
  done
  rm -rf --one-file-system "$work"
}

# The real root of the namespace, not a chroot: dockerd's own pivot_root fails in a chroot
# ("remount /: invalid argument").
enter_root() {
  local work=$1 lower=$2 own=$1/root
  mkdir -p "$own"
  # In memory, since overlayfs refuses an upper directory that lies below its lower one.
  mount -t tmpfs -o mode=755 tmpfs "$own"
  mkdir "$own/upper" "$own/work" "$own/merged"
  cd "$own"
  mount -t overlay -o "lowerdir=$lower,upperdir=$own/upper,workdir=$own/work" overlay merged
  cd merged
  mkdir -p proc sys dev run tmp "./$work" oldroot
  mount -t proc proc proc
  mount --rbind /sys sys
  mount --rbind /dev dev
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=1777 tmpfs tmp
  # Not --rbind: the layer in memory stays out of sight. The names of WORK are the same inside and outside.
  mount --bind "$work" "./$work"
  pivot_root . oldroot
  cd /
  umount -l /oldroot
  rmdir /oldroot
}

inner() {
  local work=$1 lower=$2
  shift 3
  exec 3<&0 </dev/null
  enter_root "$work" "$lower"
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
  (exec 3<&-; exec "$@") &
  local child=$!
  # A part with running containers takes ten seconds for a polite end; all its data is thrown away, so it gets three.
  (cat <&3 >/dev/null; kill -TERM "$child"; sleep 3; kill -KILL "$child") &
  local status=0
  wait "$child" || status=$?
  # The end of this process, the first of its namespace, is the end of all the others.
  exit "$status"
}

if [ "$1" = --inner ]; then
  shift
  inner "$@"
else
  outer "$@"
fi
