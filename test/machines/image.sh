#!/bin/sh
# Image: builds the Dockerfile without a registry, on a Debian of debootstrap with the Node 26 of node_modules in the place of
# node:26-slim, and starts it for the first time in MEMORY (256m). It must be ready within 2 s. Prints what it took. As root, with
# debootstrap, buildah, podman and runc; takes five minutes. Where there is Docker: docker build . && docker run --memory 256m ...
set -eu
cd "$(dirname "$0")/../.."
memory=${MEMORY:-256m}
# The mirror of this machine, unless another is named.
mirror=${DEBIAN_MIRROR:-$(sed -n "s/^URIs: //p; s/^deb [^h]*\\(http[^ ]*\\).*/\\1/p" /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)}
work=$(mktemp -d)
store="--storage-driver vfs --root $work/store --runroot $work/run"
name=vigil-first-boot-$$
cleanup() {
  podman --runtime runc $store --cgroup-manager cgroupfs rm -f "$name" >/dev/null 2>&1 || true
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT

base=${DEBIAN_ROOT:-$work/base}
if [ ! -d "$base/usr" ]; then debootstrap --variant=minbase --include=libatomic1,ca-certificates bookworm "$base" "$mirror" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }; fi
cp node_modules/node/bin/node "$base/usr/local/bin/node"
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
mkdir -p "$base/usr/local/lib/node_modules"
[ -d "$base/usr/local/lib/node_modules/npm" ] || cp -r "$npm" "$base/usr/local/lib/node_modules/npm"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$base/usr/local/bin/npm"
grep -q '^node:' "$base/etc/passwd" || chroot "$base" useradd --uid 1000 --create-home node
# How this machine reaches the mirror and the registry.
cp -r /etc/apt/sources.list.d "$base/etc/apt/" 2>/dev/null || true
for file in /etc/resolv.conf /etc/hosts "${NODE_EXTRA_CA_CERTS:-}"; do
  if [ -f "$file" ]; then mkdir -p "$base$(dirname "$file")" && cp "$file" "$base$file"; fi
done

container=$(buildah $store from scratch)
buildah $store add -q "$container" "$base" / >/dev/null
buildah $store config --env PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
[ -z "${NODE_EXTRA_CA_CERTS:-}" ] || buildah $store config --env NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS" "$container"
buildah $store commit -q "$container" docker.io/library/node:26-slim >/dev/null
buildah $store rm "$container" >/dev/null
mkdir "$work/context"
git archive HEAD | tar -x -C "$work/context"
rc="$HOME/.npmrc"
[ -f "$rc" ] || : >"$work/npmrc" && rc=${rc:-$work/npmrc}
buildah $store bud -q --isolation chroot --pull-never --network host -v "$rc:/root/.npmrc:ro" -t vigil "$work/context" >"$work/build" 2>&1 || { cat "$work/build"; exit 1; }

port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
podman --runtime runc $store --cgroup-manager cgroupfs run -d --name "$name" --network host --memory "$memory" \
  --ulimit nofile=1024:4096 --ulimit nproc=1024:1024 -e PORT="$port" -e HOST=127.0.0.1 vigil >/dev/null
began=$(date +%s%N)
until node -e 'fetch(`http://127.0.0.1:${process.argv[1]}/readyz`).then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))' "$port"; do
  if [ $((($(date +%s%N) - began) / 1000000000)) -ge 60 ]; then
    podman --runtime runc $store --cgroup-manager cgroupfs logs "$name"
    echo "broken: not ready within 60 s"
    exit 1
  fi
done
podman --runtime runc $store --cgroup-manager cgroupfs logs "$name"
id=$(podman --runtime runc $store --cgroup-manager cgroupfs inspect --format '{{.Id}}' "$name")
peak=$(find /sys/fs/cgroup -path "*$id*" \( -name memory.max_usage_in_bytes -o -name memory.peak \) -exec cat {} + 2>/dev/null | sort -n | tail -n 1)
pid=$(podman --runtime runc $store --cgroup-manager cgroupfs inspect --format '{{.State.Pid}}' "$name")
resident=$(for one in $pid $(cat "/proc/$pid/task/$pid/children"); do sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$one/status"; done | sort -n | tail -n 1)
echo "memory allowed $memory, peak of the container $((${peak:-0} / 1048576)) MB (page cache counts), of the process $((resident / 1024)) MB"
