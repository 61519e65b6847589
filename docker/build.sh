#!/usr/bin/env bash
# Builds the image of `assay` from this checkout: docker/build.sh [NAME], `assay:latest` by default.
# The program is built here, not in a container, so no other image is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

name="${1:-assay:latest}"
triple="$(rustc -vV | sed -n 's/^host: //p')"
case "$triple" in
  *-linux-gnu | *-linux-musl) ;;
  *) echo "build.sh: the image holds a Linux program, and this host is $triple" >&2; exit 2 ;;
esac
bundle="${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}"
if [ ! -r "$bundle" ]; then
  echo "build.sh: no bundle of authorities at $bundle: install ca-certificates, or name one in SSL_CERT_FILE" >&2
  exit 2
fi

RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" CARGO_PROFILE_RELEASE_STRIP=true \
  cargo build --release --workspace --target "$triple"

context="$(mktemp -d)"
trap 'rm -rf "$context"' EXIT
cp "${CARGO_TARGET_DIR:-target}/$triple/release/assay" "$context/assay"
cp "$bundle" "$context/ca-certificates.crt"
echo 'nobody:x:65534:65534:nobody:/data:/sbin/nologin' > "$context/passwd"
echo 'nogroup:x:65534:' > "$context/group"
mkdir "$context/data"
docker build --quiet --tag "$name" --file docker/Dockerfile "$context"
echo "built $name"
