#!/usr/bin/env bash
# Proves the stack: what can be told without starting it, then the stack itself, started, loaded, broken
# and mended, with stand-ins for the images that a registry would give. docker/README.md says what each
# stage shows. Ends with 1 if one failed.
#   docker/prove.sh [--static] [--planted]
#     --static    only what needs no container engine
#     --planted   also give each check an error that it must find
# ASSAY is the program (target/debug/assay by default). Files go to target/proof.
set -euo pipefail
cd "$(dirname "$0")/.."

static='' planted=''
for argument in "$@"; do
  case "$argument" in
    --static) static=yes ;;
    --planted) planted=--planted ;;
    *) echo "prove.sh: what is $argument?" >&2; exit 2 ;;
  esac
done
export ASSAY="${ASSAY:-target/debug/assay}" ASSAY_IMAGE=assay-proof:latest
[ -x "$ASSAY" ] || { echo "prove.sh: there is no $ASSAY: cargo build --workspace" >&2; exit 2; }
keep=target/proof
stage() { printf '\n-- %s\n' "$*"; }

stage "tools and images"
# Before it makes any, so that what was made is removed however this ends.
mkdir -p "$keep"
: >"$keep/made"
# Nobody shall start a stand-in for the real thing later on. By name: others' stand-ins have the label, too.
gone() { xargs -r docker image rm -f <"$keep/made" >/dev/null 2>&1 || true; }
trap gone EXIT
docker/proof/stand-ins.sh "$keep"
# Debian's Compose, where it was fetched.
[ ! -d "$keep/docker" ] || export DOCKER_CONFIG="$PWD/$keep/docker"
python3 -m venv "$keep/python"
"$keep/python/bin/pip" install -q 'grafana-foundation-sdk==1769699379!11.6.0' 'pyyaml==6.0.3' 'grpcio==1.85.3' 'opentelemetry-proto==1.45.2' 'prometheus-client==0.23.1' 'promql-parser==0.12.0'

stage "without a container engine"
"$keep/python/bin/python" docker/proof/static.py "$keep/bin" "$ASSAY" $planted
"$keep/python/bin/python" docker/proof/traces.py "$ASSAY" $planted
"$keep/python/bin/python" docker/proof/metrics.py "$ASSAY" $planted

[ -z "$static" ] || exit 0
if ! docker info >/dev/null 2>&1; then
  if [ -n "${CI:-}" ]; then
    echo "FAIL the stack was not started: no container engine answers" >&2
    exit 1
  fi
  echo "SKIPPED: no container engine answers, so the stack was not started and nothing is known of it running"
  exit 0
fi

stage "the stack, thirty times as fast"
rm -rf "$keep/slo" "$keep/quick" "$keep/runs"
mkdir -p "$keep/runs"
"$ASSAY" slo rules slo/objectives/backend.yaml --out "$keep/slo"
python3 docker/proof/quick.py "$keep/slo/rules.yaml" "$keep/quick"
"$keep/python/bin/python" docker/proof/live.py "$ASSAY" "$keep/quick" "$keep/runs" $planted
