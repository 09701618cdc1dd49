#!/bin/bash
# in-overlay.sh WORK IMAGE OFFSET SIZE STEP: lays an overlay over the squashfs that IMAGE has at OFFSET. What changes is in WORK/upper.
#   install             does what WORK/request says, answers in WORK/answer
#   pack FILE OPTION…   packs the merged tree
# Not everybody may mount a squashfs, nor every kernel can: then UNPACKED says that WORK/lower has the root. USER_NAMESPACE says that whoever
# runs this is root only in such a one.
# Runs in mount, process and network namespaces of its own, which end with it. Nothing of the image runs but by `wall`; and what lies in
# upper/, merged/ and run/ was put there by whom nobody trusts: from outside, no link in them is followed.
set -eu
work=$1 image=$2 offset=$3 size=$4 step=$5
shift 5
cd "$work"

open_lower() { [ -n "${UNPACKED-}" ] || mount -t squashfs -o "ro,loop,offset=$offset,sizelimit=$size" "$image" lower; }
close_lower() { [ -n "${UNPACKED-}" ] || umount lower; }
# as_below FOLDER OTHER: makes OTHER what FOLDER is, with all attributes but overlayfs's own notes. What tar cannot set it only warns of.
as_below() {
  chmod --reference="$1" "$2"; chown --reference="$1" "$2"
  tar -C "$1" --create --no-recursion --xattrs --xattrs-include='*' --xattrs-exclude='trusted.overlay.*' --xattrs-exclude='user.overlay.*' . 2> scratch/not-read \
    | tar -C "$2" --extract --no-same-owner --preserve-permissions --xattrs --xattrs-include='*' 2> scratch/not-set || { cat scratch/not-read scratch/not-set >&2; exit 1; }
  # An image that was packed without attributes has none to read.
  grep -v 'Cannot f\?listxattr: Operation not supported' scratch/not-read >&2 || :
  [ ! -s scratch/not-set ] || { cat scratch/not-set >&2; exit 1; }
  touch --reference="$1" "$2"
}
lay() {
  open_lower
  # The root's own folder is the upper one's, which overlayfs does not copy.
  [ "$step" = pack ] || as_below lower upper
  mkdir "overlay-$step"
  # For a user, a folder that moved is never a note where it was: overlayfs does not take that as an option there.
  [ -n "${USER_NAMESPACE-}" ] && whose=userxattr || whose=redirect_dir=off
  how="lowerdir=${1}lower,upperdir=upper,workdir=overlay-$step,$whose,metacopy=off,index=off,xino=off"
  # Nobody needs the disk to have each of dpkg's files: a run that is cut short starts anew. Kernels before 5.10 cannot leave it out.
  mount -t overlay -o "$how,volatile" overlay merged 2>/dev/null || mount -t overlay -o "$how" overlay merged
}

if [ "$step" = pack ]; then
  lay ''
  exec mksquashfs merged "$@"
fi

# Whoever started all this may have left descriptors open: they are of this host.
for descriptor in /proc/self/fd/*; do
  descriptor=${descriptor##*/}
  [ "$descriptor" -le 2 ] || [ "$descriptor" = 255 ] || exec {descriptor}>&-
done

# A program that is told to be root's in the image could write to the one that keeps it there, whenever that is not running.
mkdir -p answer scratch archives run/archives run/tmp
bwrap=$(command -v bwrap)
if [ -z "${USER_NAMESPACE-}" ]; then
  : > scratch/bwrap
  mount --bind "$bwrap" scratch/bwrap
  mount -o remount,bind,ro scratch/bwrap
  bwrap=$work/scratch/bwrap
fi
# What maintainer scripts do as root: files of others, other owners, other users. su and chpasswd fail without audit_write.
may='chown dac_override fowner fsetid kill setgid setuid setpcap setfcap net_bind_service audit_write'
# --as-pid-1: bubblewrap's own first process would close what it still has of this host's /proc only after the program began; who looks at once got out by that.
walls=(--unshare-pid --as-pid-1 --unshare-ipc --unshare-uts --unshare-cgroup-try --hostname localhost --die-with-parent --new-session --cap-drop ALL)
for capability in $may; do walls+=(--cap-add "cap_$capability"); done
walls+=(--bind merged / --proc /proc)
# What the kernel tells and lets switch is this host's, and root's by the number: nothing of it is written, and what only root may read is empty.
while read -r mode path; do
  case $mode in
    l* | -r-?r-?r-?) [ "$path" != /proc/keys ] || walls+=(--ro-bind /dev/null "$path") ;;
    d* | -*r-?) walls+=(--ro-bind "$path" "$path") ;;
    *) walls+=(--ro-bind /dev/null "$path") ;;
  esac
done < <(stat -c '%A %n' /proc/[!0-9]*)
walls+=(--dev-bind merged/dev /dev --ro-bind archives /run/nat64-forge/archives --chdir /)
surroundings=(PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC TERM=dumb DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH")

# wall [OPTION…] -- PROGRAM…: runs a program of the image, which sees the merged tree and nothing else, and can get no right that it has not
# got. All that it started has ended when this returns: the process namespace around bwrap's own ends with bwrap, which does not wait.
# Its words come through pipes, since descriptors of this shell's are sockets to who started it.
wall() {
  local began=$EPOCHREALTIME status=0
  walled "$@" || status=$?
  echo "$began $EPOCHREALTIME" >> answer/times
  return "$status"
}
walled() (
  set -o pipefail
  { {
    env -i "${surroundings[@]}" unshare --mount --pid --fork --kill-child --mount-proc "$bwrap" "${walls[@]}" --seccomp 9 "$@" </dev/null 9<request/system-calls 2>&3 3>&- 4>&- | cat >&4 3>&-
  } 3>&1 | cat >&2 4>&-; } 4>&1
)
in_root() { wall -- "$@"; }

# in_tree TREE PATH: something is there, and no link on the way leads to elsewhere.
in_tree() { { [ -e "$1/$2" ] || [ -L "$1/$2" ]; } && [ "$(readlink -f "$1/$(dirname "./$2")")" = "$(readlink -f "$1")$(dirname "/$2" | sed 's|^/$||')" ]; }
is_file() { in_tree "$1" "$2" && [ -f "$1/$2" ] && [ ! -L "$1/$2" ]; }

# ------------------------------------------------------------------------------------------------------------------------------------
# Packages. This host's apt decides, from the image's own list of packages, and has the image's dpkg do it: the image needs no apt, and
# its sources, pins and hooks have no say. When anything of the image's runs, apt has ended.
: > scratch/dpkg-runs
if [ -s request/packages ]; then
  # It is told of nothing that dpkg did, and says so.
  apt() (
    set -o pipefail
    { env -i "${surroundings[@]}" APT_CONFIG="$work/request/apt.conf" DPKG_RUNS="$work/scratch/dpkg-runs" ARCHIVES="$work/archives" apt-get -q "$@" </dev/null 2>&1 >&3 3>&- | sed '/^W: APT had planned for dpkg to do more/,+1d' >&2 3>&-; } 3>&1
  )
  apt update >/dev/null
  if apt check >/dev/null 2>&1; then
    # apt removes nothing that its maker protects, unless it is named: what is only for a kernel that goes is named.
    named=''
    if [ -s request/kernel-packages ]; then
      until apt --simulate --allow-remove-essential remove $(cat request/kernel-packages) $named > scratch/without-kernel 2>&1; do
        more=$(sed -n 's/^ \([^ ]*\) : .*Depends: .*/\1/p' scratch/without-kernel | LC_ALL=C sort -u | LC_ALL=C comm -12 - request/protected)
        more=$(printf '%s\n' $named $more | LC_ALL=C sort -u)
        [ "$more" != "$named" ] || break
        named=$more
      done
    fi
    apt --yes --reinstall --allow-downgrades ${named:+--allow-remove-essential} install -- $(cat request/packages) $(printf '%s\n' $named | grep -vxFf request/packages | sed 's/.$/&-/')
  else
    # apt touches nothing where something was amiss before. dpkg asks only about what it is given.
    echo 'own-relations-broken' >> answer/notes
    mount --bind given archives
    echo 'dpkg --force-confdef --force-confold --force-unsafe-io --auto-deconfigure --install /run/nat64-forge/archives/*.deb' > scratch/dpkg-runs
    [ ! -s request/kernel-packages ] || echo "dpkg --force-depends --remove $(tr '\n' ' ' < request/kernel-packages)" >> scratch/dpkg-runs
  fi
fi

# ------------------------------------------------------------------------------------------------------------------------------------
# Below what changes, so it never becomes part of it: services are not started, whatever a package asks for; who asks for a new initrd
# is noted, since most who do change nothing in it; and a kernel that goes is not taken for the one that runs, which is this host's.
asks="# Installing in an image: notes who asks for a new initrd."
asker=''
open_lower
while read -r what path; do
  mkdir -p "below/$(dirname "$path")"
  case $what in
    policy) printf '#!/bin/sh\nexit 101\n' ;;
    initramfs) asker=$path; printf '#!/bin/sh\n%s\necho "$*" >> /run/nat64-forge/initrd-asked\n' "$asks" ;;
    removal) printf '#!/bin/sh\nexit 0\n' ;;
  esac > "below/$path"
  chmod 755 "below/$path"
done < request/held-back
(cd below && find . -depth -type d) | while read -r folder; do
  as_below "lower/$folder" "below/$folder"
done
close_lower
lay below:

for folder in proc run tmp dev boot; do
  if [ -L "merged/$folder" ] || [ ! -d "merged/$folder" ]; then
    echo "the image has no folder /$folder of its own" >&2
    exit 1
  fi
done
mount -t tmpfs tmpfs merged/run
mount -t tmpfs tmpfs merged/tmp
mount -t tmpfs -o mode=755 tmpfs merged/dev
for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- $device
  # Also root may make none in some containers.
  if [ -n "${USER_NAMESPACE-}" ] || ! mknod -m 666 "merged/dev/$1" c "$2" "$3" 2>/dev/null; then
    : > "merged/dev/$1"
    mount --bind "/dev/$1" "merged/dev/$1"
  fi
done
ln -s /proc/self/fd merged/dev/fd
for link in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${link%%:*}" "merged/dev/${link#*:}"; done
chmod 1777 run/tmp merged/tmp
mkdir merged/run/nat64-forge
mount --bind run merged/run/nat64-forge
{
  echo 'set -e'
  cat scratch/dpkg-runs
  # What was on hold and has been changed is on hold again.
  while read -r hold; do echo "echo '$hold' | dpkg --set-selections"; done < request/holds
} > run/dpkg-runs
if [ -e request/script ]; then
  cp request/script run/script
  chmod 755 run/script
fi
# From here on, packages write in run/: nothing is written there from outside, and what is read must be a file.

# ------------------------------------------------------------------------------------------------------------------------------------
unfinished() { in_root dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' | grep -vE ' (installed|config-files|not-installed)$' || true; }
before=$(unfinished)
[ ! -s scratch/dpkg-runs ] || in_root sh /run/nat64-forge/dpkg-runs
if [ -e request/script ]; then
  in_root /run/nat64-forge/script || { echo "$?" > answer/script-failed; exit 1; }
fi
in_root dpkg-query -W -f '${binary:Package} ${Version} ${Architecture} ${db:Status-Status} ${source:Package} ${source:Version}\n' > answer/packages
for tree in upper lower; do
  ! is_file "$tree" var/lib/dpkg/status || { cp "$tree/var/lib/dpkg/status" answer/status; break; }
done
# What is there only while a router runs is no part of an image.
for list in upper/var/lib/dpkg/info/*.list; do
  ! is_file upper "${list#upper/}" || grep -hE '^/(run|tmp|dev)/.' "$list" || true
done | LC_ALL=C sort -u > answer/not-kept
# What was unfinished before may be finished now; what is unfinished now must have been before.
left=$(LC_ALL=C comm -13 <(printf '%s\n' "$before" | LC_ALL=C sort) <(unfinished | LC_ALL=C sort))
if [ -n "$left" ]; then
  printf 'packages are not completely installed:\n%s\n' "$left" >&2
  exit 1
fi
if [ -n "$asker" ] && is_file upper "$asker" && grep -qF "$asks" "upper/$asker"; then
  echo 'a package moves update-initramfs out of the way, which is held back while packages are installed' >&2
  exit 1
fi

# ------------------------------------------------------------------------------------------------------------------------------------
# Kernels: what is left of those that go, lists of modules, initrds.
[ ! -e request/kernels-to-remove ] || while read -r release; do
  in_root rm -rf "/lib/modules/$release" "/boot/vmlinuz-$release" "/boot/initrd.img-$release" "/boot/config-$release" "/boot/System.map-$release"
done < request/kernels-to-remove

# A path without usr/, since a module or an initrd may have it on either side of that link.
plain() { sed -e 's,^usr/\(bin\|sbin\|lib[^/]*\)/,\1/,' | LC_ALL=C sort -u; }
# Of a folder that was removed and made again, overlayfs notes only that: all that was in it below has gone.
opaque() { getfattr --recursive --physical --no-dereference --absolute-names --match='^(trusted|user)\.overlay\.opaque$' upper 2>/dev/null | sed -n 's|^# file: upper/||p'; }
gone_with() {
  while read -r folder; do
    ! in_tree lower "$folder" || [ ! -d "lower/$folder" ] || [ -L "lower/$folder" ] || (cd lower && find "./$folder" -mindepth 1 ! -type d -printf '%p\n' | sed 's|^\./||')
  done
}
changed() { { find upper -mindepth 1 ! -type d -printf '%P\n'; opaque | gone_with; } | plain; }
# Every module that came must be in the list that was made, by its name: of two of one name, depmod takes one.
expect_listed() {
  for list in lib/modules/"$1"/modules.dep usr/lib/modules/"$1"/modules.dep; do ! is_file upper "$list" || break; done
  is_file upper "$list" || { echo "depmod has made no list of the modules of $1" >&2; exit 1; }
  sed -n 's,^\([^:]*\):.*,\1,p' "upper/$list" | sed 's,.*/,,' | LC_ALL=C sort -u > scratch/listed
  find upper -type f -name '*.ko*' -printf '%P\n' | plain | sed -n "s,^lib/modules/$1/,,p" | grep -vE '^(build|source)/' | grep -E '\.ko(\.(gz|xz|zst))?$' | sed 's,.*/,,' | LC_ALL=C sort -u > scratch/came
  LC_ALL=C comm -23 scratch/came scratch/listed > scratch/unlisted
  [ ! -s scratch/unlisted ] || { echo "depmod has not listed $(head -n 1 scratch/unlisted) of $1" >&2; exit 1; }
}
# The lists themselves do not count: they are what is made.
changed | grep -v '^lib/modules/[^/]*/modules\.' | sed -n 's|^lib/modules/\([^/]*\)/.*|\1|p' | LC_ALL=C sort -u > scratch/releases
while read -r release; do
  in_root sh -c '[ -d "/lib/modules/$1" ]' sh "$release" || continue
  in_root depmod "$release"
  expect_listed "$release"
  echo "$release" >> answer/depmod
done < scratch/releases

is_new() {
  # On the list, and in no upper folder: it has gone with the folder that it was in.
  in_tree upper "$1" || in_tree upper "usr/$1" || return 0
  for path in "$1" "usr/$1"; do
    in_tree upper "$path" || continue
    if [ -L "upper/$path" ]; then in_tree lower "$path" && [ -L "lower/$path" ] && [ "$(readlink "upper/$path")" = "$(readlink "lower/$path")" ] || return 0
    else is_file upper "$path" && is_file lower "$path" && cmp -s "upper/$path" "lower/$path" || return 0
    fi
  done
  return 1
}
# initrd_is_stale INITRD RELEASE
initrd_is_stale() {
  : > scratch/firmware
  # One that cannot be listed may hold anything. `set -e` does not hold here.
  if ! in_root lsinitramfs "$1" > scratch/listing || [ ! -s scratch/listing ]; then
    echo 'what it holds could not be listed' >> answer/initrd-why
    return 0
  fi
  sed -e 's|^\./||' scratch/listing | plain > scratch/initrd-files
  LC_ALL=C comm -12 scratch/changed scratch/initrd-files > scratch/suspects
  # A module in updates/ is taken instead of the kernel's own of that name; what rules and hooks add is in no list yet.
  sed -n 's|.*/\([^/]*\.ko\)\(\.[a-z]*\)\?$|\1|p' scratch/initrd-files | LC_ALL=C sort -u > scratch/initrd-modules
  grep "^lib/modules/$2/.*\.ko" scratch/changed | while read -r path; do
    name=$(basename "$path" | sed 's|\.ko\..*|.ko|')
    ! grep -qxF "$name" scratch/initrd-modules || echo "$path"
  done >> scratch/suspects
  # What it is made by; what hooks of Debian's packages take in besides: names of interfaces, rules, disks, microcode.
  grep -E -e '^(etc|share|usr/share|lib)/(initramfs-tools|modprobe\.d)/' -e '^(etc|lib)/systemd/network/[^/]*\.link$' -e '^etc/(udev|lvm|mdadm|multipath|iscsi|live|cryptsetup-initramfs|plymouth)/' \
    -e '^etc/(crypttab|mdadm\.conf|multipath\.conf|fstab|modules)$' -e '^lib/(live|cryptsetup|mdadm)/' -e '^lib/firmware/(intel|amd)-ucode/' scratch/changed >> scratch/suspects || true
  # And what the modules in it load; modinfo fails for those that the kernel has built in, and tells of the others.
  mapfile -t names < <(sed 's/\.ko$//' scratch/initrd-modules)
  [ "${#names[@]}" = 0 ] || in_root modinfo -k "$2" -F firmware -- "${names[@]}" > scratch/firmware 2>/dev/null || :
  awk 'FILENAME == ARGV[1] { wanted[$0]; next } /^lib\/firmware\// { name = $0; sub("^lib/firmware/(updates/)?", "", name); sub("\\.(xz|zst)$", "", name); if (name in wanted) print }' scratch/firmware scratch/changed >> scratch/suspects
  while read -r path; do
    if is_new "$path"; then
      echo "$path" >> answer/initrd-why
      return 0
    fi
  done < scratch/suspects
  return 1
}
# An initrd has such lists of its own, of the modules that are in it.
changed > scratch/all-changed
grep -vE '^lib/modules/[^/]*/modules\.((alias|dep|symbols)(\.bin)?|builtin\.(alias\.)?bin|devname|softdep|weakdep)$' scratch/all-changed > scratch/changed || [ $? = 1 ]
can_list=$(in_root sh -c '[ ! -x /usr/bin/lsinitramfs ] || echo yes')
while read -r release initrd; do
  if [ "$initrd" != new ]; then
    if [ -z "$can_list" ]; then
      # Who asks may be right; without a list there is no telling.
      { ! is_file run initrd-asked || [ ! -s run/initrd-asked ]; } && ! grep -qE "^(lib/modules/$release/kernel/.*\.ko|etc/(initramfs-tools|dracut.*)/)" scratch/changed || echo no-initramfs-tools >> answer/notes
      continue
    fi
    initrd_is_stale "$initrd" "$release" || continue
  fi
  if ! in_root sh -c 'command -v mkinitramfs' >/dev/null; then
    [ "$initrd" != new ] || { echo 'the image has no mkinitramfs (package initramfs-tools-core), so no initrd can be made for another kernel' >&2; exit 1; }
    echo no-initramfs-tools >> answer/notes
    continue
  fi
  # It writes ld.so.cache into an initrd by a chroot.
  wall --cap-add cap_sys_chroot -- env TMPDIR=/run/nat64-forge/tmp mkinitramfs -o /run/nat64-forge/initrd "$release"
  is_file run initrd || { echo 'mkinitramfs made no file' >&2; exit 1; }
  [ -s run/initrd ] || { echo "mkinitramfs made no initrd for $release" >&2; exit 1; }
  # Written into the file that is there: owner and permissions stay.
  [ "$initrd" != "/boot/initrd.img-$release" ] && [ "$initrd" != new ] || in_root sh -c "cat /run/nat64-forge/initrd > '/boot/initrd.img-$release'"
  mv run/initrd "answer/initrd-$release"
done < request/initrds
# Who asked may know of something that is not known here.
if [ ! -e answer/initrd-why ] && is_file run initrd-asked && grep -q -e '-u' run/initrd-asked; then echo initrd-asked >> answer/notes; fi

in_root sh -c 'umask 022; manifest=/usr/share/doc/nat64-forge/manifest.json; rm -rf "$manifest"; mkdir -p /usr/share/doc/nat64-forge && : > "$manifest"'
umount --recursive --lazy merged
# Who writes it does so from outside: it must be where it seems to be.
if ! is_file upper usr/share/doc/nat64-forge/manifest.json; then
  echo 'the image has a link on the way to /usr/share/doc' >&2
  exit 1
fi
# Notes that installing leaves: logs, backups, caches that hold times. What the image had of them stays as it was.
for path in var/log/dpkg.log var/log/alternatives.log var/log/apt var/lib/dpkg/status-old var/lib/dpkg/diversions-old var/lib/dpkg/statoverride-old var/lib/dpkg/lock \
  var/lib/dpkg/lock-frontend var/lib/dpkg/triggers/Lock var/cache/ldconfig/aux-cache var/cache/debconf/config.dat-old var/cache/debconf/templates.dat-old \
  var/cache/debconf/passwords.dat-old var/cache/man etc/ld.so.cache~ etc/passwd- etc/group- etc/shadow- etc/gshadow- etc/.pwd.lock; do
  ! in_tree upper "$path" || rm -rf --one-file-system "upper/$path"
done
