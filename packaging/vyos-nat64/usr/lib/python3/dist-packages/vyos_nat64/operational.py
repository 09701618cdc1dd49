"""VyOS's operational commands: functions as vyos.opmode runs them and as VyOS's API calls them.

What is plain is a table as VyOS has them, what is raw is what nat64ctl prints with --json. `family` is nat64 or nat46. What runs is asked of the
translators; the configuration is the one that was committed last.

Each command is a process of its own, and most of its time is spent on what it imports: what only some of them need is imported there.
"""

from __future__ import annotations

import io
import os
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Union

import vyos.opmode

from nat64ctl.check import check_text
from nat64ctl.configuration_file import VYOS_FILE
from nat64ctl.failures import FAILURES, failure_lines
from nat64ctl.model import Configuration
from nat64ctl.observe.filters import BadFilter, Filter, make_filter
from nat64ctl.observe.printing import print_table
from nat64ctl.operations import ApplyFailed
from nat64ctl.problems import Severity
from nat64ctl.system import LocalSystem, System, locked

from .configuration import FAMILIES, lines_by_root

Shown = Union[str, Dict[str, Any], List[Any]]

#: Where people look for what VyOS has made for them.
_ARCHIVES = "/tmp"  # noqa: S108 - the name is new and the file is made with O_EXCL


def show_rules(raw: bool, family: str) -> Shown:
    from nat64ctl.observe import rules

    with _router(family) as (system, configuration):
        rows = [row for row in rules.rule_rows(system, configuration) if _of(row.rule, family)]
        return [rules.rule_json(row) for row in rows] if raw else _table(rules.HEADER, map(rules.rule_cells, rows))


def show_statistics(raw: bool, family: str) -> Shown:
    from nat64ctl.observe import statistics

    with _router(family) as (system, configuration):
        found = [each for each in statistics.statistics(system, Filter(), configuration) if _of_any(each.rules, family)]
        if raw:
            return [statistics.statistics_json(each) for each in found]
        parts = [statistics.heading(each) + "\n" + _table(statistics.HEADER, statistics.statistics_cells(each, False)) for each in found]
        return "\n\n".join(parts)


def show_translations(
    raw: bool, family: str, address: Optional[str] = None, protocol: Optional[str] = None, port: Optional[str] = None, rule: Optional[str] = None
) -> Shown:
    return _translations(raw, family, _filter(family, address, protocol, port, rule), False)


def show_bib(
    raw: bool, family: str, address: Optional[str] = None, protocol: Optional[str] = None, port: Optional[str] = None, rule: Optional[str] = None
) -> Shown:
    return _translations(raw, family, _filter(family, address, protocol, port, rule), True)


def _translations(raw: bool, family: str, chosen: Filter, only_bindings: bool) -> Shown:
    from nat64ctl.observe import translations

    with _router(family) as (system, configuration):
        found = translations.translations(system, chosen, configuration, time.time(), only_bindings)
        rows = (row for row in found if _of(row.rule, family) and (not only_bindings or row.kind.endswith("binding")))
        return [translations.translation_json(row) for row in rows] if raw else _table(translations.HEADER, translations.translation_cells(rows))


def show_pools(raw: bool, family: str) -> Shown:
    from nat64ctl.observe import pools

    with _router(family) as (system, configuration):
        rows = (row for row in pools.pool_rows(system, Filter(), configuration) if _of(row.rule, family))
        return [pools.pool_json(row) for row in rows] if raw else _table(pools.HEADER, map(pools.pool_cells, rows))


def show_timeouts(raw: bool, family: str) -> Shown:
    from nat64ctl.observe import timeouts

    with _router(family) as (system, configuration):
        rows = [row for row in timeouts.timeout_rows(system, Filter(), configuration) if _of_any(row.rules, family)]
        return [timeouts.timeout_json(row) for row in rows] if raw else _table(timeouts.HEADER, map(timeouts.timeout_cells, rows))


def show_status(raw: bool, family: str) -> Shown:
    """Also where nothing is configured: then it says so."""
    from nat64ctl.observe import status

    _expect(family)
    with _failures():
        system = LocalSystem()
        text = _committed(system)
        found = status.router_status(system, VYOS_FILE, _configuration(text), text is None)
        return status.status_json(found) if raw else _table(status.HEADER, status.status_cells(found))


def show_synchronization(raw: bool, family: str) -> Shown:
    from nat64ctl.observe.synchronization import daemon_rows, synchronization_cells, synchronization_json

    with _router(family) as (system, configuration):
        own = None if configuration is None else getattr(configuration, family + "_synchronization")
        if own is None:
            raise vyos.opmode.UnconfiguredSubsystem("%s synchronization is not configured" % family.upper())
        daemons = daemon_rows(system)
        return synchronization_json(own, daemons) if raw else _table(("What", "State"), synchronization_cells(own, daemons))


def show_log(raw: bool, family: str) -> Shown:
    """Also of translators that are configured no more."""
    from . import log

    _expect(family)
    with _failures():
        entries = log.entries(LocalSystem(), family)
        return [log.entry_json(entry) for entry in entries] if raw else "\n".join(log.entry_line(entry) for entry in entries) or "-- No entries --"


def reset_translations(family: str, address: Optional[str] = None) -> None:
    _forget(family, _filter(family, address, None, None, None))


def reset_rule(family: str, rule: str) -> None:
    _forget(family, _filter(family, None, None, None, rule))


def _forget(family: str, chosen: Filter) -> None:
    from nat64ctl.reset import outcome_words, reset_translations

    with _router(family, *FAMILIES) as (system, configuration), locked():
        outcomes = reset_translations(system, chosen, configuration, False, print)
    for outcome in outcomes:
        print(outcome_words(outcome))
    if not outcomes:
        print("nothing translates with a state that could be reset")


def reset_statistics(family: str) -> None:
    from nat64ctl.observe import statistics

    with _router(family, *FAMILIES) as (system, _), locked():
        names = statistics.reset_statistics(system, int(time.time()))
    print("from now on statistics count from zero for %s" % ", ".join(names) if names else "nothing translates, so there is nothing to count")


def restart_translators(family: str) -> None:
    """Takes all of it away and makes it anew. What TAYGA keeps over restarts stays."""
    from nat64ctl.applicable import check_applicable
    from nat64ctl.router_facts import router_facts

    from .restart import RestartFailed, restart

    # The lock comes first: a commit that ends meanwhile must not be undone by what was read before it.
    with _failures(), locked(), _router(family, *FAMILIES) as (system, _):
        # With what the router says: what could not be made anew is not taken away.
        result = check_applicable((_committed(system) or "").encode(), "", router_facts(system))
        if result.configuration is None:
            errors = [str(problem) for problem in result.problems if problem.severity is Severity.ERROR]
            raise vyos.opmode.DataUnavailable("\n".join(["nothing was restarted: this router could not make it anew", *errors]))
        try:
            restart(system, result.configuration)
        except RestartFailed as error:
            raise vyos.opmode.InternalError(str(error)) from error


def generate_debug_archive(raw: bool) -> Shown:
    from nat64ctl.archive import archive_name, write_archive
    from nat64ctl.system import write_new_file

    with _failures():
        when = int(time.time())
        root, name = archive_name(when)
        path = os.path.join(_ARCHIVES, name)
        data, found = write_archive(LocalSystem(), VYOS_FILE, root, when, lambda _: None)
        write_new_file(path, data)
        _give_to_caller(path)
    incomplete = sum(1 for each in found if each.problem)
    if raw:
        return {"archive": path, "pieces": len(found), "incomplete": incomplete}
    return (
        "%s: %d pieces, %d of them incomplete or not there: see %s/CONTENTS\n" % (path, len(found), incomplete, root)
        + "It has no passwords and no keys; it has addresses and the firewall's rules. Look through it before you give it away."
    )


def _give_to_caller(path: str) -> None:
    """Who asked through sudo can read it, and nobody else."""
    user, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if user.isdigit() and group.isdigit():
        os.chown(path, int(user), int(group))


@contextmanager
def _router(family: str, *others: str) -> Iterator[Any]:
    """This router and the configuration that was committed, None where it cannot be read. @raises vyos.opmode.Error, for all that can go wrong

    `others`: families with which the command has something to do as well.
    """
    _expect(family)
    with _failures():
        system: System = LocalSystem()
        text = _committed(system)
        if not any(line.startswith("set %s " % each) for line in (text or "").split("\n") for each in (family, *others)):
            raise vyos.opmode.UnconfiguredSubsystem("%s is not configured" % " or ".join(each.upper() for each in dict.fromkeys((family, *others))))
        yield system, _configuration(text)


def _committed(system: System) -> Optional[str]:
    """What was committed last, as `set` lines; None where that is nothing."""
    text = system.read_file(VYOS_FILE)
    if text is not None:
        return text
    # No commit since the package came, or nothing is configured: only VyOS knows. Its library takes its time, so it is asked only then.
    from vyos.config import Config

    return "".join(lines_by_root(Config(), active=True).values()) or None


def _configuration(text: Optional[str]) -> Optional[Configuration]:
    # That a plan can be made of it was found out when it was committed.
    return None if text is None else check_text(text.encode(), VYOS_FILE).configuration


def _expect(family: str) -> None:
    if family not in FAMILIES:
        raise vyos.opmode.IncorrectValue("the family is nat64 or nat46, not %s" % family)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except ApplyFailed as error:
        raise vyos.opmode.InternalError("\n".join(failure_lines(error))) from error
    except FAILURES as error:
        raise vyos.opmode.DataUnavailable("\n".join(failure_lines(error))) from error


def _filter(family: str, address: Optional[str], protocol: Optional[str], port: Optional[str], rule: Optional[str]) -> Filter:
    _expect(family)
    try:
        return make_filter(address, protocol, port, None if rule is None else "%s-%s" % (family, rule))
    except BadFilter as error:
        raise vyos.opmode.IncorrectValue(str(error).replace("--", "")) from None


def _of(label: Optional[str], family: str) -> bool:
    """Whatever is nobody's is shown with nat64."""
    return family == FAMILIES[0] if label is None else label.startswith(family + "-")


def _of_any(labels: Sequence[str], family: str) -> bool:
    return any(_of(label, family) for label in labels or (None,))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Without the last line end: whoever prints it adds one."""
    text = io.StringIO()
    print_table(header, rows, text)
    return text.getvalue().rstrip("\n")
