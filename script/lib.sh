# shellcheck shell=bash
# Shared by the scripts in this folder: where we are, how to say things, how to set up and build. Sourced, never run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/landfall
export ROOT CACHE

say() { if [ -t 2 ]; then printf '\033[2m▸ %s\033[0m\n' "$*" >&2; else printf -- '- %s\n' "$*" >&2; fi; }
die() {
  printf 'landfall: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '          %s\n' "$line" >&2; done
  exit 2
}

# Runs a command as root: directly, or by sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    die "root is needed to run: $*" "Install sudo, or run as root, or install these packages by hand."
  fi
}

# Runs a command quietly, its output in a log; shows the end of the log when it fails.
quietly() {
  local log
  mkdir -p "$CACHE"
  log=$(mktemp "$CACHE/log.XXXXXX")
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
    return 0
  fi
  tail -n 30 "$log" >&2
  mv "$log" "$CACHE/failed.log"
  die "this failed: $*" "The whole log: $CACHE/failed.log"
}

# set_up GROUP...: packages of these groups, and OpenSSL >= 3.5. A no-op the second time.
set_up() {
  "$ROOT/script/packages" "$@"
  "$ROOT/script/openssl"
  if [ -e "$CACHE/openssl/.done" ]; then export LANDFALL_OPENSSL_PREFIX="$CACHE/openssl"; fi
}

# build PRESET TARGETS [CMAKE-OPTION...]: configures build/PRESET and builds TARGETS (one word, space separated).
build() {
  local preset=$1 targets=$2
  shift 2
  cd "$ROOT"
  if [ ! -e "build/$preset/build.ninja" ] || [ $# != 0 ]; then quietly cmake --preset "$preset" "$@"; fi
  say "building $targets ($preset)"
  # shellcheck disable=SC2086  # several targets
  if [ -t 2 ]; then
    cmake --build "build/$preset" --target $targets >&2
  else
    quietly cmake --build "build/$preset" --target $targets
  fi
}
