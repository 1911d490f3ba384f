# shellcheck shell=bash
# How `down` and `purge` stop the lab in any state: half built, killed, or after a reboot.

nodes_gone() { local n; for n in $(node_names); do ! node_pid "$n" > /dev/null || return 1; done; }
wait_until() { # SECONDS COMMAND...
  local end=$((SECONDS + $1)); shift
  until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.2; done
}

stop_nodes() { # SECONDS: grace for an orderly shutdown, then kill
  local n p
  if [ "$1" != 0 ]; then
    for n in $(node_names); do ! p=$(node_pid "$n") || kill -TERM "$p"; done
    wait_until "$1" nodes_gone || say "some nodes did not shut down in $1 s: killing them"
  fi
  # By control group, because a node survives the kill -9 of its systemd-nspawn.
  for n in $(node_names); do end_group "$n"; rm -f "$LAB_RUN/$n".{pid,booted}; done
}

unmount_node() { # NODE
  local I R d; I=$(node_instances "$1"); R=$(node_root "$1")
  # Loop devices that nova left attached keep the XFS busy. They show a path without prefix, so they are found
  # by the device of the file system that holds their backing file.
  if mountpoint -q "$I"; then
    d=$(mountpoint -d "$I")
    losetup -l -n -O NAME,BACK-MAJ:MIN | awk -v d="$d" '$2 == d {print $1}' | xargs -r -n1 losetup -d
    # The mount namespaces of killed processes disappear a little later.
    wait_until 20 umount -q "$I" || die "cannot unmount $I: fuser -vm $I shows who uses it"
  fi
  if mountpoint -q "$R"; then
    rm -f "/run/systemd/nspawn/locks/inode-$(stat -c %d:%i "$R")" # left by a systemd-nspawn that was killed
    wait_until 20 umount -q "$R" || die "cannot unmount $R: fuser -vm $R shows who uses it"
  fi
}

remove_cgroups() {
  local d memory; memory=$(awk -F: '$2 == "memory" {print $3}' /proc/self/cgroup)
  # libvirt creates "machine"; after a hard stop its empty directories remain in every hierarchy. (rmdir fails
  # for those in use, for example by another lab.)
  for d in /sys/fs/cgroup/{systemd,unified}/"$LAB_CGROUP" /sys/fs/cgroup/*/machine "/sys/fs/cgroup/memory$memory/machine"; do
    [ ! -d "$d" ] || find "$d" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

mount_points() { awk '{print $2}' /proc/mounts; }
# The lab's processes and networks are found by name, its folder only by LAB_STATE. If these belong to two labs,
# `down` and `purge` would kill one lab and keep its folder.
other_state_folder() { # prints the folder in which nodes of these names are mounted, if it is another one
  local n folders
  folders=$(for n in $(node_names); do mount_points | sed -n "s,/node/$n/root\$,,p"; done)
  grep -qxF -- "$LAB_STATE" <<< "$folders" || head -n 1 <<< "$folders"
}
lab_runs_or_has_networks() {
  local n
  for n in build $(node_names); do [ -z "$(group_pids "$(lab_group "$n")")" ] || return 0; done
  for n in $(node_names); do [ ! -e "/run/netns/$n" ] || return 0; done
  return 1
}
check_that_state_is_the_labs() {
  [ ! -e "$LAB_STATE" ] || is_lab_state || is_empty "$LAB_STATE" ||
    die "LAB_STATE=$LAB_STATE is not the folder of a lab: nothing was done; name the folder that lab/up was given"
  local other; other=$(other_state_folder)
  [ -z "$other" ] || die "lab $LAB_NAME has its folder in $other, not in LAB_STATE=$LAB_STATE: nothing was done; set LAB_STATE=$other"
  # An interrupted `purge` keeps the folder, which it removes last. If LAB_STATE is not set and there is no folder,
  # somebody removed it by hand.
  is_lab_state || [ -z "$state_is_given" ] || ! lab_runs_or_has_networks ||
    die "LAB_STATE=$LAB_STATE has no lab, and lab $LAB_NAME runs from another folder: nothing was done; name that folder, or unset LAB_STATE if the folder no longer exists"
}

# The lab's mark is removed last: without it, the next `purge` would refuse the leftovers of an interrupted one.
remove_state() {
  [ -e "$LAB_STATE" ] || return 0
  touch "$LAB_SIGN"
  find "$LAB_STATE" -mindepth 1 -maxdepth 1 ! -name "${LAB_SIGN##*/}" -exec rm -rf {} +
  rm -rf "$LAB_STATE"
}

lab_stop() { # SECONDS: grace
  local n
  end_group build
  stop_nodes "$1"; say "nodes stopped"
  for n in $(node_names); do unmount_node "$n"; done
  unmount_below "$LAB_STATE" # of a build that was cut off
  network_down
  remove_cgroups
}
