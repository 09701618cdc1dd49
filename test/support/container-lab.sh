#!/bin/sh
# A container in a router's network, between a host that has IPv6 only and one that has IPv4 only. In network, mount and process namespaces of its own:
#
#     unshare --net --mount --pid --fork --mount-proc sh container-lab.sh BUNDLE SCRIPT
#
# BUNDLE is what crun runs; SCRIPT is run with the functions below when the container's words have reached it, or it has ended. The last line is its exit status.
set -eu
exec 2>&1
bundle=$1 script=$2 said=$1/said

mount --make-rprivate /
mount -t tmpfs none /run
mount -t tmpfs none /sys/fs/cgroup
mkdir /run/netns
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0
for host in six four; do
    ip netns add "$host"
    ip link add "$host" type veth peer name wire netns "$host"
    ip link set "$host" up
    ip -n "$host" link set wire up
    ip -n "$host" link set lo up
done
ip address add 2001:db8:1::1/64 dev six nodad
ip -n six address add 2001:db8:1::2/64 dev wire nodad
ip -n six route add default via 2001:db8:1::1
# The IPv4 host knows nobody beyond its own network.
ip address add 198.51.100.1/24 dev four
ip -n four address add 198.51.100.2/24 dev wire

# What of ours is in the router's network, a word each.
ours() {
    { ip -o link show type tun | sed 's/^[0-9]*: \([^:@]*\).*/\1/'; ip -6 route show | grep -o '^[^ ]* dev nat64-[0-9]*' | grep -v ^fe80 || true; nft list tables; } | tr '\n' ';'
}
ping_six() { ip netns exec six ping -c 1 -W 5 -q "$1" >/dev/null && echo "reached $1" || echo "not reached $1"; }
# Until the container has said this so many times.
heard() {
    tries=300
    until [ "$(grep -c "$1" "$said")" -ge "$2" ]; do
        tries=$((tries - 1))
        if [ "$tries" = 0 ] || ! kill -0 "$container"; then cat "$said"; echo "not heard: $1"; return 1; fi
        sleep 0.1
    done
}
inside() { crun exec nat64 "$@"; }
signal() { crun kill nat64 "$1"; }

: >"$said"
crun --cgroup-manager=disabled run --bundle "$bundle" nat64 >"$said" 2>&1 &
container=$!
eval "$script"
status=0
wait "$container" || status=$?
echo "left: $(ours)"
cat "$said"
echo "exit status $status"
