"""Tests that run where the program cannot reach them.

The program runs in one environment, its tests in another, and only values travel between them:
what the tests call (names and arguments), and what the calls gave. The program never sees a test
or what a test expects; the tests never execute anything of the program's. So nothing that a
program does (ending early, replacing builtins, reading files, lying about equality, writing to the
reply) can make a test pass but the right values.

- ``values``: how values travel;
- ``tests``: runs in the environment of the tests, twice: to learn what they call, and to decide;
- ``calls``: runs in the environment of the program, and makes the calls;
- ``verdict``: the evaluation's side of it.
"""
