# shellcheck shell=bash
# Shared by the scripts: the checkout's root, messages, timed stages.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # used by the scripts that source this
stack=${STACK:-dev}
lab_state=${LAB_STATE:-/var/lib/congress-lab}

say() { printf '%s\n' "$*"; }

die() {
  printf '%s\n' "$@" >&2
  exit 1
}

# takes_nothing "$@": `scripts/down --help` must not remove anything.
takes_nothing() { (($# == 0)) || die "${0##*/}: nothing was done: it takes no arguments, but settings, NAME=text to make: $*"; }

# The name is a part of paths: nothing may lead out of .state.
part='[A-Za-z0-9_][A-Za-z0-9_.-]*'
[[ $stack =~ ^$part(/$part){0,2}$ ]] ||
  die "STACK=${stack@Q} is no name of a stack: letters, digits, _ - . and at most two /, as in organization/project/name"

# .state/$stack is the stack's folder, which `make down` removes. These are no stack's: dev's backend, passphrase and
# settings, logs, pip-audit.
case ${stack%%/*} in
pulumi | passphrase | Pulumi.* | up-*.log | audit)
  die "STACK=$stack cannot be used: .state/${stack%%/*} is this checkout's own; give the stack another name"
  ;;
esac

# Tells whether stack dev exists, asking neither the engine nor the cloud.
dev_stack_exists() { compgen -G "$root/.state/pulumi/.pulumi/stacks/*/dev.json" >/dev/null; }

make_private_folder() { (umask 077 && mkdir -p "$1"); }

# Prints the setting NAME of pip (cert, index-url, ...), from its environment or its files, if there is one.
pip_setting() {
  "$root/.venv/bin/python" -m pip config list 2>/dev/null | sed -n "s/^[^.]*\.$1='\(.*\)'\$/\1/p" | head -n 1
}

# uv reads none of pip's settings: hands over the ones that decide whether packages can be fetched.
uv_like_pip() {
  local value
  if [[ -z ${SSL_CERT_FILE:-} ]]; then
    value=$(pip_setting cert)
    if [[ -n $value ]]; then export SSL_CERT_FILE=$value; fi
  fi
  if [[ -z ${UV_DEFAULT_INDEX:-} ]]; then
    value=$(pip_setting index-url)
    if [[ -n $value ]]; then export UV_DEFAULT_INDEX=$value; fi
  fi
}

# Hands stack dev's own backend, passphrase and cloud to Pulumi and to OpenStack's tools. Of any other stack these
# are the user's own and stay untouched.
stack_environment() {
  local name
  [[ $stack == dev ]] || return 0
  # A variable from the user's own OpenStack or Pulumi must not win over the lab's.
  for name in "${!OS_@}" PULUMI_CONFIG_PASSPHRASE; do unset "$name"; done
  export PULUMI_BACKEND_URL=file://$root/.state/pulumi
  export PULUMI_CONFIG_PASSPHRASE_FILE=$root/.state/passphrase
  export OS_CLIENT_CONFIG_FILE=$lab_state/clouds.yaml OS_CLOUD=lab
}
