"""VyOS's dictionaries as text that nat64ctl reads. Knows no node by its name.

Text, and not nodes, so that there is one way into nat64ctl's model, and so that what was committed is a file that people and nat64ctl can read.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping

from nat64ctl.set_lines import render_word

#: Roots of VyOS's configuration that are one configuration of nat64ctl: rules of both may share a translator.
FAMILIES = ("nat64", "nat46")


def set_lines(trees: Mapping[str, Any]) -> str:
    """`set` lines of the given roots. A tree has names as keys, {} where nothing comes below, a text or a list of texts as values."""
    return "".join("set %s\n" % " ".join(words) for family in FAMILIES for words in _statements([family], trees.get(family, {})) if len(words) > 1)


def lines_by_root(config: Any, active: bool = False) -> Dict[str, str]:
    """Of VyOS's Config: what is proposed in a session; `active`: what was committed."""
    trees = {each: config.get_config_dict([each], effective=active, get_first_key=True, no_multi_convert=True) for each in FAMILIES}
    return {each: set_lines({each: tree}) for each, tree in trees.items()}


def _statements(path: List[str], value: Any) -> Iterator[List[str]]:
    if isinstance(value, dict):
        below: Dict[str, Any] = value
        if not below:
            yield path
        for name, each in below.items():
            # Names of tags are whatever somebody has typed.
            yield from _statements([*path, name if name.replace("-", "").isalnum() else render_word(name)], each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _statements(path, each)
    else:
        yield [*path, render_word(str(value))]
