"""tree.json: what is read, and what is refused as a fault of the package."""
from __future__ import annotations

import os
import tempfile
import unittest
from typing import Any

from nat64ctl import tree


class Reading(unittest.TestCase):
    def test_a_node_has_what_the_file_says(self) -> None:
        read = tree.parse({"version": 1, "roots": {"a": {"kind": "node", "help": "A", "children": {
            "b": {"kind": "tag", "help": "B", "value": [{"type": "integer", "min": 1, "max": 9, "help": "n"}], "children": {
                "c": {"kind": "leaf", "help": "C",
                      "value": [{"type": "word", "words": [{"word": "x", "help": ""}]}, {"type": "text", "maxLength": 5}],
                      "multi": True, "default": "x", "unit": "seconds", "required": True, "engines": ["jool"], "modes": ["isolated"]},
            }},
        }}}})
        tag = read.roots["a"].children["b"]
        leaf = tag.children["c"]
        self.assertEqual((tag.kind, tag.value[0].min, tag.value[0].max, tag.value[0].help), ("tag", 1, 9, "n"))
        self.assertEqual((leaf.name, leaf.help, leaf.multi, leaf.default, leaf.unit, leaf.required), ("c", "C", True, "x", "seconds", True))
        self.assertEqual((leaf.value[0].words, leaf.value[1].max_length), (("x",), 5))
        self.assertEqual((leaf.engines, leaf.modes, read.roots["a"].limited), (("jool",), ("isolated",), True))
        self.assertEqual(tree.switch_words(leaf), None)

    def test_switches_with_words_are_told_from_other_words(self) -> None:
        def of(*words: str) -> Any:
            return tree.switch_words(tree.TreeNode("x", "leaf", value=(tree.ValueType("word", words=words),)))
        self.assertEqual([of("disable", "enable"), of("on", "off"), of("enable"), of()], [("enable", "disable"), ("on", "off"), None, None])

    def test_what_the_generator_does_not_write_is_refused(self) -> None:
        leaf = {"kind": "leaf"}
        cases = [
            ([], "version 1 expected"), ({"version": 2}, "version 1 expected"), ({"version": 1, "roots": {}}, "no roots"),
            ({"version": 1, "roots": {"a": {"kind": "twig"}}}, "a: kind must be one of node, tag, leaf"),
            ({"version": 1, "roots": {"a": {"kind": "leaf", "children": {"b": leaf}}}}, "a: a leaf cannot be so"),
            ({"version": 1, "roots": {"a": {"kind": "tag", "children": {"b": leaf}}}}, "a: a tag cannot be so"),
            (
                {"version": 1, "roots": {"a": {"kind": "node", "children": {"b": {"kind": "leaf", "value": [{"type": "colour"}]}}}}},
                "a b: type must be one of",
            ),
        ]
        for document, message in cases:
            with self.subTest(message), self.assertRaisesRegex(tree.TreeError, f"^tree.json: {message}"):
                tree.parse(document)

    def test_a_file_that_is_not_json_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tree.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write("{")
            with self.assertRaisesRegex(tree.TreeError, "tree.json: Expecting property name"):
                tree.load(path)


if __name__ == "__main__":
    unittest.main()
