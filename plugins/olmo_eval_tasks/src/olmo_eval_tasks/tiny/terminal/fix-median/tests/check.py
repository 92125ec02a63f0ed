"""The program is right for arguments that its description does not show."""

import subprocess
import sys

CASES = {
    ("3", "1", "2"): "2",
    ("1", "2", "3", "4"): "2.5",
    ("10", "9", "100"): "10",
    ("-5", "3", "-20"): "-5",
    ("2.5",): "2.5",
    ("1.5", "2.5"): "2",
    ("7", "7"): "7",
}


def run(*arguments):
    command = [sys.executable, "-I", "/app/median.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=10)


for arguments, expected in CASES.items():
    found = run(*arguments)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == expected, (arguments, found.stdout)
nothing = run()
assert (nothing.returncode, nothing.stderr.strip()) == (2, "no numbers"), nothing
