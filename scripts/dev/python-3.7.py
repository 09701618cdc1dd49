"""Syntax and imports of the Python that runs on routers: what Python 3.7 does not have, and what is not in its library.

    npm run python:3.7      every .py file under the folders that are its arguments

Beside it, mypy refuses parts of the standard library that came after 3.7, and ruff the newer syntax that `ast` lets through.
"""
import ast
import os
import sys

OLDEST = (3, 7)
#: In the library of 3.7, and gone before Debian 13's 3.13.
GONE = {
    "aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt", "distutils", "formatter", "imghdr", "imp", "lib2to3", "macpath", "mailcap", "msilib",
    "nis", "nntplib", "ossaudiodev", "parser", "pipes", "smtpd", "sndhdr", "spwd", "sunau", "symbol", "telnetlib", "uu", "xdrlib",
}
#: Came after 3.7.
LATER = {"graphlib", "tomllib", "zoneinfo"}


def problems(text, file_name, own):
    """Yields (line, message) of one file. `own`: top-level names of modules and packages that are ours."""
    try:
        tree = ast.parse(text, file_name, feature_version=OLDEST)
    except SyntaxError as error:
        yield error.lineno or 1, error.msg
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            for inner in loop_ends(node.finalbody):
                yield inner.lineno, "'continue' in a finally clause is only supported in Python 3.8 and greater"
        for module in imported(node):
            top = module.split(".")[0]
            if top in GONE or top in LATER:
                yield node.lineno, f"{top} is not in the library of every Python from 3.7 to 3.13"
            elif top not in sys.stdlib_module_names and top not in own:
                yield node.lineno, f"{top} is not in the standard library"


def imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []


def loop_ends(body):
    """Every `continue` that belongs to a loop around these statements."""
    for node in body:
        if isinstance(node, ast.Continue):
            yield node
        elif not isinstance(node, (ast.For, ast.While, ast.AsyncFor, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from loop_ends(ast.iter_child_nodes(node))


def main(folders):
    paths = sorted(os.path.join(where, name) for folder in folders for where, _, names in os.walk(folder) for name in names if name.endswith(".py"))
    if not paths:
        sys.exit("no Python was found")
    own = {name[:-3] if name.endswith(".py") else name for folder in folders for name in os.listdir(folder)}
    found = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line, message in problems(file.read(), path, own):
                print(f"{path}:{line}: {message}")
                found += 1
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
