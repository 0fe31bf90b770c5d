#!/usr/bin/env python3
"""Checks what the house rules can say by machine, over all files that git knows.

The arrows (which folder may include which, and that CMakeLists.txt links no more than that), sizes
of files and functions, include guards, names of files, and stray formatting. Prints one line a
finding, `file:line: what, and what is allowed`, and exits 1 when there is any. `--self-test` plants
a violation of each kind in a temporary tree and fails unless each is found.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

ARROWS = {
    "base": set(),
    "conf": set(),
    "net": {"conf", "base"},
    "data": {"conf", "base"},
    "model": {"conf", "base"},
    "storage": {"base"},
    "ps": {"storage", "net", "conf", "base"},
    "worker": {"model", "data", "net", "conf", "base"},
    "scheduler": {"net", "conf", "base"},
}
EVERYTHING = {"launch", "tests"}  # may include all folders; nothing may include them
FOLDERS = set(ARROWS) | EVERYTHING
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
BANNED_NAMES = re.compile(r"(^|_)(util|utils|helper|helpers|common|misc|manager|impl|v2)(_|$)")
# Words that would speak of how the project was made rather than of the project.
BANNED_PATHS = re.compile(r"/work/|/root/")


def tracked_files(root):
    command = ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [path for path in listing.splitlines() if os.path.isfile(os.path.join(root, path))]


def is_code(path):
    return path.endswith((".h", ".cc", ".proto"))


def check_includes(path, lines):
    folder = path.split("/")[0]
    if folder not in ARROWS:
        return
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*(?:#include|import)\s+"([a-z_]+)/', line)
        if not match:
            continue
        target = match.group(1)
        if target in FOLDERS and target != folder and target not in ARROWS[folder]:
            allowed = " ".join(sorted(ARROWS[folder])) or "nothing"
            yield number, f"{folder} may not include {target}; it may include: {allowed}"


def check_links(path, lines):
    """The LINKS of caravan_library(folder) hold no folder outside the arrows."""
    if path != "CMakeLists.txt":
        return
    text = "".join(lines)
    for match in re.finditer(r"caravan_library\((\w+)\s(.*?)\)\n", text, re.S):
        name = match.group(1)
        folder = name if name in ARROWS else name.split("_")[0]
        if folder not in ARROWS:
            continue
        links = match.group(2).split("LINKS")[-1]
        number = text[: match.start()].count("\n") + 1
        for target in re.findall(r"\bcaravan_(\w+)", links):
            target_folder = target if target in FOLDERS else target.split("_")[0]
            if target_folder in FOLDERS and target_folder != folder:
                if target_folder not in ARROWS[folder]:
                    yield number, f"library {name} may not link {target}"


def check_sizes(path, lines):
    if not path.endswith((".h", ".cc")):
        return
    if len(lines) > FILE_LINES_MAX:
        yield FILE_LINES_MAX, f"{len(lines)} lines; a file has up to {FILE_LINES_MAX}"
    # clang-format puts a function's first line and its closing brace at the same indent.
    start = None
    indent = ""
    for number, line in enumerate(lines, 1):
        if start is None:
            match = re.match(r"^( {0,2})[\w\[:~].*(\)|const|override|noexcept) (?:-> .* )?\{\s*$", line)
            tail = re.match(r"^ {4,}.*\)(?: const)?(?: override)? \{\s*$", line)
            if match and not re.match(r"\s*(namespace|class|struct|enum|if|for|while|switch)\b", line):
                start, indent = number, match.group(1)
            elif tail and number > 1 and re.match(r"^( {0,2})[\w~].*\(", lines[number - 2]):
                start = number - 1
                indent = re.match(r"^ *", lines[number - 2]).group(0)
                if re.match(r"\s*(if|for|while|switch|return)\b", lines[number - 2]):
                    start = None
        elif re.match(rf"^{indent}\}}", line):
            length = number - start + 1
            if length > FUNCTION_LINES_MAX:
                yield start, f"a function of {length} lines; up to {FUNCTION_LINES_MAX}"
            start = None


def check_text(path, lines):
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\n")
        if is_code(path) and len(text) > COLUMNS_MAX and "http" not in text:
            yield number, f"{len(text)} columns; up to {COLUMNS_MAX}"
        if is_code(path) and text != text.rstrip():
            yield number, "white space at the end of the line"
        if BANNED_PATHS.search(text) and not path.startswith("tests/tidy/"):
            yield number, "a path of one machine"
    if lines and not lines[-1].endswith("\n"):
        yield len(lines), "no newline at the end of the file"


def check_own_includes(path, lines):
    """A precompiled header would hide that a file does not include what it formats text with."""
    if not path.endswith((".h", ".cc")):
        return
    text = "".join(lines)
    if "fmt::" in text and not re.search(r'#include [<"]fmt/', text):
        number = text[: text.index("fmt::")].count("\n") + 1
        yield number, "uses fmt:: and does not include <fmt/format.h>"


def check_guard(path, lines):
    if not path.endswith(".h"):
        return
    guard = "CARAVAN_" + re.sub(r"[/.]", "_", path).upper() + "_"
    if f"#ifndef {guard}\n" not in lines or f"#define {guard}\n" not in lines:
        yield 1, f"the include guard is not {guard}"


def check_name(path):
    folder = path.split("/")[0]
    if folder not in FOLDERS or not is_code(path):
        return
    stem = os.path.basename(path).rsplit(".", 1)[0]
    if BANNED_NAMES.search(stem):
        yield 1, "a name that says nothing; name the one concept that is in the file"
    if not re.fullmatch(r"[a-z0-9_]+", stem):
        yield 1, "file names are lower_case"


def check_built(files, read):
    """Every .cc file is named in CMakeLists.txt, so nothing lies dead in a folder."""
    built = read("CMakeLists.txt") if "CMakeLists.txt" in files else ""
    for path in files:
        if path.endswith(".cc") and path not in built:
            yield path, 1, "is not named in CMakeLists.txt"


def check_tree(root):
    files = tracked_files(root)
    findings = []

    def read(path):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return file.read()

    for path in files:
        if path.endswith((".gz", ".png", ".lock", ".bin", ".zst")) or path == "LICENSE" or "/corpus/" in path:
            continue
        try:
            lines = read(path).splitlines(keepends=True)
        except UnicodeDecodeError:
            if is_code(path):
                findings.append((path, 1, "is not UTF-8"))
            continue
        checks = (check_includes, check_own_includes, check_links, check_sizes, check_text)
        for check in (*checks, check_guard):
            findings += [(path, number, what) for number, what in check(path, lines)]
        findings += [(path, number, what) for number, what in check_name(path)]
    findings += list(check_built(files, read))
    return findings


def self_test():
    long_body = "void F() {\n" + "  f();\n" * FUNCTION_LINES_MAX + "}\n"
    planted = {
        "storage/arrow.cc": ('#include "net/message.h"\n', "storage may not include net"),
        "ps/long.cc": ("int x;\n" * (FILE_LINES_MAX + 1), "a file has up to"),
        "ps/body.cc": (long_body, "a function of"),
        "ps/wide.cc": ("// " + "x" * COLUMNS_MAX + "\n", "columns"),
        "ps/space.cc": ("int x; \n", "white space"),
        "ps/hidden.cc": ('void F() { fmt::print("x"); }\n', "does not include <fmt/format.h>"),
        "ps/guard.h": ("#pragma once\n", "include guard"),
        "ps/utils.cc": ("int x;\n", "says nothing"),
        "ps/dead.cc": ("int x;\n", "not named in CMakeLists"),
        "ps/end.cc": ("int x;", "no newline"),
        "docs/machine.md": ("see /" + "work/x\n", "a path of one machine"),
        "CMakeLists.txt": (
            "caravan_library(storage\n  SOURCES a.cc\n  LINKS caravan_net)\n"
            "# ps/long.cc ps/body.cc\n",
            "may not link net",
        ),
    }
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["git", "init", "-q", root], check=True)
        for path, (content, _) in planted.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(content)
        findings = check_tree(root)
    missed = [
        path
        for path, (_, expected) in planted.items()
        if not any(found == path and expected in what for found, _, what in findings)
    ]
    for path in missed:
        print(f"self-test: the violation planted in {path} was not found")
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        sys.exit(self_test())
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    findings = check_tree(root)
    for path, number, what in findings:
        print(f"{path}:{number}: {what}")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
