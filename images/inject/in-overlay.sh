#!/bin/sh
# in-overlay.sh WORK IMAGE OFFSET SIZE: installs the packages in WORK/packages in an overlay over the squashfs that IMAGE has at OFFSET.
# Runs in mount, process and network namespaces of its own, which end with it: no service that a package starts outlives it, and none
# can reach a network. What changed is in WORK/upper afterwards.
set -eu
work=$1 image=$2 offset=$3 size=$4
cd "$work"
mkdir lower below upper overlay merged

mount -t squashfs -o "ro,loop,offset=$offset,sizelimit=$size" "$image" lower

# Below what changes, so it never becomes part of it: services are not started, whatever a package asks for.
like() { chmod --reference="lower/$1" "below/$1"; chown --reference="lower/$1" "below/$1"; touch --reference="lower/$1" "below/$1"; }
mkdir -p below/usr/sbin
printf '#!/bin/sh\nexit 101\n' > below/usr/sbin/policy-rc.d
chmod 755 below/usr/sbin/policy-rc.d
for folder in usr/sbin usr .; do like "$folder"; done
# The root's own folder is the upper one's, which overlayfs does not copy.
chmod --reference=lower upper; chown --reference=lower upper; touch --reference=lower upper

mount -t overlay -o lowerdir=below:lower,upperdir=upper,workdir=overlay,redirect_dir=off,metacopy=off,index=off,xino=off overlay merged

mount -t proc proc merged/proc
mount -t tmpfs tmpfs merged/run
mount -t tmpfs tmpfs merged/tmp
mount -t tmpfs -o mode=755 tmpfs merged/dev
for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- $device
  mknod -m 666 "merged/dev/$1" c "$2" "$3"
done
ln -s /proc/self/fd merged/dev/fd
for link in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${link%%:*}" "merged/dev/${link#*:}"; done
mkdir merged/run/packages
mount --bind -o ro packages merged/run/packages

set -- merged/run/packages/*.deb
for package do
  set -- "$@" "/run/packages/${package##*/}"
  shift
done
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC TERM=dumb DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true \
  SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" \
  chroot merged dpkg --force-confdef --force-confold --force-unsafe-io --install "$@" </dev/null
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 chroot merged dpkg-query -W -f '${binary:Package} ${Version} ${db:Status-Status}\n' > packages.txt
audit=$(chroot merged dpkg --audit)
if [ -n "$audit" ]; then
  printf '%s\n' "$audit" >&2
  exit 1
fi

umount --lazy merged
# Notes that installing leaves: logs, backups, caches that hold times. What the image had of them stays as it was.
for path in var/log/dpkg.log var/log/alternatives.log var/log/apt var/lib/dpkg/status-old var/lib/dpkg/diversions-old var/lib/dpkg/statoverride-old var/lib/dpkg/lock \
  var/lib/dpkg/lock-frontend var/lib/dpkg/triggers/Lock var/cache/ldconfig/aux-cache var/cache/debconf/config.dat-old var/cache/debconf/templates.dat-old \
  var/cache/debconf/passwords.dat-old etc/ld.so.cache~ etc/passwd- etc/group- etc/shadow- etc/gshadow- etc/.pwd.lock; do
  rm -rf --one-file-system "upper/$path"
done
find upper -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
