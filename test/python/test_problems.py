"""Problems: what a person reads, what a program reads, and how many of them."""
from __future__ import annotations

import unittest

from nat64ctl.problems import Collector, Problem, Problems, Severity, listed, nearest_word, shortened


class Texts(unittest.TestCase):
    def test_a_problem_says_where_what_why_and_what_would_be_valid(self) -> None:
        problem = Problem(Severity.ERROR, "wrong", "a.config", 3, 7, ("nat64", "source"), "Because.", "right")
        self.assertEqual(str(problem), "a.config:3:7: nat64 source: wrong\n    Because.\n    right")
        self.assertEqual(problem.to_json(), {
            "severity": "error", "file": "a.config", "line": 3, "column": 7, "path": ["nat64", "source"], "message": "wrong", "reason": "Because.",
            "remedy": "right",
        })

    def test_a_warning_says_so_and_the_file_as_a_whole_has_no_line(self) -> None:
        self.assertEqual(str(Problem(Severity.WARNING, "odd", "a.config")), "a.config: warning: odd")

    def test_the_exception_holds_all_of_them(self) -> None:
        problems = (Problem(Severity.ERROR, "one", "f", 1, 1), Problem(Severity.ERROR, "two", "f", 2, 1))
        error = Problems(iter(problems))
        self.assertEqual(error.problems, problems)
        self.assertEqual(str(error), "f:1:1: one\nf:2:1: two")

    def test_foreign_text_is_printable_and_short(self) -> None:
        self.assertEqual(shortened("a\x1b[31m\n\udc80b"), "a?[31m??b")
        self.assertEqual(shortened("x" * 61), "x" * 59 + "…")

    def test_words_are_listed_and_near_ones_found(self) -> None:
        self.assertEqual([listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], "and")], ["", "a", "a or b", "a, b and c"])
        self.assertEqual(
            [nearest_word(word, ["prefix", "port"]) for word in ("prefx", "PORT", "zzz", "", "p" * 1000)], ["prefix", "port", None, None, None]
        )


class Collecting(unittest.TestCase):
    def test_a_path_is_printable(self) -> None:
        collector = Collector("f", lambda position: (1, 1))
        collector.error(0, ("a\x1b", "b" * 100), "wrong")
        self.assertEqual(str(collector.finish()[0]), "f:1:1: a? " + "b" * 59 + "…: wrong")

    def test_problems_come_in_the_order_of_the_file(self) -> None:
        collector = Collector("f", lambda position: (position, 1))
        collector.error(9, ("a",), "later")
        collector.warning(2, ("b",), "between")
        collector.syntax_error(1, 4, "first")
        self.assertEqual([str(problem) for problem in collector.finish()], ["f:1:4: first", "f:2:1: warning: b: between", "f:9:1: a: later"])
        self.assertEqual((collector.failed, collector.unreadable), (True, True))

    def test_beyond_the_limit_they_are_counted(self) -> None:
        collector = Collector("f", lambda position: (position, 1), 2)
        for position in range(1, 6):
            collector.error(position, (), "wrong")
        collector.warning(1, (), "odd")
        self.assertEqual(
            [str(problem) for problem in collector.finish()],
            ["f:1:1: wrong", "f:1:1: warning: odd", "f:2:1: wrong", "f: 3 more errors are not shown"],
        )
        self.assertFalse(collector.wants_errors)

    def test_a_warning_is_no_failure(self) -> None:
        collector = Collector("f", lambda position: (1, 1))
        collector.warning(1, (), "odd")
        self.assertEqual((collector.failed, collector.unreadable), (False, False))


if __name__ == "__main__":
    unittest.main()
