"""The check, and beyond it whether a plan can be made at all: what is good here fails in `apply` only for the router's sake."""

from __future__ import annotations

from typing import Optional

from .check import CheckResult, RouterFacts, check_text
from .desired import Unplannable, desired_state
from .problems import Problem, Severity


def check_applicable(text: bytes, file_name: str, facts: Optional[RouterFacts] = None) -> CheckResult:
    """What there is to say about a text, and the configuration where nothing of it is an error."""
    result = check_text(text, file_name, facts)
    if result.configuration is not None:
        try:
            desired_state(result.configuration)
        except Unplannable as error:
            # What the check did not foresee; it must not become an error of `apply`.
            problem = Problem(Severity.ERROR, error.message, file_name, path=error.rules)
            return CheckResult(None, result.problems + (problem,))
    return result
