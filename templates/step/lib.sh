# Runs as root on a host. Every step may run again at any time, also after one that was cut off half-way.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
STATE=/var/lib/congress-ha
mkdir -p "$STATE"

die() {
  echo "$*" >&2
  exit 1
}

# Every address with a login in it, as in transport_url, loses the login; greedy, for a password may hold an @.
redact() { sed -E 's#://[^/ ]*@#://***@#g'; }

# last_lines UNIT: what the unit said last, for an error text.
last_lines() { journalctl --no-pager -q -o cat -n 15 -u "$1" 2>&1 | redact; }

# wait_until SECONDS COMMAND...: true as soon as the command is, false at the deadline.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.3
  done
}

# put_file PATH OWNER:GROUP MODE < CONTENT: replaces the file in one move, and only if it differs.
put_file() {
  local new
  mkdir -p "$(dirname "$1")"
  new=$(mktemp "$(dirname "$1")/.congress-ha.XXXXXX")
  cat > "$new"
  chown "$2" "$new"
  chmod "$3" "$new"
  if cmp -s "$new" "$1" && [ "$(stat -c '%U:%G %a' "$1")" = "$(stat -c '%U:%G %a' "$new")" ]; then
    rm "$new"
  else
    mv "$new" "$1"
  fi
}

# Debian asks this file whether a package may start its services; they start when they are configured, not before.
POLICY=/usr/sbin/policy-rc.d
POLICY_TEXT=$'#!/bin/sh\n# Of congress-ha, while packages are installed.\nexit 101'
start_nothing() {
  [ ! -e "$POLICY" ] || [ "$(cat "$POLICY")" = "$POLICY_TEXT" ] || return 0
  printf '%s\n' "$POLICY_TEXT" > "$POLICY"
  chmod 0755 "$POLICY"
  trap 'rm -f "$POLICY"' EXIT
}

# install_packages NAME...: asks the mirror only for what is missing.
install_packages() {
  local missing=() package log=$STATE/apt.log
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local options=(-q -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold -o Acquire::Retries=3 -o Acquire::Languages=none)
  start_nothing
  # A package that an earlier, cut-off installation left half configured blocks every later one.
  dpkg --configure -a > "$log" 2>&1 || true
  { apt-get update "${options[@]}" && apt-get install -y --no-install-recommends "${options[@]}" "${missing[@]}"; } \
    >> "$log" 2>&1 || die "apt could not install ${missing[*]}: $(grep -E '^(E|Err|W):' "$log" | tail -n 5 | redact)"
}

# bring_up_to_date restart|reload-or-restart UNIT FILE...: if the unit does not run with the files as they are now.
# What it runs with is noted afterwards, so a step that was cut off in between does it again.
bring_up_to_date() {
  local verb=$1 unit=$2 current note
  shift 2
  note=$STATE/$unit.runs-with
  current=$(sha256sum "$@")
  if [ "$current" != "$(cat "$note" 2>/dev/null)" ] || ! systemctl is-active -q "$unit"; then
    systemctl "$verb" "$unit" || die "$unit does not start: $(last_lines "$unit")"
    echo "$current" > "$note"
  fi
}
