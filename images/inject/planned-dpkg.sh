#!/bin/sh
# Stands in for dpkg where this host's apt calls it: writes into the file $DPKG_RUNS what dpkg is to do, as a shell script for the image,
# in which the folder $ARCHIVES is another one. So apt is done before anything of the image's runs.
set -eu
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
run=dpkg input=''
while [ $# -gt 0 ]; do
  word=$1
  shift
  case $word in
    # Whether dpkg is new enough: one that is not will say so itself.
    --assert-*) exit 0 ;;
    # A folder that only this host has: apt is told to name every file.
    --recursive) echo "apt gives dpkg a folder, which the image has not" >&2; exit 1 ;;
    # A descriptor of apt's.
    --status-fd) shift; continue ;;
    --set-selections) input="printf '%s\\n' $(quoted "$(cat)") | " ;;
    "$ARCHIVES"/*) word=/run/nat64-forge/archives/${word#"$ARCHIVES"/} ;;
  esac
  run="$run $(quoted "$word")"
done
printf '%s%s\n' "$input" "$run" >> "$DPKG_RUNS"
