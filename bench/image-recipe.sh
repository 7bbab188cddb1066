#!/bin/bash
# image-recipe.sh ENGINE_HOST TAG: builds the real image that the measurements use: a Debian 13 with python3, perl, git,
# gcc and nodejs, a copied and re-owned tree, purges and deleted blobs; 12 layers, about 1.4 GB. Needs root, the network
# and some minutes; the base is kept in ${SHIPPER_REAL_CACHE:-/var/tmp/shipper-real}.
set -euo pipefail

if [ $# != 2 ]; then
  echo "usage: bench/image-recipe.sh ENGINE_HOST TAG" >&2
  exit 2
fi
export DOCKER_HOST=$1 DOCKER_BUILDKIT=0
tag=$2
cache=${SHIPPER_REAL_CACHE:-/var/tmp/shipper-real}
base=$cache/bench-base.tar
context=$(mktemp -d)
trap 'rm -rf --one-file-system "$context"' EXIT

make_base() {
  [ -e "$base" ] && return
  debootstrap --variant=minbase trixie "$context/root" http://deb.debian.org/debian >&2
  tar -C "$context/root" --one-file-system --numeric-owner -cf "$base.part" .
  mv "$base.part" "$base"
  rm -rf --one-file-system "$context/root"
}

# Each RUN is one kind of change that images in the wild make; the network of the host, because private engines have none.
dockerfile() {
  cat <<END
FROM $tag-base
ENV DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
RUN apt-get -q update && apt-get -q -y install --no-install-recommends python3 perl
RUN apt-get -q -y install --no-install-recommends git
RUN apt-get -q -y install --no-install-recommends gcc libc6-dev
RUN apt-get -q -y install --no-install-recommends nodejs
RUN cp -al /usr/share /opt/copy
RUN chown -R 1000:1000 /opt/copy
RUN apt-get -q -y purge git && apt-get -q -y autoremove
RUN rm -rf /var/lib/apt/lists /var/cache/apt && mkdir -p /var/cache/apt/archives/partial
RUN mkdir /blobs && for n in \$(seq 200); do head -c 65536 /dev/urandom >/blobs/\$n; done
RUN for n in \$(seq 1 2 200); do rm /blobs/\$n; done
RUN rm -rf /opt/copy/doc && mkdir /opt/copy/doc && echo again >/opt/copy/doc/again
WORKDIR /srv
USER 1000:1000
CMD ["python3"]
END
}

make_base
docker import "$base" "$tag-base" >/dev/null
dockerfile >"$context/Dockerfile"
docker build --quiet --network host --tag "$tag" "$context"
