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
  [ -e "$I.xfs" ] || { truncate -s "$LAB_INSTANCES_SIZE" "$I.xfs"; mkfs.xfs -q -m reflink=1 "$I.xfs"; }
  mountpoint -q "$I" || { mount -o loop "$I.xfs" "$I"; chown "$(stat -c %u:%g "$LAB_BASE/var/lib/nova")" "$I"; }
  mountpoint -q "$R" || mount -t overlay overlay -o "lowerdir=$LAB_BASE,upperdir=$LAB_STATE/node/$n/upper,workdir=$LAB_STATE/node/$n/work" "$R"

  . "$LAB_STATE/secrets.env"
  MY_IP=$(node_ip "$n"); CONTROLLER_IP=$LAB_CONTROLLER_IP; MTU=$(lab_mtu); RESOLVER=$(lab_resolver)
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
  cp /etc/resolv.conf "$R/etc/resolv.conf"
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
  if [ ! -e "$LAB_STATE/node/$n/uuid" ]; then
    : > "$R/etc/machine-id"
    cat /proc/sys/kernel/random/uuid > "$LAB_STATE/node/$n/uuid"
    echo "host_uuid = \"$(cat "$LAB_STATE/node/$n/uuid")\"" >> "$R/etc/libvirt/libvirtd.conf"
  fi
}

boot_node() { # NODE
  local n=$1 h
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
    in_node "$n" systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded|starting' && return 0
    sleep 0.5
  done
  die "$n did not boot, see $LAB_LOG/$n.console"
}

stop_nodes() { # SECONDS: grace for an orderly shutdown, then kill
  local n p i
  for n in $(node_names); do p=$(node_pid "$n") && [ "$1" != 0 ] && kill -TERM "$p"; done
  for _ in $(seq $(( $1 * 5 ))); do
    for n in $(node_names); do node_pid "$n" > /dev/null && { sleep 0.2; continue 2; }; done; break
  done
  for n in $(node_names); do i=$(node_init "$n") && kill -KILL "$i"; done
  for _ in $(seq 50); do
    for n in $(node_names); do node_pid "$n" > /dev/null && { sleep 0.2; continue 2; }; done; break
  done
  for n in $(node_names); do node_pid "$n" > /dev/null && die "$n is still there"; rm -f "$LAB_RUN/$n".{pid,booted}; done
  true
}

unmount_node() { # NODE
  local I R d; I=$(node_instances "$1"); R=$(node_root "$1")
  # Loop devices nova left attached keep the XFS busy. They show a path without prefix, so look for the
  # device of the file system that holds their backing file.
  if mountpoint -q "$I"; then
    d=$(mountpoint -d "$I")
    losetup -l -n -O NAME,BACK-MAJ:MIN | awk -v d="$d" '$2 == d {print $1}' | xargs -r -n1 losetup -d
    umount "$I" || { sleep 1; umount "$I"; }
  fi
  ! mountpoint -q "$R" || umount "$R"
}

remove_cgroups() {
  local d
  # "machine" is libvirt's; after a hard stop its empty directories stay behind in every hierarchy.
  for d in /sys/fs/cgroup/{systemd,unified}/$LAB_CGROUP /sys/fs/cgroup/*/machine "/sys/fs/cgroup/memory$(awk -F: '$2 == "memory" {print $3}' /proc/self/cgroup)/machine"; do
    [ ! -d "$d" ] || find "$d" -depth -type d -exec rmdir {} \; 2>/dev/null
  done
  true
}

lab_stop() { # SECONDS: grace
  local n
  stop_nodes "$1"; say "nodes stopped"
  for n in $(node_names); do unmount_node "$n"; done
  network_down
  remove_cgroups
}
