"""Short ways to check a text in tests."""
from __future__ import annotations

from typing import List, Optional

from support.sample_tree import TREE

from nat64ctl.check import CheckResult, RouterFacts, check_text
from nat64ctl.model import Configuration
from nat64ctl.problems import Severity

#: Said of every configuration with a rule, or a stateless one, in mode inline, and of no interest to most tests.
FIREWALL = "the forward firewall does not see what is translated in mode inline"
ALL_IPV4 = "stateless and inline, Jool translates every IPv4 packet that this router forwards"


def result_of(text: str, facts: Optional[RouterFacts] = None) -> CheckResult:
    return check_text(text.encode("utf-8", "surrogateescape"), "f", facts, TREE)


def heads(text: str, facts: Optional[RouterFacts] = None) -> List[str]:
    """First lines of all problems but what is said of every inline rule, without the file's name."""
    found = [problem for problem in result_of(text, facts).problems if problem.message not in (FIREWALL, ALL_IPV4)]
    return [str(problem).split("\n")[0][len("f:"):] for problem in found]


def valid(text: str, facts: Optional[RouterFacts] = None) -> Configuration:
    """The model of a text that must have no error; warnings are none of this function's business."""
    result = result_of(text, facts)
    errors = [str(problem) for problem in result.problems if problem.severity is Severity.ERROR]
    assert result.configuration is not None and not errors, "\n".join(errors)
    return result.configuration
