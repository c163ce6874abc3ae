#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds what a real cluster needs beside Kubernetes from the Go module proxy into a folder, once:
#   build.sh DIR [pause coredns traefik]
# coredns takes about two minutes on two cores, traefik (a Gateway API implementation that is not ours) about fifteen.
set -euo pipefail
dir=$(mkdir -p "$1" && cd "$1" && pwd)
shift
commands=("$@")
[ ${#commands[@]} -gt 0 ] || commands=(pause coredns)
exec 9>"$dir/.lock"
flock 9
work=$dir/.build
export CGO_ENABLED=0

# copy MODULE VERSION FOLDER …: a module's own source, so that its go.mod with its replacements and its go.sum rule.
copy() {
  local from
  from=$(go mod download -json "$1@$2" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  shift 2
  rm -rf "$work"
  mkdir -p "$work"
  cp -r "${@/#/$from/}" "$work"
  chmod -R u+w "$work"
}

build_pause() {
  rm -rf "$work"
  mkdir -p "$work"
  printf 'module serval.dev/test/pause\n\ngo 1.24\n' >"$work/go.mod"
  # Holds a pod's namespaces, reaps what is left in a shared process namespace, ends when it is told to.
  cat >"$work/main.go" <<'GO'
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for pid := 1; pid > 0; {
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
	}
}
GO
  (cd "$work" && go build -ldflags '-s -w' -o "$dir/pause" .)
}

# Only the plugins that a cluster's DNS needs.
build_coredns() {
  copy github.com/coredns/coredns v1.14.7 core coremain pb plugin request go.mod go.sum
  mkdir "$work/serval"
  {
    printf 'package main\n\nimport (\n\t"github.com/coredns/coredns/coremain"\n'
    for plugin in bind errors kubernetes ready; do printf '\t_ "github.com/coredns/coredns/plugin/%s"\n' "$plugin"; done
    printf ')\n\nfunc main() { coremain.Run() }\n'
  } >"$work/serval/main.go"
  (cd "$work" && go build -ldflags '-s -w' -o "$dir/coredns" ./serval)
}

# Without the providers of ACME's DNS challenges: two hundred modules that no route needs.
build_traefik() {
  copy github.com/traefik/traefik/v3 v3.6.12 cmd internal pkg webui go.mod go.sum
  mkdir "$work/internal/nodns"
  cat >"$work/internal/nodns/nodns.go" <<'GO'
package dns

import (
	"fmt"

	"github.com/go-acme/lego/v4/challenge"
)

func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
	return nil, fmt.Errorf("this build has no DNS provider %q", name)
}
GO
  sed -i 's#"github.com/go-acme/lego/v4/providers/dns"#dns "github.com/traefik/traefik/v3/internal/nodns"#' \
    "$work/pkg/provider/acme/provider.go"
  (cd "$work" && go build -ldflags '-s -w' -o "$dir/traefik" ./cmd/traefik)
  # The kinds that it watches, as their authors publish them.
  mkdir -p "$dir/gateway-api"
  cp "$(cd "$work" && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)"/config/crd/standard/gateway.networking.k8s.io_*.yaml \
    "$dir/gateway-api"
}

for command in "${commands[@]}"; do
  [ -x "$dir/$command" ] && continue
  command -v go >/dev/null || { echo "Go 1.25 or newer is needed to build $command" >&2; exit 3; }
  echo "building $command …" >&2
  "build_$command"
done
rm -rf "$work"
echo "$dir"
