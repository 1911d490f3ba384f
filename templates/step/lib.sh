# Follows functions.sh in every step. Every step may run again at any time, also after a run that was interrupted.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
STATE=/var/lib/congress-ha
# The step records here what it writes, installs and starts, one line each, with tabs between the fields. `make verify`
# compares the record with the host (ops/remote/drift.py). The record exists only after the step has succeeded.
RECORD=$STATE/steps/${STEP:?}
mkdir -p "$STATE"
install -d -m 0700 "$STATE/steps"
rm -f "$RECORD"
: > "$RECORD.new"

# Removes the step's temporary files however the step ends. After a failure, it names a full disk, because programs report
# that in many different ways.
at_exit() {
  local code=$? IFS=$' \t\n' used inodes mount
  [ "$code" = 0 ] || df --output=pcent,ipcent,target / "$STATE" /var/log /tmp 2> /dev/null | sort -u | while read -r used inodes mount; do
    [[ $used != 100% && $inodes != 100% ]] || echo "the disk $mount of $(hostname) is full: make room there, then run pulumi up again" >&2
  done
  rm -f -- "${aside[@]}"
}
aside=()
trap at_exit EXIT

record() {
  local IFS=$'\t'
  echo "$*" >> "$RECORD.new"
}

# record_file PATH...: records files, links and folders as they are now.
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

# The last command of every step.
keep_record() { mv "$RECORD.new" "$RECORD"; }

# put_file PATH OWNER:GROUP MODE < CONTENT: replaces the file in one move, and only if it differs.
put_file() {
  local new
  mkdir -p "$(dirname "$1")"
  # Left over from an interrupted run; it may contain a secret.
  rm -f "$(dirname "$1")/.congress-ha.$(basename "$1")".??????
  new=$(mktemp "$(dirname "$1")/.congress-ha.$(basename "$1").XXXXXX")
  aside+=("$new")
  cat > "$new"
  chown "$2" "$new"
  chmod "$3" "$new"
  move_file "$new" "$1"
}

# move_file NEW PATH: replaces PATH by NEW, with NEW's owner and mode, and only if they differ.
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

# put_link PATH TARGET: as put_file. With a new target, services that run with files of the former one restart later.
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

# remove_unused_software FOLDER: deletes virtual environments of earlier pins, 260 MB each, that no process uses.
remove_unused_software() {
  local venv
  for venv in "$1"/congress-????????????; do
    [[ ${venv##*-} =~ ^[0-9a-f]{12}$ && $venv != "$(realpath "$1/congress")" ]] || continue
    grep -qsF -- "$venv/" /proc/[0-9]*/maps || rm -rf -- "$venv"
  done
}

# put_line PATH LINE: adds a line to a file that other programs write, too.
put_line() {
  grep -qxF -- "$2" "$1" || echo "$2" >> "$1"
  record line "$1" "$2"
}

# Debian's packages run this file before they start services. Services start only when they are configured.
POLICY=/usr/sbin/policy-rc.d
POLICY_TEXT=$'#!/bin/sh\n# Of congress-ha, while packages are installed.\nexit 101'
start_nothing() {
  [ ! -e "$POLICY" ] || [ "$(cat "$POLICY")" = "$POLICY_TEXT" ] || return 0
  printf '%s\n' "$POLICY_TEXT" > "$POLICY"
  chmod 0755 "$POLICY"
  aside+=("$POLICY")
}

# apt waits for dpkg's lock, but not for the lock of the package lists, which Debian's own timer also takes.
fetch_lists() {
  local out end=$((SECONDS + 300))
  until out=$(apt-get update "$@" 2>&1); do
    [[ $out == *"Could not get lock"* && $SECONDS -lt $end ]] || { echo "$out" || true; return 1; }
    sleep 1
  done
}

# install_packages NAME...: uses the mirror only for missing packages.
install_packages() {
  local missing=() package log=$STATE/apt.log
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    record package "$package"
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local options=(-q -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold -o Acquire::Retries=3 -o Acquire::Languages=none)
  start_nothing
  # A half-configured package of an interrupted installation blocks every later installation.
  dpkg --configure -a > "$log" 2>&1 || true
  { fetch_lists "${options[@]}" && apt-get install -y --no-install-recommends "${options[@]}" "${missing[@]}"; } \
    >> "$log" 2>&1 || die "apt could not install ${missing[*]}: $(grep -E '^(E|Err|W):' "$log" | tail -n 5 | redact)"
}

# runs_with NAME FILE...: whether the service runs with the current files, according to its note. Sets `sums`.
# It uses real paths, because a file may be written at one path and read at another.
runs_with() {
  local files note=$STATE/$1.runs-with
  files=$(realpath -e -- "${@:2}") || die "a file of $1 is missing"
  sums=$(xargs -d '\n' sha256sum <<< "$files")
  record runs-with "$1"
  [ "$sums" = "$(cat "$note" 2>/dev/null)" ]
}

note() { echo "$sums" > "$STATE/$1.runs-with"; }

# forget PATH: deletes the notes that name this file. Somebody may have edited the file and restarted the service; after
# the step has restored the file, the note would wrongly say that the service runs with it. It is called before the file
# is restored, so an interruption in between does no harm.
forget() {
  local note path
  path=$(realpath -- "$(dirname "$1")")/$(basename "$1")
  for note in "$STATE"/*.runs-with; do
    if [ -e "$note" ] && cut -c 67- "$note" | grep -qxF -- "$path"; then rm "$note"; fi
  done
}

# enable_unit UNIT...: the units start at boot.
enable_unit() {
  local unit
  for unit; do
    systemctl unmask -q "$unit"
    systemctl enable -q "$unit"
    record unit "$unit"
  done
}

# bring_up_to_date restart|reload-or-restart UNIT FILE...: enables the unit and lets it run with the current files.
# The note is written afterwards, so the next run repeats an interrupted one.
bring_up_to_date() {
  local verb=$1 unit=$2
  shift 2
  enable_unit "$unit"
  if ! runs_with "$unit" "$@" || ! systemctl is-active -q "$unit"; then
    systemctl "$verb" "$unit" || die "$unit does not start: $(last_lines "$unit")"
    note "$unit"
  fi
}
