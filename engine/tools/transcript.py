"""Runs the commands of a document and compares what they print with what it shows.

usage: python3 engine/tools/transcript.py DOCUMENT PROGRAMS [--write]

A fenced block that opens with "```LANGUAGE FILE" is written to FILE. In a block "```console" the
lines "$ COMMAND" are run by bash, in order, in a temporary folder, with the folder PROGRAMS first
on PATH; the lines after one are its standard output. Figures, ids, times and marks of significance
may differ. Prints every difference and ends with 1 if there is one; --write puts the output of this
run into the document instead.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.S | re.M)
PROMPT = "$ "
# Lines of a report that depend on figures (marks, the test behind them, unsteady speeds), on what
# the machine can measure, or on what else it does.
MAY_VANISH = re.compile(r"[*~†] |significance: |unsteady:|more columns for |\?: |"
                        r"the speed of \d+ runs? ")


def run(command, folder, programs):
    """The standard output of a command, which has to succeed."""
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": folder, "LC_ALL": "C.UTF-8"}
    ended = subprocess.run(["bash", "-c", command], cwd=folder, env=environment,
                           capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        sys.exit(f"'{command}' ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def commands_of(session):
    """(command, shown output) of a console block."""
    out = []
    for line in session.splitlines(keepends=True):
        if line.startswith(PROMPT):
            out.append((line[len(PROMPT):].rstrip("\n"), ""))
        elif out:
            out[-1] = (out[-1][0], out[-1][1] + line)
    return out


def essence(text):
    """What must be equal: words, without figures, ids, rules and lines that figures decide on."""
    lines = []
    for line in text.splitlines():
        if MAY_VANISH.match(line):
            continue
        if "±" in line:  # a row over seeds: a disturbed speed has neither mark nor difference
            line = re.split(r"\d", line)[0].replace("<u>", "")
        line = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{8,64}\b", "ID", line)
        line = re.sub(r"[-+]?\d[\d.,:]*\s?(?:[kMGT]?B|[kMGT]|ms|s|min|h|%)?(?![a-z])", "N", line)
        line = re.sub(r"(?:N\s?)+", "N ", line)
        lines.append(re.sub(r"[\s─*~†Δ?]+", " ", line).strip())
    return [line for line in lines if line]


def replayed(document, programs):
    """The document with this run's output, and every difference that matters."""
    differences = []
    with tempfile.TemporaryDirectory() as folder:

        def replay(block):
            language, file, body = block.groups()
            if file:
                (pathlib.Path(folder) / file).write_text(body)
            if language != "console":
                return block[0]
            out = "```console\n"
            for command, shown in commands_of(body):
                printed = run(command, folder, programs)
                if essence(printed) != essence(shown):
                    differences.append(f"$ {command}\nshown:\n{shown}printed:\n{printed}")
                out += f"{PROMPT}{command}\n{printed}"
            return out + "```"

        return BLOCK.sub(replay, document), differences


def main():
    words = [word for word in sys.argv[1:] if word != "--write"]
    if len(words) != 2:
        sys.exit(__doc__)
    document, programs = pathlib.Path(words[0]), pathlib.Path(words[1]).resolve()
    text, differences = replayed(document.read_text(), programs)
    if "--write" in sys.argv:
        document.write_text(text)
        return
    print("\n".join(differences), end="")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
