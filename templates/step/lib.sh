# Runs as root on a host. Every step may run again at any time, also after one that was cut off half-way.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
STATE=/var/lib/congress-ha
# What the step puts, installs and starts, a line each: `make verify` compares it with what is there
# (tools/remote/drift.py). It is whole when the step ended well; while the step runs, or if it failed, there is none.
RECORD=$STATE/steps/${STEP:?}
mkdir -p "$STATE"
install -d -m 0700 "$STATE/steps"
rm -f "$RECORD"
: > "$RECORD.new"

die() {
  echo "$*" >&2
  exit 1
}

# Of a step that ends in any way: what it has put aside goes. A full disk has many words, so it gets one of its own.
at_exit() {
  local code=$? IFS=$' \t\n' used inodes mount
  [ "$code" = 0 ] || df --output=pcent,ipcent,target / "$STATE" /var/log /tmp 2> /dev/null | sort -u | while read -r used inodes mount; do
    [[ $used != 100% && $inodes != 100% ]] || echo "the disk $mount of $(hostname) is full: make room there, then run pulumi up again" >&2
  done
  rm -f -- "${aside[@]}"
}
aside=()
trap at_exit EXIT

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

record() {
  local IFS=$'\t'
  echo "$*" >> "$RECORD.new"
}

# record_file PATH...: files, links and folders as they are now.
record_file() {
  local path
  for path; do
    if [ -L "$path" ]; then
      record link "$path" "$(readlink "$path")"
    elif [ -d "$path" ]; then
      record folder "$path" "$(stat -c '%U:%G' "$path")" "$(stat -c %a "$path")"
    else
      record file "$path" "$(stat -c '%U:%G' "$path")" "$(stat -c %a "$path")" "$(sha256sum < "$path" | cut -d ' ' -f 1)"
    fi
  done
}

# The last line of every step.
keep_record() { mv "$RECORD.new" "$RECORD"; }

# put_file PATH OWNER:GROUP MODE < CONTENT: replaces the file in one move, and only if it differs.
put_file() {
  local new
  mkdir -p "$(dirname "$1")"
  # Of a step that was cut off in here: it may hold a secret.
  rm -f "$(dirname "$1")/.congress-ha.$(basename "$1")".??????
  new=$(mktemp "$(dirname "$1")/.congress-ha.$(basename "$1").XXXXXX")
  aside+=("$new")
  cat > "$new"
  chown "$2" "$new"
  chmod "$3" "$new"
  move_file "$new" "$1"
}

# move_file NEW PATH: puts NEW, with its owner and mode, in the place of PATH, and only if they differ.
move_file() {
  if same_file "$1" "$2"; then
    rm "$1"
  else
    forget "$2"
    mv -T "$1" "$2" || { rm "$1" && false; }
  fi
  sed -i "\\|^file\t$1\t|d" "$RECORD.new"
  record_file "$2"
}

same_file() { cmp -s "$1" "$2" && [ "$(stat -c '%F %U:%G %a' "$1")" = "$(stat -c '%F %U:%G %a' "$2")" ]; }

# put_link PATH TARGET: as put_file. A service may run with what another target holds.
put_link() {
  local note
  if [ "$(readlink "$1")" != "$2" ]; then
    for note in "$STATE"/*.runs-with; do
      if [ -e "$note" ] && cut -c 67- "$note" | grep -q "^$2/"; then rm "$note"; fi
    done
    ln -sfn "$2" "$1"
  fi
  record_file "$1"
}

# remove_unused_software FOLDER: Congress of earlier pins, 260 MB each, but for what something still runs from.
remove_unused_software() {
  local there
  for there in "$1"/congress-????????????; do
    [[ ${there##*-} =~ ^[0-9a-f]{12}$ && $there != "$(realpath "$1/congress")" ]] || continue
    grep -qsF -- "$there/" /proc/[0-9]*/maps || rm -rf -- "$there"
  done
}

# put_line PATH LINE: of a file that others write, too.
put_line() {
  grep -qxF -- "$2" "$1" || echo "$2" >> "$1"
  record line "$1" "$2"
}

# Debian asks this file whether a package may start its services; they start when they are configured, not before.
POLICY=/usr/sbin/policy-rc.d
POLICY_TEXT=$'#!/bin/sh\n# Of congress-ha, while packages are installed.\nexit 101'
start_nothing() {
  [ ! -e "$POLICY" ] || [ "$(cat "$POLICY")" = "$POLICY_TEXT" ] || return 0
  printf '%s\n' "$POLICY_TEXT" > "$POLICY"
  chmod 0755 "$POLICY"
  aside+=("$POLICY")
}

# apt waits for dpkg's lock, but not for that of its lists, which Debian's own timer takes as well.
fetch_lists() {
  local said end=$((SECONDS + 300))
  until said=$(apt-get update "$@" 2>&1); do
    [[ $said == *"Could not get lock"* && $SECONDS -lt $end ]] || { echo "$said" || true; return 1; }
    sleep 1
  done
}

# install_packages NAME...: asks the mirror only for what is missing.
install_packages() {
  local missing=() package log=$STATE/apt.log
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    record package "$package"
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local options=(-q -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold -o Acquire::Retries=3 -o Acquire::Languages=none)
  start_nothing
  # A package that an earlier, cut-off installation left half configured blocks every later one.
  dpkg --configure -a > "$log" 2>&1 || true
  { fetch_lists "${options[@]}" && apt-get install -y --no-install-recommends "${options[@]}" "${missing[@]}"; } \
    >> "$log" 2>&1 || die "apt could not install ${missing[*]}: $(grep -E '^(E|Err|W):' "$log" | tail -n 5 | redact)"
}

# runs_with NAME FILE...: whether the service runs with the files as they are now, as far as is noted. `sums`: of the files.
# Real paths, for a file may be put at one path and read at another.
runs_with() {
  local files note=$STATE/$1.runs-with
  files=$(realpath -e -- "${@:2}") || die "a file of $1 is missing"
  sums=$(xargs -d '\n' sha256sum <<< "$files")
  record runs-with "$1"
  [ "$sums" = "$(cat "$note" 2>/dev/null)" ]
}

note() { echo "$sums" > "$STATE/$1.runs-with"; }

# forget PATH: somebody may have edited this file and restarted its service; with the file put back, the note would
# tell that the service runs with it. Before the file is put back, so that a step that is cut off in between does no harm.
forget() {
  local note path
  path=$(realpath -- "$(dirname "$1")")/$(basename "$1")
  for note in "$STATE"/*.runs-with; do
    if [ -e "$note" ] && cut -c 67- "$note" | grep -qxF -- "$path"; then rm "$note"; fi
  done
}

# enable_unit UNIT...: starts at boot.
enable_unit() {
  local unit
  for unit; do
    systemctl unmask -q "$unit"
    systemctl enable -q "$unit"
    record unit "$unit"
  done
}

# bring_up_to_date restart|reload-or-restart UNIT FILE...: enabled, and running with the files as they are now.
# What it runs with is noted afterwards, so a step that was cut off in between does it again.
bring_up_to_date() {
  local verb=$1 unit=$2
  shift 2
  enable_unit "$unit"
  if ! runs_with "$unit" "$@" || ! systemctl is-active -q "$unit"; then
    systemctl "$verb" "$unit" || die "$unit does not start: $(last_lines "$unit")"
    note "$unit"
  fi
}
