#!/usr/bin/env bash
# Images for scenarios that need containers, made from this machine's own programs, so that no registry
# is needed: `images.sh assay NAME` of the program in ASSAY (target/debug/assay), `images.sh postgres NAME`
# of Debian's PostgreSQL. For tests, never for production.
set -euo pipefail
cd "$(dirname "$0")/.."
what="$1" name="$2"
root="$(mktemp -d)"
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/data" "$root/etc" "$root/bin"
mkdir -p -m 1777 "$root/tmp"
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/data:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
chown 65534:65534 "$root/data"
case "$what" in
  assay)
    cp "${ASSAY:-target/debug/assay}" "$root/assay"
    mkdir -p "$root/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" 2>/dev/null || true
    strip --strip-debug "$root/assay" 2>/dev/null || true
    change=('ENTRYPOINT ["/assay"]' 'CMD ["backend", "--listen", "0.0.0.0:8000"]' 'ENV DATABASE_URL=sqlite:///data/backend.db')
    ;;
  postgres)
    bin="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)"
    [ -x "$bin/postgres" ] || { echo "images.sh: no PostgreSQL is installed" >&2; exit 1; }
    version="$(basename "$(dirname "$bin")")"
    mkdir -p "$root$bin" "$root/usr/share/postgresql" "$root/usr/share"
    cp "$bin"/{postgres,initdb} "$root$bin/"
    cp -r "$(dirname "$bin")/lib" "$root$(dirname "$bin")/"
    rm -rf "$root$(dirname "$bin")/lib/bitcode" "$root$(dirname "$bin")/lib"/*llvm*
    cp -r "/usr/share/postgresql/$version" "$root/usr/share/postgresql/"
    cp -r /usr/share/zoneinfo "$root/usr/share/"
    cp -L /bin/sh "$root/bin/sh"
    cat >"$root/start" <<START
#!/bin/sh
# Keeps its data in the container, as long as that is not removed.
cd /data
[ -s db/PG_VERSION ] || {
  $bin/initdb -D db -U platform_owner -A trust --no-sync --locale=C -E UTF8 >/dev/null || exit 1
  echo 'host all all all trust' >>db/pg_hba.conf
}
# As the image of the registry does: it ends without waiting for its clients to leave.
trap 'kill -INT \$server' TERM
$bin/postgres -D db -k /tmp -c 'listen_addresses=*' -c fsync=off &
server=\$!
wait \$server
wait \$server
START
    chmod 755 "$root/start"
    change=('ENTRYPOINT ["/start"]' 'EXPOSE 5432')
    ;;
  *) echo "images.sh: what is $what?" >&2; exit 2 ;;
esac
for library in $(find "$root" -type f -perm -100 -exec ldd {} + 2>/dev/null | grep -oE '/[^ ]+\.so[^ ]*' | grep -v "^$root" | sort -u) \
  $(find "$root" -name '*.so' -exec ldd {} + 2>/dev/null | grep -oE '/[^ ]+\.so[^ ]*' | grep -v "^$root" | sort -u); do
  [ ! -e "$root$library" ] || continue
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
changes=()
for one in "LABEL assay.stand-in=yes" 'USER nobody' 'WORKDIR /data' 'ENV PATH=/bin' "${change[@]}"; do changes+=(--change "$one"); done
tar -C "$root" -c . | docker import "${changes[@]}" - "$name" >/dev/null
echo "$name is made of this machine's programs"
