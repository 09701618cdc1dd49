"""Both forms of the text: what is read, where each thing is, and what is said of rubbish."""
from __future__ import annotations

import time
import unittest
from typing import List

from support.checking import heads, result_of, valid
from support.lines import source

from nat64ctl.set_lines import render_word
from nat64ctl.syntax import decoded, is_set_form


def description(text: str) -> str:
    return valid(text).source_rules[0].description


def in_braces(inner: str) -> str:
    pool = "translation { pool 1 { address 192.0.2.1\n port 5000\n } }"
    return f"nat64 {{ source {{ rule 10 {{ source {{ prefix 2001:db8:64::/96\n }}\n {pool}\n{inner}\n}} }} }}\n"


class Forms(unittest.TestCase):
    def test_the_first_line_with_content_decides(self) -> None:
        cases = [
            ("set a b", True), ("\n  # c\n\tset a", True), ("/* c */\nset a", True), ("interfaces {\n}\n", False), ("nat64 {", False),
            ('rule "10" {', False),
            ("/* set x */ nat64 {\n set y\n}", False), ("// footer\nnat64{", False), ("delete a\nset b", True), ("nonsense", True), ("", True),
            ("} nonsense", False),
        ]
        for text, expected in cases:
            with self.subTest(text):
                self.assertEqual(is_set_form(text), expected)

    def test_a_byte_order_mark_and_line_ends_of_windows_are_no_content(self) -> None:
        self.assertEqual(decoded(b"\xef\xbb\xbfset"), "set")
        self.assertEqual(heads(source().replace("\n", "\r\n")), [])
        self.assertEqual(heads(in_braces("").replace("\n", "\r\n")), [])

    def test_both_forms_mean_the_same(self) -> None:
        lines = source("description 'a \"b\" \\\\ c'", "disable", prefix="2001:db8:64::/96", pool="192.0.2.1", port="5000")
        braces = in_braces('description "a \\"b\\" \\\\ c"\n disable')
        self.assertEqual(valid(lines), valid(braces))

    def test_an_empty_file_is_an_empty_configuration(self) -> None:
        for text in ("", "\n\n", "# nothing\n", "/* nothing */\n", "nat64 { }\n", "set nat64\n"):
            with self.subTest(text):
                self.assertEqual((heads(text), valid(text).source_rules), ([], ()))


class SetLines(unittest.TestCase):
    def test_quotes_and_escapes(self) -> None:
        cases = [
            ("'a b'", "a b"), ('"a b"', "a b"), ("plain", "plain"), ("''", ""), ("'a\\'b'", "a'b"), ("'a\\\"b'", 'a"b'), ('"a\\\\b"', "a\\b"),
            ("'a\\tb'", "a\tb"),
            ("'a\\d'", "a\\d"), ('"a\\$b"', "a$b"), ("'a\\$b'", "a\\$b"), ("a\\ b", "a b"), ("'it'\"'\"'s'", "it's"), ("a'b'c", "abc"),
            ("'a # b'", "a # b"), ("a#b", "a#b"),
            ("'äö 日本'", "äö 日本"), ("'a\u00a0b'", "a\u00a0b"), ("x # comment", "x"),
        ]
        for written, meant in cases:
            with self.subTest(written):
                self.assertEqual(description(source(f"description {written}")), meant)

    def test_what_is_rendered_is_read(self) -> None:
        for text in ("a b", "it's", 'say "x"', "\\", "a\\nb", "line\nline\ttab", "$HOME `id`", "it's $5 \\ \"q\"", "#", "ä"):
            with self.subTest(text):
                self.assertEqual(description(source(f"description {render_word(text)}")), text)

    def test_commands_that_change_nothing_or_do_not_belong_here(self) -> None:
        self.assertEqual(heads(source() + "comment nat64 source rule 10 'a comment'\n   \n\t# more\n"), [])
        self.assertEqual(heads("delete nat64\nsett nat64\ncommit\nfoo bar\nnat64 {\nset\n" + source()), [
            "1:1: delete is not a part of a configuration", '2:1: unknown command "sett"; did you mean "set"?',
            "3:1: commit is not a part of a configuration",
            '4:1: unknown command "foo"', "5:1: braces among set lines", "6:1: a path is missing after set",
        ])

    def test_faults_of_quoting_have_the_quotes_column(self) -> None:
        text = "set nat64 source rule 10 description 'a b\nset nat64 source rule 10 description \"a\\\"\nset nat64 source rule 10 description a\\\n"
        self.assertEqual(
            heads(text), ["1:38: the closing ' is missing", '2:38: the closing " is missing', "3:39: a backslash at the end of the line"],
        )

    def test_a_leaf_set_twice_has_its_last_value_as_in_vyos(self) -> None:
        text = source("description one", "description two")
        self.assertEqual(
            (heads(text), description(text)), (['5:38: warning: nat64 source rule 10 description: "two" replaces "one" of line 4'], "two"),
        )
        self.assertEqual(heads(source("description one", "description one", "disable", "disable")), [])

    def test_too_few_and_too_many_words(self) -> None:
        self.assertEqual(heads(source("description", "disable now", "description a b", "translation pool", "match mark")), [
            "4:26: nat64 source rule 10 description: the value is missing", '5:34: nat64 source rule 10 disable: "now" is too much',
            '6:40: nat64 source rule 10 description: "b" is too much', "7:38: nat64 source rule 10 translation pool: its number or name is missing",
            "8:32: nat64 source rule 10 match mark: the value is missing",
        ])
        self.assertEqual(heads(source("description " + "x " * 100)), ['4:40: nat64 source rule 10 description: "x" is too much'])

    def test_unknown_names_have_a_suggestion(self) -> None:
        self.assertEqual(heads(source("tranlation pool 1", "option lowest-mtu 1280", "zzz") + "set nat64 sorce\n"), [
            '4:26: nat64 source rule 10: unknown node "tranlation"; did you mean "translation"?',
            '5:33: nat64 source rule 10 option: unknown node "lowest-mtu"; did you mean "lowest-ipv6-mtu"?',
            '6:26: nat64 source rule 10: unknown node "zzz"', '7:11: nat64: unknown node "sorce"; did you mean "source"?',
        ])

    def test_numbers_of_tag_nodes(self) -> None:
        self.assertEqual(heads("".join(f"set nat64 source rule {number}\n" for number in ("0", "1000000", "010", "ten", "-1"))), [
            '1:23: nat64 source rule: "0" is out of range', '2:23: nat64 source rule: "1000000" is out of range',
            '3:23: nat64 source rule: "010" has leading zeros',
            '4:23: nat64 source rule: "ten" is not a number', '5:23: nat64 source rule: "-1" is not a number',
        ])

    def test_other_top_level_nodes_are_read_over(self) -> None:
        others = "set interfaces ethernet eth0 address 'dhcp'\nset nat source rule 1 disable\nset nat66 x\nset firewall name 'a b'\n"
        self.assertEqual(heads(others + source()), [])
        self.assertEqual(heads(others), [" warning: there is no nat64 and no nat46 in this file"])
        self.assertEqual(heads("set nta64 source rule 1\n" + source()), ['1:5: warning: nta64: this node is not read; did you mean "nat64"?'])


class Braces(unittest.TestCase):
    def test_a_whole_config_boot_is_read(self) -> None:
        text = (
            "interfaces {\n    ethernet eth0 {\n        address \"192.0.2.1/24\"\n        description 'a } b'\n    }\n}\n/* ours */\n" + in_braces(
                "disable",
            )
            + "system {\n    host-name router /* c */\n}\n\n\n// Warning: …\n// vyos-config-version: \"bgp@5:nat66@3\"\n// Release version: 1.5\n"
        )
        self.assertEqual(heads(text), [])
        self.assertTrue(valid(text).source_rules[0].disabled)

    def test_a_brace_or_a_comment_ends_a_leaf_too(self) -> None:
        text = "nat64{source{rule 10{source{prefix 2001:db8:64::/96}translation{pool 1{address 192.0.2.1 port}}disable/* x */}}}"
        self.assertEqual(heads(text), ["1:90: too many words", "1:108: too many words"])
        self.assertEqual(heads(text.replace(" port", "").replace("disable/*", "disable /*")), [])

    def test_escapes_are_vyoss(self) -> None:
        for written, meant in (
            ('"a\\"b"', 'a"b'), ("'a\\'b'", "a'b"), ('"a\\\\b"', "a\\b"), ('"a\\nb\\tc"', "a\nb\tc"), ('"a\\/b"', "a/b"), ('"a\nb"', "a\nb"),
            ("a/*b", "a/*b"),
        ):
            with self.subTest(written):
                self.assertEqual(description(in_braces(f"description {written}")), meant)
        self.assertEqual(heads(in_braces('description "a\\db"')), ["6:15: unknown escape \\d"])

    def test_what_is_given_twice(self) -> None:
        twice = in_braces("description one\n description one\n disable\n disable")
        self.assertEqual(heads(twice), [])
        self.assertEqual(
            heads(in_braces("description one\n description two")),
            ['7:14: nat64 source rule 10 description: "two" is a second value, after "one" in line 6'],
        )
        self.assertEqual(
            heads(in_braces("translation { pool 1 { port 5000\n } }")),
            ["6:20: nat64 source rule 10 translation pool 1: given twice, first in line 3"],
        )
        self.assertEqual(heads(in_braces("translation { pool 2 { address 192.0.2.2\n } }")), [])

    def test_faults_of_the_form(self) -> None:
        cases = [
            ("nat64 {", ["1:7: this brace is not closed"]),
            ("nat64 { } }", ["1:11: this brace closes nothing"]),
            ("nat64 { source { rule 10 10 { disable } } }", ["1:26: too many words before a brace"]),
            ("nat64 { source { { } } }", ["1:18: a node's name is missing before this brace"]),
            ("nat64 { 'source' { } }", ["1:18: a node's name is missing before this brace"]),
            ("nat64 { 'source'\n }", ["1:9: a node's name is missing before this text"]),
            ("nat64 { /* source", ["1:7: this brace is not closed", "1:9: this comment does not end"]),
            ("nat64 { source 'rule\n }", ["1:16: the closing ' is missing"]),
            ("nat64 { source { rule { } } }", ["1:18: nat64 source rule: its number or name is missing"]),
            (
                "nat64 { source { rule 10 { disable { } } } }",
                [
                    "1:23: nat64 source rule 10 source prefix: missing",
                    "1:28: nat64 source rule 10 disable: a brace after a node that has no nodes below"
                ],
            ),
            ("nat64 { # comment\n }", ["1:9: this form has no such comments"]),
            ("interfaces { 'a }\nnat64 { }\n", ["1:12: this brace is not closed", "1:14: the closing ' is missing"]),
            ("a { b { c {\n} }\n", ["1:3: this brace is not closed"]),
        ]
        for text, expected in cases:
            with self.subTest(text):
                self.assertEqual([head for head in heads(text) if "warning" not in head], expected)


class Rubbish(unittest.TestCase):
    def test_bytes_that_are_no_text(self) -> None:
        self.assertEqual(heads("set nat64\0"), ["1:10: this is not a text file"])
        self.assertEqual(heads("nat64 {\n \0 }"), ["2:2: this is not a text file"])
        self.assertEqual(heads("set nat64\n\udcff\udcfe set"), [
            "2:1: the byte 0xff is not UTF-8", '2:1: unknown command "??"', "2:2: the byte 0xfe is not UTF-8",
        ])
        self.assertEqual(heads("set nat64 source rule 10 disable\x1b\n"), [
            '1:26: nat64 source rule 10: unknown node "disable?"; did you mean "disable"?', "1:33: a control character, 0x1b",
        ])
        self.assertIsNone(result_of("set nat64\n\udcff").configuration)

    def assert_fast(self, text: str, seconds: float) -> List[str]:
        """CPU time, with room for a slow machine; what is quadratic takes minutes."""
        start = time.process_time()
        found = heads(text)
        self.assertLess(time.process_time() - start, seconds)
        return found

    def test_ten_megabytes_end_soon(self) -> None:
        size = 10 * 1000 * 1000
        self.assertEqual(len(self.assert_fast("set nat64 x\n" * (size // 12), 30)), 501)
        self.assertEqual(self.assert_fast("nat64 {" + " a { b\n }" * (size // 40), 30)[-1], " 499501 more errors are not shown")

    def test_much_of_anything_ends_soon(self) -> None:
        size = 300 * 1000
        cases = {
            "one line": "x" * size, "quotes": "'" * size, "double quotes": "nat64 { " + '"' * (size - 1),
            "lines of one quote": "nat64 {\n" + "a '\\\n" * (size // 5),
            "lines of both quotes": "nat64 {\n" + "a '\"\n" * (size // 5), "open braces": "nat64 { " + "a { " * (size // 4),
            "ours, deep": "nat64 {" * (size // 7),
            "closing braces": "nat64 { " + "}" * size, "comments": "nat64 { /*" * (size // 10), "escapes": "nat64 { source \"" + "\\" * size,
            "blanks": "nat64 {" + " " * size, "set lines that are wrong": "set nat64 x\n" * (size // 12), "commands": "x\n" * (size // 2),
            "set lines of quotes": "set nat64 '\n" * (size // 12), "words": "set " + "a " * (size // 2),
            "ours, words": "set nat64 " + "source " * (size // 7),
            "not UTF-8": "\udcff" * (size // 3),
            "values of one leaf": "".join(f"set nat64 source rule 1 option mtu-plateaus {n % 60000}\n" for n in range(size // 50)),
        }
        for name, text in cases.items():
            with self.subTest(name):
                found = self.assert_fast(text, 3)
                self.assertGreater(len(found), 0)
                self.assertLess(len(found), 1010)

    def test_what_is_said_of_them_can_be_printed(self) -> None:
        texts = (in_braces("a\x10 b c"), in_braces("\x10 b c {\n}"), source("description a\x10 b c"), "\x10 a\n", "nat6\x10 4\n")
        for text in (*texts, in_braces('description "\\\x10"')):
            with self.subTest(text):
                found = [str(problem).replace("\n", "") for problem in result_of(text).problems]
                self.assertEqual([line for line in found if not line.isprintable()], [])
                self.assertGreater(len(found), 0)

    def test_thousands_of_mistakes_are_counted_not_listed(self) -> None:
        found = heads("set nat64 sorce\n" * 5000)
        self.assertEqual((len(found), found[-1]), (501, " 4500 more errors are not shown"))


if __name__ == "__main__":
    unittest.main()
