#!/bin/sh
# in-overlay.sh WORK IMAGE OFFSET SIZE STEP: lays an overlay over the squashfs that IMAGE has at OFFSET. What changes is in WORK/upper.
#   install             does what WORK/request says, answers in WORK/answer
#   pack FILE OPTION…   packs the merged tree
# An ordinary user, who is root only in a user namespace, mounts no squashfs: then UNPACKED says that WORK/lower has the root.
# Runs in mount, process and network namespaces of its own, which end with it: no service that a package starts outlives it, and none
# can reach a network.
set -eu
work=$1 image=$2 offset=$3 size=$4 step=$5
shift 5
cd "$work"

open_lower() { [ -n "${UNPACKED-}" ] || mount -t squashfs -o "ro,loop,offset=$offset,sizelimit=$size" "$image" lower; }
close_lower() { [ -n "${UNPACKED-}" ] || umount lower; }
lay() {
  open_lower
  # The root's own folder is the upper one's, which overlayfs does not copy.
  chmod --reference=lower upper; chown --reference=lower upper; touch --reference=lower upper
  mkdir "overlay-$step"
  # For a user, a folder that moved is never a note where it was: overlayfs does not take that as an option there.
  [ -n "${UNPACKED-}" ] && whose=userxattr || whose=redirect_dir=off
  how="lowerdir=${1}lower,upperdir=upper,workdir=overlay-$step,$whose,metacopy=off,index=off,xino=off"
  # Nobody needs the disk to have each of dpkg's files: a run that is cut short starts anew. Kernels before 5.10 cannot leave it out.
  mount -t overlay -o "$how,volatile" overlay merged 2>/dev/null || mount -t overlay -o "$how" overlay merged
}

if [ "$step" = pack ]; then
  lay ''
  exec mksquashfs merged "$@"
fi

# What a package's script may do as root ends at the image: it can neither mount, nor make devices, nor leave by another chroot, nor
# reach this shell's root by way of /proc.
limits='-sys_admin,-mknod,-sys_module,-sys_rawio,-sys_boot,-sys_time,-sys_ptrace,-syslog,-dac_read_search,-mac_admin,-mac_override,-net_admin,-bpf,-perfmon,-checkpoint_restore'
in_root() {
  setpriv --bounding-set "$limits" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC TERM=dumb DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true \
    SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" chroot merged /run/nat64-forge/inside "$@" </dev/null
}

# ------------------------------------------------------------------------------------------------------------------------------------
# Below what changes, so it never becomes part of it: services are not started, whatever a package asks for; who asks for a new initrd
# is noted, since most who do change nothing in it; and a kernel that goes is not taken for the one that runs, which is this host's.
mkdir -p below answer scratch run/archives run/tmp
chmod 1777 run/tmp
open_lower
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
if [ -e lower/usr/bin/linux-check-removal ]; then
  mkdir -p below/usr/bin
  printf '#!/bin/sh\nexit 0\n' > below/usr/bin/linux-check-removal
  chmod 755 below/usr/bin/linux-check-removal
fi
(cd below && find . -depth -type d) | while read -r folder; do
  chmod --reference="lower/$folder" "below/$folder"; chown --reference="lower/$folder" "below/$folder"; touch --reference="lower/$folder" "below/$folder"
done
close_lower
lay below:

for folder in proc run tmp dev boot; do
  if [ -L "merged/$folder" ] || [ ! -d "merged/$folder" ]; then
    echo "the image has no folder /$folder of its own" >&2
    exit 1
  fi
done
mount -t proc proc merged/proc
# The kernel's own switches are this host's.
for path in sys sysrq-trigger irq bus; do
  [ ! -e "merged/proc/$path" ] || { mount --bind "merged/proc/$path" "merged/proc/$path"; mount -o remount,bind,ro "merged/proc/$path"; }
done
mount -t tmpfs tmpfs merged/run
mount -t tmpfs tmpfs merged/tmp
mount -t tmpfs -o mode=755 tmpfs merged/dev
for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- $device
  if [ -z "${UNPACKED-}" ]; then mknod -m 666 "merged/dev/$1" c "$2" "$3"
  else
    : > "merged/dev/$1"
    mount --bind "/dev/$1" "merged/dev/$1"
  fi
done
ln -s /proc/self/fd merged/dev/fd
for link in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${link%%:*}" "merged/dev/${link#*:}"; done
mkdir merged/run/nat64-forge
mount --bind run merged/run/nat64-forge
printf '#!/bin/sh\n[ ! -x /usr/bin/setpriv ] || set -- setpriv --bounding-set -sys_chroot -- "$@"\nexec "$@"\n' > run/inside
printf '#!/bin/sh\nexec /run/nat64-forge/inside /usr/bin/dpkg "$@"\n' > run/dpkg
chmod 755 run/inside run/dpkg
[ ! -e request/script ] || { cp request/script run/script; chmod 755 run/script; }
# From here on, packages write in run/: nothing is written there from outside, and what is read must be a file.

# ------------------------------------------------------------------------------------------------------------------------------------
# Packages. This host's apt decides, from the image's own list of packages, and has the image's dpkg do it: the image needs no apt, and
# its sources, pins and hooks have no say.
unfinished() { in_root dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' | grep -vE ' (installed|config-files|not-installed)$' || true; }
before=$(unfinished)
if [ -s request/packages ]; then
  apt() {
    setpriv --bounding-set "$limits" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC TERM=dumb DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true \
      SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" APT_CONFIG="$work/request/apt.conf" apt-get -q "$@" </dev/null
  }
  apt update >/dev/null
  if apt check >/dev/null 2>&1; then
    # apt removes nothing that its maker protects, unless it is named: what is only for a kernel that goes is named.
    named=''
    if [ -s request/kernel-packages ]; then
      in_root dpkg-query -W -f '${Protected} ${Package}\n' | sed -n 's/^yes //p' | LC_ALL=C sort -u > scratch/protected
      until apt --simulate --allow-remove-essential remove $(cat request/kernel-packages) $named > scratch/without-kernel 2>&1; do
        more=$(sed -n 's/^ \([^ ]*\) : .*Depends: .*/\1/p' scratch/without-kernel | LC_ALL=C sort -u | LC_ALL=C comm -12 - scratch/protected)
        more=$(printf '%s\n' $named $more | LC_ALL=C sort -u)
        [ "$more" != "$named" ] || break
        named=$more
      done
    fi
    apt --yes --reinstall --allow-downgrades ${named:+--allow-remove-essential} install $(cat request/packages) $(printf '%s\n' $named | grep -vxFf request/packages | sed 's/.$/&-/')
  else
    # apt touches nothing where something was amiss before. dpkg asks only about what it is given.
    echo 'own-relations-broken' >> answer/notes
    mount --bind given merged/run/nat64-forge/archives
    in_root sh -c 'exec dpkg --force-confdef --force-confold --force-unsafe-io --auto-deconfigure --install /run/nat64-forge/archives/*.deb'
    [ ! -s request/kernel-packages ] || in_root dpkg --force-depends --remove $(cat request/kernel-packages)
  fi
fi
if [ -e request/script ]; then
  in_root /run/nat64-forge/script
fi
in_root dpkg-query -W -f '${binary:Package} ${Version} ${Architecture} ${db:Status-Status} ${source:Package} ${source:Version}\n' > answer/packages
after=$(unfinished)
if [ "$after" != "$before" ]; then
  printf 'packages are not completely installed:\n%s\n' "$after" >&2
  exit 1
fi
if [ -e "upper/$sbin/update-initramfs" ] && grep -qF "$asks" "upper/$sbin/update-initramfs"; then
  echo 'a package moves update-initramfs out of the way, which is held back while packages are installed' >&2
  exit 1
fi

# ------------------------------------------------------------------------------------------------------------------------------------
# Kernels: what is left of those that go, lists of modules, initrds.
[ ! -e request/kernels-to-remove ] || while read -r release; do
  in_root rm -rf "/lib/modules/$release" "/boot/vmlinuz-$release" "/boot/initrd.img-$release" "/boot/config-$release" "/boot/System.map-$release"
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
  in_root lsinitramfs "$1" | sed -e 's|^\./||' | plain > scratch/initrd-files
  LC_ALL=C comm -12 scratch/changed scratch/initrd-files > scratch/suspects
  # A module in updates/ is taken instead of the kernel's own of that name; what rules and hooks add is in no list yet.
  sed -n 's|.*/\([^/]*\.ko\)\(\.[a-z]*\)\?$|\1|p' scratch/initrd-files | LC_ALL=C sort -u > scratch/initrd-modules
  grep "^lib/modules/$2/.*\.ko" scratch/changed | while read -r path; do
    name=$(basename "$path" | sed 's|\.ko\..*|.ko|')
    ! grep -qxF "$name" scratch/initrd-modules || echo "$path"
  done >> scratch/suspects
  grep -E '^(etc|share|usr/share|lib)/(initramfs-tools|modprobe\.d)/' scratch/changed >> scratch/suspects || true
  while read -r path; do
    if is_new "$path"; then
      echo "$path" >> answer/initrd-why
      return 0
    fi
  done < scratch/suspects
  return 1
}
find upper -mindepth 1 ! -type d -printf '%P\n' | plain > scratch/changed
can_list=$([ ! -x merged/usr/bin/lsinitramfs ] || echo yes)
while read -r release initrd; do
  if [ "$initrd" != new ]; then
    if [ -z "$can_list" ]; then
      # Who asks may be right; without a list there is no telling.
      [ ! -s run/initrd-asked ] && ! grep -qE "^(lib/modules/$release/kernel/.*\.ko|etc/(initramfs-tools|dracut.*)/)" scratch/changed || echo no-initramfs-tools >> answer/notes
      continue
    fi
    initrd_is_stale "$initrd" "$release" || continue
  fi
  if ! in_root sh -c 'command -v mkinitramfs' >/dev/null; then
    [ "$initrd" != new ] || { echo 'the image has no mkinitramfs (package initramfs-tools-core), so no initrd can be made for another kernel' >&2; exit 1; }
    echo no-initramfs-tools >> answer/notes
    continue
  fi
  in_root env TMPDIR=/run/nat64-forge/tmp mkinitramfs -o /run/nat64-forge/initrd "$release"
  [ -f run/initrd ] && [ ! -L run/initrd ] || { echo 'mkinitramfs made no file' >&2; exit 1; }
  # Written into the file that is there: owner and permissions stay.
  [ "$initrd" != "/boot/initrd.img-$release" ] && [ "$initrd" != new ] || in_root sh -c "cat /run/nat64-forge/initrd > '/boot/initrd.img-$release'"
  mv run/initrd "answer/initrd-$release"
done < request/initrds

in_root sh -c 'umask 022; mkdir -p /usr/share/doc/nat64-forge && : > /usr/share/doc/nat64-forge/manifest.json'
umount --recursive --lazy merged
# Who writes it does so from outside: it must be where it seems to be.
if [ "$(readlink -f upper/usr/share/doc/nat64-forge/manifest.json)" != "$(readlink -f upper)/usr/share/doc/nat64-forge/manifest.json" ]; then
  echo 'the image has a link on the way to /usr/share/doc' >&2
  exit 1
fi
# Notes that installing leaves: logs, backups, caches that hold times. What the image had of them stays as it was.
for path in var/log/dpkg.log var/log/alternatives.log var/log/apt var/lib/dpkg/status-old var/lib/dpkg/diversions-old var/lib/dpkg/statoverride-old var/lib/dpkg/lock \
  var/lib/dpkg/lock-frontend var/lib/dpkg/triggers/Lock var/cache/ldconfig/aux-cache var/cache/debconf/config.dat-old var/cache/debconf/templates.dat-old \
  var/cache/debconf/passwords.dat-old var/cache/man etc/ld.so.cache~ etc/passwd- etc/group- etc/shadow- etc/gshadow- etc/.pwd.lock; do
  [ "$(readlink -f "upper/${path%/*}")" != "$(readlink -f upper)/${path%/*}" ] || rm -rf --one-file-system "upper/$path"
done
