"""Takes this package's nodes into what VyOS knows its nodes from, beside the templates, and out of it again.

VyOS 1.4 and later have a cache in Python, which VyOS's own program makes of the packages' parts; since 2025 also a reference tree, which VyOS's
library makes of interface definitions. Both are made beside the old ones and take their places whole: without them VyOS does not start. What
was there before is kept, on the disk before anything takes its place, and put back where nobody else has changed it.

The maintainer scripts run this, with the folder that is the root: `reference.py merge|restore ROOT`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional

_OWN = "vyos_nat64_cache.py"
#: A root that VyOS has not, so what has it has this package's nodes.
_MARK = "nat46"


#: Run with VyOS's modules. Where both trees have a node, the one of VyOS wins.
_MERGE_TREES = """
import sys
from vyos.configtree import interface_definitions_to_cache, merge_reference_tree_cache
interface_definitions_to_cache(sys.argv[1], sys.argv[2] + "/vyos-nat64.cache")
merge_reference_tree_cache(sys.argv[2], "reftree.cache", "merged.cache")
"""


class Failure(Exception):
    """What VyOS's own programs refused."""


@dataclass(frozen=True)
class Places:
    root: str

    def _in(self, path: str) -> str:
        return os.path.join(self.root, path)

    @property
    def packages(self) -> str:
        return self._in("usr/lib/python3/dist-packages")

    @property
    def cache(self) -> str:
        return os.path.join(self.packages, "vyos/xml_ref/cache.py")

    @property
    def tree(self) -> str:
        return self._in("usr/share/vyos/reftree.cache")

    @property
    def definitions(self) -> str:
        return self._in("usr/share/vyos-nat64/interface-definitions")

    @property
    def state(self) -> str:
        return self._in("var/lib/vyos-nat64")


def merge(places: Places) -> None:
    """May be called again: what it finds merged stays as it is."""
    if os.path.exists(places.cache):
        _Kept(places, places.cache, _cache_inputs(places)).replace_by(_new_cache(places, with_own=True))
    if os.path.exists(places.tree):
        kept = _Kept(places, places.tree, [])
        kept.replace_by(_new_tree(places, kept.original or places.tree))


def restore(places: Places) -> None:
    """A removal that failed would help nobody: what cannot be put back is told, and the rest is done."""
    for step in (_restore_cache, _restore_tree):
        try:
            step(places)
        except (Failure, OSError) as error:
            _warn("VyOS's reference of its nodes keeps those of this package, to no effect but that VyOS still offers them: %s" % error)


def _restore_cache(places: Places) -> None:
    if not os.path.exists(places.cache) or _Kept(places, places.cache, _cache_inputs(places)).put_back() or not _has_mark(places.cache):
        return
    try:
        content = _new_cache(places, with_own=False)
    except (Failure, OSError) as error:
        _warn("VyOS's own program does not make its reference anew, so this package's nodes are taken out of it: %s" % error)
        content = _filtered_cache(places)
    _write(places.cache, content)


def _restore_tree(places: Places) -> None:
    # A tree that VyOS has replaced since has none of ours, or dpkg's trigger has made it one of ours again.
    if os.path.exists(places.tree) and not _Kept(places, places.tree, []).put_back() and _has_mark(places.tree):
        # VyOS's library only adds to a tree, and what made VyOS's own is not in an image.
        _warn(
            "/usr/share/vyos/reftree.cache still has the nodes of this package, and what VyOS had there is lost: "
            "VyOS goes on offering nat46, and a commit of it will fail. Install the package vyos-1x again, or upgrade the image")


def _warn(text: str) -> None:
    print("vyos-nat64: " + text, file=sys.stderr)


class _Kept:
    """The original of a file that is replaced, with a record of what it stands for."""

    def __init__(self, places: Places, path: str, inputs: List[str]) -> None:
        self._path = path
        self._state = places.state
        self._copy = os.path.join(places.state, os.path.basename(path))
        self._inputs = {os.path.basename(each): _digest(each) for each in inputs}

    @property
    def original(self) -> Optional[str]:
        """Its path, while the file is what it was replaced by (or about to be), and what both were made of is the same."""
        record = self._record()
        if record is None or not os.path.exists(self._copy):
            return None
        fits = record.get("inputs") == self._inputs and record.get("original") == _digest(self._copy)
        return self._copy if fits and _digest(self._path) in (record.get("before"), record.get("merged")) else None

    def replace_by(self, content: bytes) -> None:
        if self.original is None and not _has_mark(self._path):
            os.makedirs(self._state, exist_ok=True)
            shutil.copy2(self._path, self._copy + ".new")
            _sync(self._copy + ".new")
            os.replace(self._copy + ".new", self._copy)
        elif self.original is None:
            # Somebody else has made it with our nodes: there is no original to put back.
            self._forget()
            _write(self._path, content)
            return
        # The record first, and on the disk: half-way, the file is the original or what an earlier version made of it, and the record fits that
        # as well.
        record: Dict[str, object] = {"inputs": self._inputs, "original": _digest(self._copy), "merged": hashlib.sha256(content).hexdigest()}
        if not record.items() <= (self._record() or {}).items():
            self._keep(dict(record, before=_digest(self._path)))
        _write(self._path, content)

    def _keep(self, record: Dict[str, object]) -> None:
        with open(self._copy + ".json.new", "w", encoding="utf-8") as file:
            json.dump(record, file)
        _sync(self._copy + ".json.new")
        os.replace(self._copy + ".json.new", self._copy + ".json")
        for folder in (self._state, os.path.dirname(self._state)):
            _sync(folder)

    def put_back(self) -> bool:
        original = self.original
        if original is None:
            return False
        temporary = self._path + ".vyos-nat64"
        shutil.copy2(original, temporary)
        _sync(temporary)
        os.replace(temporary, self._path)
        _sync(os.path.dirname(self._path))
        self._forget()
        return True

    def _record(self) -> Optional[Dict[str, object]]:
        try:
            with open(self._copy + ".json", encoding="utf-8") as file:
                record = json.load(file)
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def _forget(self) -> None:
        for path in (self._copy, self._copy + ".json"):
            if os.path.exists(path):
                os.remove(path)


def _cache_inputs(places: Places) -> List[str]:
    folder = os.path.join(os.path.dirname(places.cache), "pkg_cache")
    return [os.path.join(folder, name) for name in _cache_names(folder) if name != _OWN]


def _cache_names(folder: str) -> Iterator[str]:
    return (name for name in sorted(os.listdir(folder)) if name.endswith("_cache.py"))


def _new_cache(places: Places, with_own: bool) -> bytes:
    """VyOS's program writes where it lies, so it is run in a copy of its folder."""
    folder = os.path.dirname(places.cache)
    with tempfile.TemporaryDirectory(prefix=".vyos-nat64-", dir=os.path.dirname(folder)) as copy:
        for name in os.listdir(folder):
            if name.endswith(".py") and name != "cache.py":
                shutil.copyfile(os.path.join(folder, name), os.path.join(copy, name))
        parts = os.path.join(copy, "pkg_cache")
        os.mkdir(parts)
        open(os.path.join(parts, "__init__.py"), "wb").close()
        for name in _cache_names(os.path.join(folder, "pkg_cache")):
            if with_own or name != _OWN:
                shutil.copyfile(os.path.join(folder, "pkg_cache", name), os.path.join(parts, name))
        _run(places, [os.path.join(copy, "update_cache.py")])
        result = os.path.join(copy, "cache.py")
        if not os.path.exists(result):
            raise Failure("vyos/xml_ref/update_cache.py made no cache.py")
        with open(result, "rb") as file:
            content = file.read()
    # VyOS's program does not say when its disk is full, and half a cache stops VyOS.
    reference = _reference(content)
    if not reference or (with_own and _MARK not in reference):
        raise Failure("vyos/xml_ref/update_cache.py made a cache.py that is not whole")
    return content


def _filtered_cache(places: Places) -> bytes:
    """What is there without what only this package has. Needs no program of VyOS's, only its parts."""
    folder = os.path.join(os.path.dirname(places.cache), "pkg_cache")
    parts = {name: _reference(_read(os.path.join(folder, name))) for name in _cache_names(folder)}
    reference, own = _reference(_read(places.cache)), parts.pop(_OWN, None)
    if not reference or not own:
        raise Failure("vyos/xml_ref/cache.py or its part pkg_cache/%s is not whole" % _OWN)
    others = [part for part in parts.values() if part]
    if others:
        _take_out(reference, own, others)
    else:
        # Nobody knows which nodes below a shared root are VyOS's.
        reference.pop(_MARK, None)
    return ("reference = %s" % reference).encode()


def _take_out(reference: Dict[str, Any], own: Dict[str, Any], others: List[Dict[str, Any]]) -> None:
    for name, below in own.items():
        known = [each[name] for each in others if name in each]
        if not known:
            reference.pop(name, None)
        elif isinstance(below, dict) and isinstance(reference.get(name), dict):
            _take_out(reference[name], below, [each for each in known if isinstance(each, dict)])


def _reference(content: bytes) -> Dict[str, Any]:
    """Empty where it is none."""
    try:
        scope: Dict[str, Any] = {}
        exec(compile(content, "cache.py", "exec"), scope)  # noqa: S102 - what VyOS will import
        reference = scope.get("reference")
    except (SyntaxError, ValueError, NameError):
        return {}
    return reference if isinstance(reference, dict) else {}


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _new_tree(places: Places, base: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="vyos-nat64-") as work:
        parts = os.path.join(work, "parts")
        os.mkdir(parts)
        shutil.copyfile(base, os.path.join(parts, "reftree.cache"))
        _run(places, ["-c", _MERGE_TREES, places.definitions, parts])
        try:
            with open(os.path.join(parts, "merged.cache"), "rb") as file:
                content = file.read()
        except OSError as error:
            raise Failure("VyOS's library made no reference tree") from error
    if not _marked(content):
        raise Failure("VyOS's library made a reference tree without %s" % _MARK)
    return content


def _run(places: Places, words: List[str]) -> None:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": places.packages}
    result = subprocess.run(
        [sys.executable, *words], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        raise Failure(result.stdout.strip() or "status %d" % result.returncode)


def _has_mark(path: str) -> bool:
    with open(path, "rb") as file:
        return _marked(file.read())


def _marked(content: bytes) -> bool:
    """Python's or JSON's name of a node; not a word of some help text."""
    return any(b"%c%s%c" % (quote, _MARK.encode(), quote) in content for quote in b"\"'")


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _sync(path: str) -> None:
    """A file's content, or a folder's names, on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        # A file system that cannot do it for folders.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(number)


def _write(path: str, content: bytes) -> None:
    """Whole or not at all, with the owner and mode that were there. A file that has this content already keeps its date."""
    with open(path, "rb") as file:
        if file.read() == content:
            return
    there = os.stat(path)
    temporary = path + ".vyos-nat64"
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, there.st_mode & 0o7777)
        os.chown(temporary, there.st_uid, there.st_gid)
        os.replace(temporary, path)
        _sync(os.path.dirname(path))
    except OSError:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise


def main(arguments: List[str]) -> int:
    try:
        {"merge": merge, "restore": restore}[arguments[0]](Places(arguments[1]))
    except (Failure, OSError) as error:
        print("vyos-nat64: VyOS's reference of its nodes stays as it is: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
