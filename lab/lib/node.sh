# shellcheck shell=bash disable=SC2034,SC2153 # render reads variables by their names
# Nodes: overlay over the common root file system, configuration, boot, stop.

# Replace @NAME@ by $NAME. The template names every value it wants, nothing else is touched.
render() { # FILE < template
  local t v; t=$(cat)
  for v in $( (grep -o '@[A-Z_]\+@' || true) <<< "$t" | sort -u | tr -d @); do
    [ -n "${!v+x}" ] || die "template wants @$v@, which is not set"
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
  # The services read their files as members of their own group; the files hold passwords.
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
    # Debian's uwsgi units (keystone, glance, placement): 8 to 16 processes are meant for a real host, and
    # the apparmor plugin is not there. uwsgi closes the connection after each response without saying so
    # (glance's file does say it); a client that reuses it after a 204, say to delete two things in a row,
    # now and then gets "Connection reset by peer".
    for f in keystone/keystone glance/glance-api placement/placement-api; do
      f=$R/etc/$f-uwsgi.ini
      sed -i -e 's/^processes = .*/processes = 2/' -e 's/^threads = .*/threads = 4/' \
        -e 's/python3,apparmor/python3/' -e '/^apparmor-profile/d' "$f"
      grep -q '^add-header = Connection: close' "$f" || sed -i '/^\[uwsgi\]/a add-header = Connection: close' "$f"
    done
  else
    chroot "$R" systemctl enable -q nova-compute neutron-linuxbridge-agent
  fi
  # All nodes share one machine-id otherwise, and libvirt its host id with it.
  [ -e "$LAB_STATE/node/$n/upper/etc/machine-id" ] || : > "$R/etc/machine-id"
  f=$LAB_STATE/node/$n/uuid
  [ -s "$f" ] || cat /proc/sys/kernel/random/uuid > "$f"
  grep -q '^host_uuid' "$R/etc/libvirt/libvirtd.conf" || echo "host_uuid = \"$(cat "$f")\"" >> "$R/etc/libvirt/libvirtd.conf"
}

boot_node() { # NODE
  local n=$1 h state
  node_pid "$n" > /dev/null && return 0
  mkdir -p /run/systemd "$LAB_RUN" # systemd-nspawn wants /run/systemd, which a machine without systemd lacks
  date +%s > "$LAB_RUN/$n.booted"
  (
    # Own cgroup per node in the two hierarchies systemd manages, else all nspawn machines share one and one's
    # systemd kills the other's processes. Only these two: in the others the node stays in this machine's
    # own accounting groups.
    for h in systemd unified; do
      mkdir -p "/sys/fs/cgroup/$h/$LAB_CGROUP/$n"; echo "$BASHPID" > "/sys/fs/cgroup/$h/$LAB_CGROUP/$n/cgroup.procs"
    done
    # USE_CGNS       the node sees its cgroup as root, libvirt can make its own below
    # SECCOMP=0      libvirt-lxc, neutron and rootwrap need what the filter forbids
    # API_VFS..      /proc/sys/net writable: the l3 agent gives a router up when "sysctl -w net..." fails
    # No --bind of /dev/loopN: nova's "umount /dev/loopN" would unmount that bind itself. lab-devices makes nodes.
    export SYSTEMD_NSPAWN_USE_CGNS=1 SYSTEMD_SECCOMP=0 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
    exec setsid systemd-nspawn -q -b -D "$(node_root "$n")" -M "$n" --register=no --keep-unit --capability=all \
      --network-namespace-path="/run/netns/$n" --resolv-conf=off --timezone=off --link-journal=no --console=pipe \
      --bind="$(node_instances "$n"):/var/lib/nova/instances" \
      --bind=/dev/loop-control --bind=/dev/net/tun --bind=/dev/fuse > "$LAB_LOG/$n.console" 2>&1 < /dev/null
  ) & echo $! > "$LAB_RUN/$n.pid"
  # 2 s on an idle machine, over a minute on one whose two cores are busy with the controller's schemas.
  local end=$((SECONDS + 180))
  while [ $SECONDS -lt $end ]; do
    # "starting" is enough (a compute host waits for the APIs), but systemctl calls only "running" a success.
    state=$(in_node "$n" systemctl is-system-running 2>/dev/null) || true
    case $state in running | degraded | starting) return 0;; esac
    sleep 0.5
  done
  die "$n did not boot (state: ${state:-none}), see $LAB_LOG/$n.console"
}

