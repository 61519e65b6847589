#!/usr/bin/env bash
# Images for the proof, which needs no registry: on Debian its own Prometheus and Alertmanager under the
# names that compose.yaml asks for (of the same versions), elsewhere the real ones; this checkout's
# `assay`; a receiver of webhooks. An image that came from a registry is left as it is. Never for production.
#   stand-ins.sh FOLDER      FOLDER keeps the packages, and gets bin/ (promtool, amtool) and docker/
set -euo pipefail
cd "$(dirname "$0")/../.."

keep="$(mkdir -p "$1" && cd "$1" && pwd)"
assay="${ASSAY:-target/debug/assay}"
suite=trixie
packages=(prometheus promtool prometheus-alertmanager docker-compose busybox-static)

from="$keep/root/usr/bin"
mkdir -p "$keep/bin" "$from"
sources=/etc/apt/sources.list.d/debian.sources
debian="$([ -r "$sources" ] && echo yes || true)"
if [ -n "$debian" ]; then
  # The packages of that suite, unpacked: this machine's own packages stay as they are.
  if [ ! -e "$from/amtool" ]; then
    state="$keep/apt"
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    sed -E "s/^(Suites: ).*/\1$suite/" "$sources" | awk -v RS= '!/security/' >"$state/debian.sources"
    apt=(apt-get -qq -o "Dir::Etc::sourcelist=$state/debian.sources" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$state/lists"
      -o "Dir::Cache=$state/cache" -o APT::Sandbox::User=root)
    "${apt[@]}" update
    (cd "$state/cache" && "${apt[@]}" download "${packages[@]}")
    for package in "$state"/cache/*.deb; do dpkg-deb -x "$package" "$keep/root"; done
  fi
  mkdir -p "$keep/docker/cli-plugins"
  ln -sf "$keep/root/usr/libexec/docker/cli-plugins/docker-compose" "$keep/docker/cli-plugins/docker-compose"
else
  # Elsewhere the real images are pulled, and their tools taken out of them.
  for pair in prom/prometheus:v2.53.3=promtool prom/alertmanager:v0.28.1=amtool busybox:1.37.0-musl=busybox; do
    [ ! -e "$from/${pair#*=}" ] || continue
    made="$(docker create "${pair%=*}")"
    docker cp "$made:/bin/${pair#*=}" "$from/"
    docker rm "$made" >/dev/null
  done
fi
ln -sf "$from/promtool" "$from/amtool" "$keep/bin/"

docker info >/dev/null 2>&1 || exit 0      # no engine: the tools are all there is to make

# image NAME FOLDER CHANGE...: a folder, with the libraries that its programs are linked to, as an image.
image() {
  local name=$1 root=$2 changes=() library
  shift 2
  if [ -n "$(docker image inspect --format '{{join .RepoDigests ""}}' "$name" 2>/dev/null)" ]; then
    echo "$name came from a registry: used as it is"
    return
  fi
  for library in $(find "$root" -type f -perm -100 -exec ldd {} + 2>/dev/null | grep -oE '/[^ ]+\.so[^ ]*' | sort -u); do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
  mkdir -p "$root/etc"
  printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  mkdir -p -m 1777 "$root/tmp"
  for change in "LABEL assay.stand-in=yes" "$@"; do changes+=(--change "$change"); done
  echo "$name" >>"$keep/made"       # prove.sh removes them by it
  tar -C "$root" -c . | docker import "${changes[@]}" - "$name" >/dev/null
  echo "$name is a stand-in"
}
# busybox FOLDER NAME...: its commands, as upstream's images have them.
busybox() {
  local root=$1 name
  shift
  mkdir -p "$root/bin"
  cp "$from/busybox" "$root/bin/busybox"
  for name in sh "$@"; do ln -sf busybox "$root/bin/$name"; done
}
owned() { mkdir -p "$1" && chown 65534:65534 "$1"; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

if [ -n "$debian" ]; then
  root="$work/prometheus"
  busybox "$root" wget cat
  cp "$from/prometheus" "$root/bin/prometheus"
  owned "$root/prometheus"
  image prom/prometheus:v2.53.3 "$root" 'ENTRYPOINT ["/bin/prometheus"]' 'USER nobody' 'WORKDIR /prometheus' 'ENV PATH=/bin'

  root="$work/alertmanager"
  busybox "$root" wget cat
  cp "$from/prometheus-alertmanager" "$root/bin/alertmanager"
  mkdir -p "$root/usr/share/prometheus"
  cp -r "$keep/root/usr/share/prometheus/alertmanager" "$root/usr/share/prometheus/"
  owned "$root/alertmanager"
  image prom/alertmanager:v0.28.1 "$root" 'ENTRYPOINT ["/bin/alertmanager"]' 'USER nobody' 'WORKDIR /alertmanager' 'ENV PATH=/bin'
fi

# As docker/Dockerfile lays it out, with a program that is linked dynamically and was built already.
root="$work/assay"
mkdir -p "$root/etc/ssl/certs"
cp "$assay" "$root/assay"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
owned "$root/data"
image "${ASSAY_IMAGE:-assay-proof:latest}" "$root" 'ENTRYPOINT ["/assay"]' 'CMD ["backend", "--listen", "0.0.0.0:8000"]' \
  'USER 65534:65534' 'WORKDIR /data' 'ENV DATABASE_URL=sqlite:///data/backend.db'

# Keeps what is posted to /cgi-bin/NAME as a line of /tmp/NAME.
root="$work/sink"
busybox "$root" httpd cat head basename
mkdir -p "$root/www/cgi-bin"
cat >"$root/www/cgi-bin/on-call" <<'CGI'
#!/bin/sh
body="$(head -c "$CONTENT_LENGTH")"
printf '%s\n' "$body" >>"/tmp/$(basename "$0")"
printf 'Content-Type: text/plain\r\n\r\nkept\n'
CGI
cp "$root/www/cgi-bin/on-call" "$root/www/cgi-bin/tickets"
chmod 755 "$root"/www/cgi-bin/*
image assay-proof-sink:latest "$root" 'ENTRYPOINT ["/bin/httpd", "-f", "-p", "9095", "-h", "/www"]' 'USER nobody' 'ENV PATH=/bin'
