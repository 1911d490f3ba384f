# For every script that runs as root on a host: steps, and what ops/ sends there.
set -euo pipefail

die() {
  echo "$*" >&2
  exit 1
}

# Removes the login from every URL, such as transport_url. The match is greedy, because a password may contain an @.
redact() { sed -E 's#://[^/ ]*@#://***@#g'; }

# last_lines UNIT: the end of the unit's log, for an error text.
last_lines() { journalctl --no-pager -q -o cat -n 15 -u "$1" 2>&1 | redact; }

# wait_until SECONDS COMMAND...: repeats the command until it succeeds; fails at the deadline.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.3
  done
}
