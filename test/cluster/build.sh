#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds kube-apiserver (and what else is named) from the Go module proxy into a folder, once; etcd comes from Debian.
#   build.sh DIR [kube-apiserver kube-controller-manager …]
# The first build takes 5 to 10 minutes on two cores, later calls a second. The folder is what KUBEBUILDER_ASSETS means.
set -euo pipefail
dir=$(mkdir -p "$1" && cd "$1" && pwd)
shift
version=${KUBE_VERSION:-v1.34.3}
commands=("$@")
[ ${#commands[@]} -gt 0 ] || commands=(kube-apiserver)

# Two test files may ask at once; the second waits and then finds everything there.
exec 9>"$dir/.lock"
flock 9

missing=()
for command in "${commands[@]}"; do [ -x "$dir/$command" ] || missing+=("$command"); done

if [ ${#missing[@]} -gt 0 ]; then
  command -v go >/dev/null || { echo "Go 1.24 or newer is needed to build ${missing[*]}" >&2; exit 3; }
  work=$dir/.build
  mkdir -p "$work"
  cd "$work"
  # k8s.io/kubernetes names its staging modules at v0.0.0; each needs a replace line for the version that belongs to it.
  all=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy)
  if ! grep -qs "k8s.io/kubernetes $version" go.mod || ! grep -qs kube-proxy tools.go; then
    {
      printf '//go:build tools\n\npackage tools\n\nimport (\n'
      for command in "${all[@]}"; do printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' "$command"; done
      printf ')\n'
    } >tools.go
    printf 'module serval.dev/test/kubernetes\n\ngo 1.24\n\nrequire k8s.io/kubernetes %s\n' "$version" >go.mod
    upstream=$(go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
    sed -nE 's/^[[:space:]]+(k8s\.io\/[a-z-]+) => .*/\1/p' "$upstream" | sort -u |
      while read -r module; do echo "replace $module => $module v0.${version#v1.}"; done >>go.mod
    go mod tidy
  fi
  flags="-s -w"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$(echo "$version" | cut -d. -f2)"
  done
  for command in "${missing[@]}"; do
    echo "building $command $version …" >&2
    CGO_ENABLED=0 go build -ldflags "$flags" -o "$dir/$command" "k8s.io/kubernetes/cmd/$command"
  done
fi

if [ ! -e "$dir/etcd" ]; then
  if ! command -v etcd >/dev/null; then
    apt-get update -q >/dev/null && apt-get install -y -q etcd-server >/dev/null
  fi
  ln -sf "$(command -v etcd)" "$dir/etcd"
fi
echo "$dir"
