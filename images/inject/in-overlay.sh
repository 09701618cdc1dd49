#!/bin/sh
# in-overlay.sh WORK IMAGE OFFSET SIZE STEP: lays an overlay over the squashfs that IMAGE has at OFFSET. What changes is in WORK/upper.
#   install             does what WORK/request says, answers in WORK/answer
#   pack FILE OPTION…   packs the merged tree
# Runs in mount, process and network namespaces of its own, which end with it: no service that a package starts outlives it, and none
# can reach a network.
set -eu
work=$1 image=$2 offset=$3 size=$4 step=$5
shift 5
cd "$work"

lay() {
  mount -t squashfs -o "ro,loop,offset=$offset,sizelimit=$size" "$image" lower
  # The root's own folder is the upper one's, which overlayfs does not copy.
  chmod --reference=lower upper; chown --reference=lower upper; touch --reference=lower upper
  mount -t overlay -o "lowerdir=${1}lower,upperdir=upper,workdir=overlay,redirect_dir=off,metacopy=off,index=off,xino=off" overlay merged
}

if [ "$step" = pack ]; then
  lay ''
  exec mksquashfs merged "$@"
fi

in_root() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC TERM=dumb DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true \
    SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" chroot merged "$@" </dev/null
}

# ------------------------------------------------------------------------------------------------------------------------------------
# Below what changes, so it never becomes part of it: services are not started, whatever a package asks for, and who asks for a new
# initrd is noted, since most who do change nothing in it.
mkdir -p below answer run/archives run/tmp
chmod 1777 run/tmp
mount -t squashfs -o "ro,loop,offset=$offset,sizelimit=$size" "$image" lower
# Where the image has /usr/sbin as a link, programs lie in what it leads to.
sbin=$(chroot lower readlink -f /usr/sbin) && sbin=${sbin#/}
mkdir -p "below/$sbin"
printf '#!/bin/sh\nexit 101\n' > "below/$sbin/policy-rc.d"
chmod 755 "below/$sbin/policy-rc.d"
asks="# Installing in an image: notes who asks for a new initrd."
if [ -e "lower/$sbin/update-initramfs" ]; then
  printf '#!/bin/sh\n%s\necho "$*" >> /run/nat64-forge/initrd-asked\n' "$asks" > "below/$sbin/update-initramfs"
  chmod 755 "below/$sbin/update-initramfs"
fi
(cd below && find . -depth -type d) | while read -r folder; do
  chmod --reference="lower/$folder" "below/$folder"; chown --reference="lower/$folder" "below/$folder"; touch --reference="lower/$folder" "below/$folder"
done
umount lower
lay below:

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
mkdir merged/run/nat64-forge
mount --bind run merged/run/nat64-forge

# ------------------------------------------------------------------------------------------------------------------------------------
# Packages. This host's apt decides, from the image's own list of packages, and has the image's dpkg do it: the image needs no apt, and
# its sources, pins and hooks have no say.
audit=$(in_root dpkg --audit)
if [ -s request/packages ]; then
  apt() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC TERM=dumb DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true \
      SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" APT_CONFIG="$work/request/apt.conf" apt-get -q "$@" </dev/null
  }
  apt update >/dev/null
  if apt check >/dev/null 2>&1; then
    apt --yes --reinstall --allow-downgrades install $(cat request/packages)
  else
    # apt touches nothing where something was amiss before. dpkg asks only about what it is given.
    echo 'own-relations-broken' >> answer/notes
    cp given/*.deb run/archives/
    in_root sh -c 'exec dpkg --force-confdef --force-confold --force-unsafe-io --auto-deconfigure --install /run/nat64-forge/archives/*.deb'
  fi
fi
if [ -e request/script ]; then
  cp request/script run/script
  chmod 755 run/script
  in_root /run/nat64-forge/script
fi
in_root dpkg-query -W -f '${binary:Package} ${Version} ${Architecture} ${db:Status-Status}\n' > answer/packages
left=$(in_root dpkg --audit)
if [ "$left" != "$audit" ]; then
  printf '%s\n' "$left" >&2
  exit 1
fi
if [ -e "upper/$sbin/update-initramfs" ] && grep -qF "$asks" "upper/$sbin/update-initramfs"; then
  echo 'a package moves update-initramfs out of the way, which is held back while packages are installed' >&2
  exit 1
fi

# ------------------------------------------------------------------------------------------------------------------------------------
# Kernels: what is left of those that go, lists of modules, initrds.
[ ! -e request/kernels-to-remove ] || while read -r release; do
  rm -rf "merged/lib/modules/$release" "merged/usr/lib/modules/$release"
  for file in vmlinuz initrd.img config System.map; do rm -f "merged/boot/$file-$release" "merged/boot/$file-$release.old-dkms"; done
done < request/kernels-to-remove

for folder in lib usr/lib; do
  [ ! -L "merged/$folder" ] && [ -d "upper/$folder/modules" ] || continue
  for modules in "upper/$folder/modules"/*/; do
    release=$(basename "$modules")
    # The lists themselves do not count: they are what is made.
    [ -d "merged/lib/modules/$release" ] && find "$modules" -mindepth 1 ! -type d ! -path "$modules/modules.*" ! -path "${modules}modules.*" | grep -q . || continue
    in_root depmod "$release"
    echo "$release" >> answer/depmod
  done
done

# A path without usr/, since an initrd may have it on either side of that link.
plain() { sed -e 's|^usr/\(bin\|sbin\|lib[^/]*\)/|\1/|' | LC_ALL=C sort -u; }
is_new() {
  for path in "$1" "usr/$1"; do
    [ -e "upper/$path" ] || [ -L "upper/$path" ] || continue
    [ -f "upper/$path" ] && [ -f "lower/$path" ] && cmp -s "upper/$path" "lower/$path" || return 0
  done
  return 1
}
# initrd_is_stale INITRD RELEASE
initrd_is_stale() {
  in_root lsinitramfs "$1" | sed -e 's|^\./||' | plain > run/initrd-files
  LC_ALL=C comm -12 run/changed run/initrd-files > run/suspects
  # A module in updates/ is taken instead of the kernel's own of that name; what rules and hooks add is in no list yet.
  sed -n 's|.*/\([^/]*\.ko\)\(\.[a-z]*\)\?$|\1|p' run/initrd-files | LC_ALL=C sort -u > run/initrd-modules
  grep "^lib/modules/$2/.*\.ko" run/changed | while read -r path; do
    name=$(basename "$path" | sed 's|\.ko\..*|.ko|')
    ! grep -qxF "$name" run/initrd-modules || echo "$path"
  done >> run/suspects
  grep -E '^(etc|share|usr/share|lib)/(initramfs-tools|modprobe\.d)/' run/changed >> run/suspects || true
  while read -r path; do
    if is_new "$path"; then
      echo "$path" >> answer/initrd-why
      return 0
    fi
  done < run/suspects
  return 1
}
find upper -mindepth 1 ! -type d -printf '%P\n' | plain > run/changed
if grep -q " new$" request/initrds || [ -s run/initrd-asked ] || grep -qE '^(lib/modules/[^/]*/.*\.ko|(etc|share|usr/share|lib)/(initramfs-tools|modprobe\.d)/)' run/changed; then
  while read -r release initrd; do
    if [ "$initrd" = new ] || { [ -x "merged/usr/bin/lsinitramfs" ] && initrd_is_stale "$initrd" "$release"; }; then
      if [ ! -x merged/usr/sbin/mkinitramfs ] && [ ! -x merged/sbin/mkinitramfs ]; then
        [ "$initrd" != new ] || { echo 'the image has no mkinitramfs (package initramfs-tools-core), so no initrd can be made for another kernel' >&2; exit 1; }
        echo no-initramfs-tools >> answer/notes
        continue
      fi
      in_root env TMPDIR=/run/nat64-forge/tmp mkinitramfs -o "/run/nat64-forge/initrd" "$release"
      mv run/initrd "answer/initrd-$release"
      # Owner and permissions stay.
      [ "$initrd" != "/boot/initrd.img-$release" ] && [ "$initrd" != new ] || cat "answer/initrd-$release" > "merged/boot/initrd.img-$release"
    elif [ ! -x "merged/usr/bin/lsinitramfs" ]; then
      echo no-initramfs-tools >> answer/notes
    fi
  done < request/initrds
fi

mkdir -p merged/usr/share/doc/nat64-forge
: > merged/usr/share/doc/nat64-forge/manifest.json
umount --recursive --lazy merged
# Notes that installing leaves: logs, backups, caches that hold times. What the image had of them stays as it was.
for path in var/log/dpkg.log var/log/alternatives.log var/log/apt var/lib/dpkg/status-old var/lib/dpkg/diversions-old var/lib/dpkg/statoverride-old var/lib/dpkg/lock \
  var/lib/dpkg/lock-frontend var/lib/dpkg/triggers/Lock var/cache/ldconfig/aux-cache var/cache/debconf/config.dat-old var/cache/debconf/templates.dat-old \
  var/cache/debconf/passwords.dat-old var/cache/man etc/ld.so.cache~ etc/passwd- etc/group- etc/shadow- etc/gshadow- etc/.pwd.lock; do
  rm -rf --one-file-system "upper/$path"
done
