# shellcheck shell=bash
# Shared by build, env and test: versions, paths, and a check for the official Pulumi.
toolchain_src=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
toolchain_out=$(dirname "$toolchain_src")/.toolchain
# shellcheck source=toolchain/versions.env
source "$toolchain_src/versions.env"

# Prints the path of an official pulumi of the pinned version on PATH; fails if there is none.
official_pulumi() {
  local path
  path=$(type -P pulumi) || return 1
  [[ $path != "$toolchain_out"/* ]] || return 1
  [[ $(PULUMI_SKIP_UPDATE_CHECK=true "$path" version 2>/dev/null) == "v$PULUMI_VERSION" ]] || return 1
  printf '%s\n' "$path"
}

# Where the engine looks for a plugin: plugin_path NAME VERSION
plugin_path() {
  printf '%s/home/plugins/resource-%s-v%s/pulumi-resource-%s\n' "$toolchain_out" "$1" "$2" "$1"
}

# One set of flags, so that the engine, the plugins and their tests share compiled packages. No C compiler is needed.
# Debug information takes time and nobody debugs these binaries, so it is left out. disable_grpc_modules is a tag of Google's
# storage library (its doc.go): without it, 135 packages for direct paths inside Google's cloud are compiled.
go_build_environment() {
  export CGO_ENABLED=0 GOWORK=off
  export GOFLAGS='-mod=readonly -buildvcs=false -trimpath -tags=grpcnotrace,disable_grpc_modules -gcflags=all=-dwarf=false'
  # The checksum database does not have these modules; the go.sum files have all their checksums.
  export GONOSUMDB='github.com/pulumi/*,github.com/terraform-provider-openstack/*'
}
