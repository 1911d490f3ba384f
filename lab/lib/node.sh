# shellcheck shell=bash disable=SC2034,SC2153 # render reads variables by their names
# Nodes: overlay over the common root file system, configuration, boot, stop.

# Replace each @NAME@ of the template with $NAME; everything else stays.
render() { # FILE < template
  local t v; t=$(cat)
  for v in $( (grep -o '@[A-Z_]\+@' || true) <<< "$t" | sort -u | tr -d @); do
    [ -n "${!v+x}" ] || die "the template needs @$v@, which is not set"
    t=${t//"@$v@"/${!v}}
  done
  printf '%s\n' "$t" > "$1"
}

make_node() { # NODE: mount its root and its instances, write its configuration
  local n=$1 R I f t s MY_IP PROVIDER_MAPPING CPU_OVERCOMMIT RAM_OVERCOMMIT DISK_OVERCOMMIT MTU RESOLVER CONTROLLER_IP
  R=$(node_root "$n"); I=$(node_instances "$n")
  mkdir -p "$LAB_STATE/node/$n"/{root,instances,upper,work}
  # XFS with reflink: nova's copy of the 1 GB image to a server's disk takes 45 ms and no space.
  if [ ! -e "$I.xfs" ]; then
    truncate -s "$LAB_INSTANCES_SIZE" "$I.xfs.new"; mkfs.xfs -f -q -m reflink=1 "$I.xfs.new"; mv "$I.xfs.new" "$I.xfs"
  fi
  mountpoint -q "$I" || { mount -o loop "$I.xfs" "$I"; chown "$(stat -c %u:%g "$LAB_BASE/var/lib/nova")" "$I"; }
  mountpoint -q "$R" || mount -t overlay overlay -o "lowerdir=$LAB_BASE,upperdir=$LAB_STATE/node/$n/upper,workdir=$LAB_STATE/node/$n/work" "$R"

  # shellcheck source=/dev/null
  . "$LAB_STATE/secrets.env"
  MY_IP=$(node_ip "$n"); CONTROLLER_IP=$LAB_CONTROLLER_IP; MTU=$(lab_mtu); RESOLVER=$(lab_resolvers | head -1)
  read -r CPU_OVERCOMMIT RAM_OVERCOMMIT DISK_OVERCOMMIT <<< "$LAB_OVERCOMMIT"
  PROVIDER_MAPPING=; [ "$n" != "$LAB_CONTROLLER" ] || PROVIDER_MAPPING=external:ext0
  (cd "$LAB_HOME/node/etc" && find . -type f) | while read -r f; do
    mkdir -p "$(dirname "$R/etc/$f")"; render "$R/etc/$f" < "$LAB_HOME/node/etc/$f"; chmod --reference="$LAB_HOME/node/etc/$f" "$R/etc/$f"
  done
  install -m 755 "$LAB_HOME"/node/sbin/* "$R/usr/local/sbin/"
  chroot "$R" dpkg-divert --quiet --add --rename --divert /usr/lib/libvirt/libvirt_lxc.real /usr/lib/libvirt/libvirt_lxc
  ln -sf /usr/local/sbin/libvirt_lxc "$R/usr/lib/libvirt/libvirt_lxc"
  # The files contain passwords, so only the group of each service may read them.
  for s in keystone glance placement nova neutron; do
    chroot "$R" find "/etc/$s" -name '*.conf' -exec chgrp "$s" {} + -exec chmod 640 {} +
    chroot "$R" find "/etc/$s" -name '*.ini' -path '*agent*' -exec chgrp "$s" {} + -exec chmod 640 {} +
  done
  echo "$n" > "$R/etc/hostname"
  { echo "127.0.0.1 localhost"; for t in $LAB_NODES; do echo "${t#*=} ${t%%=*}"; done; } > "$R/etc/hosts"
  cp "$(lab_resolv_conf)" "$R/etc/resolv.conf"
  chroot "$R" systemctl enable -q lab-devices libvirtd
  if [ "$n" = "$LAB_CONTROLLER" ]; then
    chroot "$R" systemctl enable -q mariadb rabbitmq-server memcached
    mkdir -p "$R/opt/lab"; install -m 755 "$LAB_HOME"/node/{configure-controller,content.py,ready.py} "$R/opt/lab/"
    # Debian's uwsgi files (keystone, glance, placement) start 8 to 16 processes, for a real host, and load the
    # apparmor plugin, which is not installed. uwsgi closes the connection after each response without announcing
    # it (glance's file does announce it). A client that reuses the connection after a 204, for example to delete
    # two objects in a row, sometimes gets "Connection reset by peer".
    for f in keystone/keystone glance/glance-api placement/placement-api; do
      f=$R/etc/$f-uwsgi.ini
      sed -i -e 's/^processes = .*/processes = 2/' -e 's/^threads = .*/threads = 4/' \
        -e 's/python3,apparmor/python3/' -e '/^apparmor-profile/d' "$f"
      grep -q '^add-header = Connection: close' "$f" || sed -i '/^\[uwsgi\]/a add-header = Connection: close' "$f"
    done
  else
    chroot "$R" systemctl enable -q nova-compute neutron-linuxbridge-agent
  fi
  # Otherwise all nodes would have the same machine-id and, derived from it, the same libvirt host id.
  [ -e "$LAB_STATE/node/$n/upper/etc/machine-id" ] || : > "$R/etc/machine-id"
  f=$LAB_STATE/node/$n/uuid
  [ -s "$f" ] || cat /proc/sys/kernel/random/uuid > "$f"
  grep -q '^host_uuid' "$R/etc/libvirt/libvirtd.conf" || echo "host_uuid = \"$(cat "$f")\"" >> "$R/etc/libvirt/libvirtd.conf"
}

boot_node() { # NODE
  local n=$1 h state
  node_pid "$n" > /dev/null && return 0
  mkdir -p /run/systemd "$LAB_RUN" # systemd-nspawn needs /run/systemd, which a machine without systemd lacks
  date +%s > "$LAB_RUN/$n.booted"
  (
    # A cgroup per node in the two hierarchies that systemd manages. Otherwise all nspawn machines share one, and
    # the systemd of one kills the processes of the others. In the other hierarchies the node stays in the
    # accounting groups of this machine.
    for h in systemd unified; do
      mkdir -p "/sys/fs/cgroup/$h/$LAB_CGROUP/$n"; echo "$BASHPID" > "/sys/fs/cgroup/$h/$LAB_CGROUP/$n/cgroup.procs"
    done
    # USE_CGNS       the node sees its cgroup as the root, and libvirt can create its own below it
    # SECCOMP=0      libvirt-lxc, neutron and rootwrap need calls that the filter forbids
    # API_VFS..      /proc/sys/net is writable: the L3 agent abandons a router if "sysctl -w net..." fails
    # No --bind of /dev/loopN: nova's "umount /dev/loopN" would unmount the bind. lab-devices creates the devices.
    export SYSTEMD_NSPAWN_USE_CGNS=1 SYSTEMD_SECCOMP=0 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
    exec setsid systemd-nspawn -q -b -D "$(node_root "$n")" -M "$n" --register=no --keep-unit --capability=all \
      --network-namespace-path="/run/netns/$n" --resolv-conf=off --timezone=off --link-journal=no --console=pipe \
      --bind="$(node_instances "$n"):/var/lib/nova/instances" \
      --bind=/dev/loop-control --bind=/dev/net/tun --bind=/dev/fuse > "$LAB_LOG/$n.console" 2>&1 < /dev/null
  ) & echo $! > "$LAB_RUN/$n.pid"
  # It takes 2 s on an idle machine, and over a minute while the controller's schemas keep both cores busy.
  local end=$((SECONDS + 180))
  while [ $SECONDS -lt $end ]; do
    # "starting" is enough (a compute host waits for the APIs), but systemctl succeeds only if "running".
    state=$(in_node "$n" systemctl is-system-running 2>/dev/null) || true
    case $state in running | degraded | starting) return 0;; esac
    sleep 0.5
  done
  die "$n did not boot (state: ${state:-none}), see $LAB_LOG/$n.console"
}

