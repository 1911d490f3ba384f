# shellcheck shell=bash
# The root file systems of nodes and of guests both start as a copy of one bootstrapped Debian.

# apt settings of this machine that nodes and guests need too.
apt_options() {
  echo 'Acquire::Check-Valid-Until "false";'
  local p; p=$(apt_proxy); [ -z "$p" ] || echo "Acquire::http::Proxy \"$p\";"
}

join_build_group() {
  mkdir -p "$(lab_group build)"
  echo "$BASHPID" > "$(lab_group build)/cgroup.procs"
}

clean_build() { # DIRECTORY: unmount and remove what an earlier build left
  [ ! -e "$1" ] || { unmount_below "$1"; rm -rf "$1"; }
}

build_common() {
  local C=$LAB_STATE/common
  clean_build "$C"
  apt_sources | timeout 600 mmdebstrap -q --variant=apt --dpkgopt=force-unsafe-io \
    --aptopt='Acquire::Languages "none"' --aptopt="$(apt_options)" \
    --include=systemd,systemd-sysv,dbus,libpam-systemd,iproute2,iputils-ping,ca-certificates,procps,curl,netbase,sudo,eatmydata,python3-minimal \
    "$LAB_SUITE" "$C" -
  # Nobody reads documentation and translations here, and they take time to unpack and copy. (As options of
  # mmdebstrap, the exclusions would filter every package, which takes 15 s.)
  rm -rf "$C"/usr/share/{man,doc,info,locale,lintian}/*
  printf 'path-exclude=/usr/share/%s/*\n' man doc info locale lintian > "$C/etc/dpkg/dpkg.cfg.d/lean"
}

new_root() { # DIRECTORY: copy the common system and prepare it for the installation of packages
  clean_build "$1"
  cp -a "$LAB_STATE/common" "$1"
  # No service may start inside the chroot while packages are installed.
  printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"; chmod +x "$1/usr/sbin/policy-rc.d"
  rm -f "$1/etc/resolv.conf"; cp "$(lab_resolv_conf)" "$1/etc/resolv.conf"
  mount -t proc proc "$1/proc"
}

install_packages() { # DIRECTORY PACKAGE...
  # shellcheck disable=SC2016 # "$@" is for the inner shell
  DEBIAN_FRONTEND=noninteractive timeout 900 chroot "$1" sh -c 'apt-get update -q && exec eatmydata apt-get install -y -q \
    --no-install-recommends -o Dpkg::Options::=--force-confold -o DPkg::Path=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$@"' apt "${@:2}"
}

finish_root() { # DIRECTORY
  umount "$1/proc"
  rm "$1/usr/sbin/policy-rc.d"
  chroot "$1" apt-get clean
}
