#!/bin/sh
# Signs /tmp/apt/Release with the key in /tmp/key. /tmp is memory here, seen by this process and its children alone,
# and gpg-agent is one of them: however this ends, keyring and agent are gone.
set -eu
fingerprint=$1 time=$2 keyring=$3

in_memory() {
  gpg --homedir /tmp/home --no-options --batch --no-tty --quiet --pinentry-mode=error "$@"
}

sign() {
  in_memory "--faked-system-time=$time!" "--local-user=$fingerprint" --digest-algo=SHA512 "$@" /tmp/apt/Release
}

mkdir -m 700 /tmp/home
in_memory --import /tmp/key
sign --armor --output /tmp/apt/Release.gpg --detach-sign
sign --output /tmp/apt/InRelease --clear-sign
in_memory --output "/tmp/apt/$keyring" --export "$fingerprint"
