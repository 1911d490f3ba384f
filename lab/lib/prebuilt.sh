# shellcheck shell=bash
# The prebuilt image: the guest image with everything that a host of any role needs. image/recipe.py has its contents.

recipe() { PYTHONPATH=$LAB_HOME/.. python3 -m image.recipe "$@"; }

build_prebuilt() {
  local P=$LAB_STATE/prebuilt R
  R=$P/root
  clean_build "$P"
  mkdir -p "$P/plain"
  mount -o loop,ro "$LAB_STATE/guest.img" "$P/plain"
  cp -a "$P/plain" "$R"
  umount "$P/plain"
  mount -t proc proc "$R/proc"
  # The guest's own file is a link to one that exists only while it runs.
  mv "$R/etc/resolv.conf" "$R/etc/resolv.conf.guest"; cp "$(lab_resolv_conf)" "$R/etc/resolv.conf"
  recipe "$R/tmp/congress-ha"
  timeout 1200 chroot "$R" eatmydata bash /tmp/congress-ha/contents < /dev/null
  rm -r "$R/tmp/congress-ha"
  mv "$R/etc/resolv.conf.guest" "$R/etc/resolv.conf"
  umount "$R/proc"
  guest_file_system "$R" "$LAB_STATE/prebuilt.img" "$(($(du -sm "$R" | cut -f 1) * 5 / 4))M"
  cp "$R/usr/share/congress-ha/image.properties" "$LAB_STATE/prebuilt.properties"
  rm -rf "$P"
}
