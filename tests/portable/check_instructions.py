#!/usr/bin/env python3
"""That a program runs on any x86-64-v2 processor: wide vectors only in code chosen at run time.

  check_instructions.py PROGRAM

That code is the kernels (model/kernels), whose names say for vectors of how many bytes they are
made, and the clones of base/vector_clones.h, whose names end with their instruction set.
"""
import re
import subprocess
import sys

WIDE = re.compile(r"%[yz]mm\d|\{%k[0-7]\}")
CHOSEN = re.compile(r"4SimdIfLm(32|64)ELi(16|32)E|\.avx2(\.\d+)?$")
SYMBOL = re.compile(r"^[0-9a-f]+ <(.+)>:$")


def main():
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", sys.argv[1]],
                             capture_output=True, text=True, check=True).stdout
    symbol, wrong, chosen = "", {}, set()
    for line in listing.splitlines():
        match = SYMBOL.match(line)
        if match:
            symbol = match.group(1)
        elif WIDE.search(line):
            if CHOSEN.search(symbol):
                chosen.add(symbol)
            else:
                wrong.setdefault(symbol, line.strip())
    for symbol, line in wrong.items():
        print(f"{symbol}: {line}")
    if not chosen:
        print(f"{sys.argv[1]}: no kernel with wide vectors was found: is the list of names right?")
    sys.exit(1 if wrong or not chosen else 0)


main()
