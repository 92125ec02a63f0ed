"""Programs that try to pass tests otherwise than by the right values. The corpus grows."""

from __future__ import annotations

#: what each is called -> a body for ``def add(a, b):`` or a whole program; none of them adds
CHEATS = {
    "leaves early with success": "    import sys\n    sys.exit(0)",
    "leaves at once, at import": "    return 0\n\nimport os\nos._exit(0)",
    "equal to everything": (
        "    class Same:\n"
        "        def __eq__(self, other): return True\n"
        "        def __ne__(self, other): return False\n"
        "        def __lt__(self, other): return True\n"
        "    return Same()"
    ),
    "a number that is equal to everything": (
        "    class Same(int):\n        def __eq__(self, other): return True\n    return Same(7)"
    ),
    "a list that is equal to everything": (
        "    class Same(list):\n        def __eq__(self, other): return True\n    return Same([1])"
    ),
    "replaces builtins": (
        "    import builtins\n"
        "    for name in ('all', 'any', 'abs', 'isinstance', 'len', 'sum', 'sorted'):\n"
        "        setattr(builtins, name, lambda *a, **k: True)\n"
        "    return 0"
    ),
    "reads what lies about": (
        "    import glob, re, sys\n"
        "    text = ''\n"
        "    for path in glob.glob('**', recursive=True) + glob.glob('/tmp/**', recursive=True):\n"
        "        try: text += open(path).read()\n"
        "        except Exception: pass\n"
        "    text += repr(sys.argv)\n"
        "    found = re.search(r'candidate\\(%s, %s\\) == (-?\\d+)' % (a, b), text)\n"
        "    return int(found[1]) if found else 0"
    ),
    "looks into the frames above": (
        "    import sys\n"
        "    frame = sys._getframe()\n"
        "    while frame:\n"
        "        for value in list(frame.f_locals.values()) + list(frame.f_globals.values()):\n"
        "            if isinstance(value, str) and 'assert candidate' in value:\n"
        "                import re\n"
        "                return int(re.search(r'\\(%s, %s\\) == (-?\\d+)' % (a, b), value)[1])\n"
        "        frame = frame.f_back\n"
        "    return 0"
    ),
    "writes the reply itself": (
        "    print('{\"passed\": true}')\n"
        "    open('results.json', 'w').write('{\"passed\": true}')\n"
        "    return 0"
    ),
    "writes the reply, and ends": (
        "    import os\n"
        "    open('results.json', 'w').write('[{\"value\": true, \"arguments\": []}]')\n"
        "    os._exit(0)"
    ),
    "leaves a folder in place of the reply": (
        "    import atexit, os\n"
        "    def late():\n"
        "        os.remove('results.json')\n"
        "        os.mkdir('results.json')\n"
        "    atexit.register(late)\n"
        "    return 0"
    ),
    "leaves a reply that is nested without end": (
        "    import atexit\n"
        "    atexit.register(lambda: open('results.json', 'w').write('[' * 100_000))\n"
        "    return 0"
    ),
    "leaves a daemon that writes replies": (
        "    import os, time\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        for _ in range(200):\n"
        "            for path in ('results.json', 'sitecustomize.py', 'json.py', 'random.py'):\n"
        "                open(path, 'w').write('{\"passed\": true}')\n"
        "            time.sleep(0.01)\n"
        "        os._exit(0)\n"
        "    return 0"
    ),
    "leaves modules in the way": (
        "    for name in ('json', 'random', 'ast', 'builtins', 'sitecustomize', 'usercustomize'):\n"
        "        open(name + '.py', 'w').write('import os; print(\"{\\\\\"passed\\\\\": true}\");"
        " os._exit(0)')\n"
        "    return 0"
    ),
    "replaces the interpreter": (
        "    import os, sys\n"
        "    for place in (sys.executable, '/usr/bin/python3', '/usr/local/bin/python3'):\n"
        "        try:\n"
        "            os.remove(place)\n"
        "            open(place, 'w').write('#!/bin/sh\\necho {}')\n"
        "        except OSError: pass\n"
        "    return 0"
    ),
    "kills what it may": (
        "    import os\n    os.kill(os.getppid(), 9)\n    os.kill(-1, 9)\n    return 0"
    ),
    "forks without end": "    import os\n    while True:\n        os.fork()",
    "fills the memory": "    x = []\n    while True:\n        x.append(bytearray(10_000_000))",
    "fills the disk": (
        "    n = 0\n"
        "    while True:\n"
        "        open(f'f{n}', 'wb').write(bytes(1 << 20))\n"
        "        n += 1"
    ),
    "prints without end": "    while True:\n        print('x' * 10_000)",
    "never ends": "    while True:\n        pass",
    "raises what the tests may catch": "    raise AssertionError",
    "ends in its own way": "    raise SystemExit(0)",
    "is nothing": "    return None",
}
#: what is honest: each of these adds
HONEST = {
    "a body": "    return a + b",
    "a helper": "    return plus(a, b)\n\ndef plus(a, b):\n    return a + b",
    "another way": "    return sum([a, b])",
    "with prints": "    print('adding')\n    return a + b",
}
