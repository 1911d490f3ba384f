# The contents of the prebuilt image: runs as root in its root file system. image/recipe.py puts it after the library of the
# steps, the lists, and the functions of the virtual environment.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
options=(-q -o Dpkg::Options::=--force-confold -o Acquire::Retries=3 -o Acquire::Languages=none)
start_nothing
# Security updates of the day.
{ fetch_lists "${options[@]}" && apt-get dist-upgrade -y --no-install-recommends "${options[@]}"; } > "$STATE/apt.log" 2>&1 \
  || die "apt could not upgrade the image: $(grep -E '^(E|Err|W):' "$STATE/apt.log" | tail -n 5 | redact)"

# Services that start at boot: units, and scripts of packages without a unit.
enabled() {
  find /etc/systemd/system -path '*.wants/*' -type l -printf '%f\n'
  find /etc/rc2.d -name 'S*' -printf '%f\n' 2> /dev/null | sed -E 's/^S[0-9]+//; s/$/.service/'
}
install_packages "${on_every_host[@]}"
before=$(enabled)
install_packages "${packages[@]}"
systemctl mask -q "${masked[@]}"
unknown=()
while read -r unit; do
  [[ " ${harmless[*]} " == *" $unit "* || "$(readlink "/etc/systemd/system/$unit")" = /dev/null ]] || unknown+=("$unit")
done < <(enabled | grep -vxF -- "$before" | sort -u)
[ ${#unknown[@]} = 0 ] || die "Debian's packages would start ${unknown[*]} on every host: add it to MASKED in image/recipe.py"

# Variables of the machine that builds name files that the image does not have.
unset "${!PIP_@}" "${!UV_@}" "${!SSL_CERT_@}" REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
if [ -e "$here/ca.pem" ]; then export PIP_CERT=$here/ca.pem SSL_CERT_FILE=$here/ca.pem; fi
# shellcheck source=/dev/null
. "$here/index.env"
install_congress > "$STATE/software.log" 2>&1 \
  || die "Congress could not be installed from the package index: $(tail -n 5 "$STATE/software.log" | redact)"
# Each host's step compiles what a node imports, and finds it compiled. It cannot be imported here: that needs our package,
# which a step puts into the environment. Exit status 1: some file is not for this Python.
"$venv/bin/python" -m compileall -q -j 0 -x '/(pip|setuptools|tests?)/' "$venv"/lib/python3*/site-packages > "$STATE/software.log" 2>&1 \
  || [ $? = 1 ]

mkdir -p "$(dirname "$properties")"
{
  echo "congress_ha_recipe=$recipe"
  echo "congress_ha_built=$(date -u +%F)"
  echo "congress_ha_congress=$("$venv/bin/python" -c 'from importlib.metadata import version; print(version("openstack-congress"))')"
  for package in "${shown[@]}"; do
    echo "congress_ha_${package//-/_}=$(dpkg-query -W -f '${Version}' "$package")"
  done
} > "$properties"

# What each host has for itself. RabbitMQ's step makes a new cookie.
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/rabbitmq/.erlang.cookie
: > /etc/machine-id
apt-get clean
rm -rf "$STATE" /root/.cache
