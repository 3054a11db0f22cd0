# Shared by the scripts in this folder: where we are, how to say things, how to become root. Sourced, never run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/landfall
export ROOT CACHE

say() { printf '\033[2m▸\033[0m %s\n' "$*" >&2; }
die() { printf 'landfall: %s\n' "$1" >&2; shift; for line in "$@"; do printf '          %s\n' "$line" >&2; done; exit 2; }

# Runs a command as root: directly, or by sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo -- "$@"
  else die "root is needed to run: $*" "Install sudo, or run as root, or install these packages by hand."; fi
}

# Runs a command quietly, its output in a log; shows the end of the log when it fails.
quietly() {
  local log; log=$(mktemp)
  if "$@" >"$log" 2>&1; then rm -f "$log"; return 0; fi
  tail -n 30 "$log" >&2; mv "$log" "${CACHE}/failed.log" 2>/dev/null || true
  die "this failed: $*" "The whole log: ${CACHE}/failed.log"
}

# Every build runs against OpenSSL >= 3.5; on a system without it, against the private copy of script/openssl.
use_openssl() {
  if pkg-config --atleast-version=3.5 libcrypto 2>/dev/null && [ ! -e "$CACHE/openssl/lib/libcrypto.so" ]; then return 0; fi
  export LANDFALL_OPENSSL_PREFIX="$CACHE/openssl"
}
