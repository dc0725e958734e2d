#!/bin/sh
# Bare Debian: `npm start`, twice, in a Debian that has Node 20 and npm, and no libatomic1. Both must name the library and its
# package in one line. As root, with debootstrap; in SYSTEM_NODE_BIN (/usr/bin) are a Node 20 and npm to copy. Takes two minutes.
set -eu
cd "$(dirname "$0")/../.."
bin=${SYSTEM_NODE_BIN:-/usr/bin}
# The mirror of this machine, unless another is named.
mirror=${DEBIAN_MIRROR:-$(sed -n "s/^URIs: //p; s/^deb [^h]*\\(http[^ ]*\\).*/\\1/p" /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)}
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT

debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || { cat "$root.log"; exit 1; }
rm -f "$root.log"
cp "$bin/node" "$root/usr/local/bin/node"
npm=$(dirname "$(dirname "$(readlink -f "$bin/npm")")")
mkdir -p "$root/usr/local/lib/node_modules"
cp -r "$npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
# How this machine reaches the registry.
for file in /etc/resolv.conf /etc/hosts "$HOME/.npmrc" "${NODE_EXTRA_CA_CERTS:-}"; do
  if [ -f "$file" ]; then mkdir -p "$root$(dirname "$file")" && cp "$file" "$root$file"; fi
done
mkdir "$root/app"
git archive HEAD | tar -x -C "$root/app"

fails=0
for start in first second; do
  said=$(chroot "$root" /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin sh -c 'cd /app && npm start --silent' 2>&1) && fails=1
  echo "--- $start start"
  echo "$said"
  last=$(echo "$said" | tail -n 1)
  [ "$last" = "Vigil needs libatomic.so.1, which is not installed here: apt-get install libatomic1, then start again." ] || fails=1
done
[ "$(echo "$said" | wc -l)" = 1 ] || fails=1
[ $fails = 0 ] && echo "kept" || echo "broken"
exit $fails
