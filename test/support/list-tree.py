"""Prints everything about a tree of files that an image of it must keep, a line a name, in the order of their bytes."""
import errno
import hashlib
import os
import stat
import sys


def attributes(path: bytes) -> list[str]:
    try:
        return sorted(os.listxattr(path, follow_symlinks=False))
    except OSError as error:
        # The kernel's word for a squashfs in which nothing has any.
        if error.errno != errno.ENOTSUP:
            raise
        return []


def described(path: bytes) -> str:
    info = os.lstat(path)
    words = [stat.filemode(info.st_mode), str(info.st_uid), str(info.st_gid), str(int(info.st_mtime))]
    if not stat.S_ISDIR(info.st_mode):
        words.append('links=%d' % info.st_nlink)
    if stat.S_ISREG(info.st_mode):
        with open(path, 'rb') as file:
            words.append('%d %s' % (info.st_size, hashlib.sha256(file.read()).hexdigest()))
    if stat.S_ISLNK(info.st_mode):
        words.append(repr(os.readlink(path)))
    if stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
        words.append('device=%d' % info.st_rdev)
    for name in attributes(path):
        words.append('%s=%r' % (name, os.getxattr(path, name, follow_symlinks=False)))
    return ' '.join(words)


def main(root: bytes) -> None:
    names = [root]
    groups = {}
    for folder, folders, files in os.walk(root):
        names += [os.path.join(folder, name) for name in folders + files]
    for name in sorted(names):
        info = os.lstat(name)
        # Which names are one file, by the first of them.
        first = groups.setdefault((info.st_dev, info.st_ino), name)
        link = ' same as %r' % first[len(root):] if first != name else ''
        print('%r %s%s' % (name[len(root):], described(name), link))


main(os.fsencode(sys.argv[1]))
