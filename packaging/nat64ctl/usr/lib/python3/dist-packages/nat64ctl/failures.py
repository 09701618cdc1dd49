"""What can go wrong on a router that works as it should, in words for people; whoever ends a program with it chooses the exit status."""

from __future__ import annotations

from typing import List

from .engines.jool_tables import UnknownTable
from .observe.statistics import BadBaseline
from .operations import ApplyFailed
from .requirements import Missing
from .system import Unreadable, said

#: All of them.
FAILURES = (Missing, Unreadable, ApplyFailed, UnknownTable, BadBaseline, OSError)


def failure_lines(error: Exception) -> List[str]:
    """What failed, and below it a program's own words and what to do. Of one of FAILURES."""
    if isinstance(error, Missing):
        lines = [error.message, error.words, "remedy: " + error.remedy]
    elif isinstance(error, Unreadable):
        lines = ["cannot read what runs: `%s` failed" % " ".join(error.result.argv), said(error.result)]
    elif isinstance(error, ApplyFailed):
        remains = ["not as before: " + each for each in error.remains]
        lines = ["failed: " + error.operation, error.command, error.words, *(remains or ["everything is as it was before"])]
    elif isinstance(error, UnknownTable):
        lines = ["the translator's tools are of a version that this nat64ctl does not know: %s" % error]
    elif isinstance(error, BadBaseline):
        lines = [str(error), "`nat64ctl reset statistics` writes it anew; without it counters are since the start"]
    elif isinstance(error, OSError):
        lines = ["%s: %s" % (error.filename or "", error.strerror or error)]
    else:
        lines = [str(error)]
    return [line for line in lines if line]
