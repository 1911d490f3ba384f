# shellcheck shell=bash
# What `up` requires of this machine, and what it announces before it changes anything.

# COMMAND:PACKAGE of the tools that `up` installs if they are missing.
lab_tools="systemd-nspawn:systemd-container mmdebstrap:mmdebstrap nft:nftables mkfs.xfs:xfsprogs mke2fs:e2fsprogs"

missing_packages() {
  local t missing=()
  for t in $lab_tools; do PATH=$PATH:/usr/sbin:/sbin command -v "${t%%:*}" > /dev/null || missing+=("${t#*:}"); done
  echo "${missing[*]}"
}

precheck() {
  command -v python3 > /dev/null || die "python3 is missing: apt-get install python3"
  local runs=; ! all_nodes_run || runs=1
  (
    export "${!LAB_@}" LAB_RUNS=$runs LAB_APT_SOURCES LAB_RESOLVERS
    LAB_APT_SOURCES=$(apt_sources); LAB_RESOLVERS=$(lab_resolvers)
    PYTHONPATH=$LAB_HOME/.. exec python3 -m lab.precheck
  ) || exit 1
}

announce() {
  local missing forward=; missing=$(missing_packages)
  [ "$(cat /proc/sys/net/ipv4/ip_forward)" != 0 ] || forward=", net.ipv4.ip_forward = 1"
  cat <<T
The lab $LAB_NAME changes this machine (lab/down stops it, lab/purge removes all but the packages):
  packages  ${missing:-none, all are installed}
  state     $LAB_STATE: 2 GiB, and what servers write
  network   bridges $LAB_MGMT_BRIDGE ($LAB_MGMT_CIDR) and $LAB_EXT_BRIDGE ($LAB_EXT_CIDR), network namespaces $(node_names | paste -sd ' '),
            nftables table ip $LAB_NFT_TABLE (NAT of both ranges)$forward
  kernel    one loop device per node and per server, control groups $LAB_CGROUP, about 6 GiB of memory
T
  if [ -e "$LAB_MARK/controller" ]; then echo "An existing lab starts in about 1 minute."
  else echo "A new lab takes 3 to 5 minutes and downloads 300 MB of Debian packages."; fi
}
