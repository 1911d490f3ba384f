# shellcheck shell=bash
# Shared by the scripts: the checkout's root, the stack's name and environment, messages.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # used by the scripts that source this
stack=${STACK-dev}
lab_state=${LAB_STATE:-/var/lib/congress-lab}

say() { printf '%s\n' "$*"; }

die() {
  printf '%s\n' "$@" >&2
  exit 1
}

# refuse_arguments "$@": `scripts/down --help` must not remove anything.
refuse_arguments() { (($# == 0)) || die "${0##*/}: nothing was done: it takes no arguments; settings go to make, as NAME=text: $*"; }

# The name is part of paths, which must stay inside .state.
part='[A-Za-z0-9_][A-Za-z0-9_.-]*'
[[ $stack =~ ^$part(/$part){0,2}$ ]] ||
  die "STACK=${stack@Q} is not a name of a stack: use letters, digits, _ - . and at most two /, as in organization/project/name"

# `make down` removes the stack's folder, .state/$stack. These names are taken by dev's backend, passphrase and
# settings, by logs, by pip-audit and by `make image`.
case ${stack%%/*} in
pulumi | passphrase | Pulumi.* | up-*.log | audit | image)
  die "STACK=$stack cannot be used: .state/${stack%%/*} belongs to this checkout; give the stack another name"
  ;;
esac

# Tells whether stack dev exists, without the engine or the cloud.
dev_stack_exists() { compgen -G "$root/.state/pulumi/.pulumi/stacks/*/dev.json" >/dev/null; }

make_private_folder() { (umask 077 && mkdir -p "$1"); }

# Prints the setting NAME of pip (cert, index-url, ...) from its environment or its files, if it is set.
pip_setting() {
  "$root/.venv/bin/python" -m pip config list 2>/dev/null | sed -n "s/^[^.]*\.$1='\(.*\)'\$/\1/p" | head -n 1
}

# uv does not read pip's settings: pass those on that packages cannot be fetched without.
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

# Points Pulumi and OpenStack's tools at the backend, passphrase and cloud of stack dev. For any other stack, the user
# sets them, and they stay as they are.
stack_environment() {
  local name
  [[ $stack == dev ]] || return 0
  # The user's own variables for OpenStack or Pulumi must not override the lab's.
  for name in "${!OS_@}" PULUMI_CONFIG_PASSPHRASE; do unset "$name"; done
  export PULUMI_BACKEND_URL=file://$root/.state/pulumi
  export PULUMI_CONFIG_PASSPHRASE_FILE=$root/.state/passphrase
  export OS_CLIENT_CONFIG_FILE=$lab_state/clouds.yaml OS_CLOUD=lab
}
