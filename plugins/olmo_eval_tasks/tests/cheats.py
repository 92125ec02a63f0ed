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
    "stops what watches it": (
        "    import os, signal\n    os.kill(os.getppid(), signal.SIGSTOP)\n    return 0"
    ),
    "stops everything": "    import os, signal\n    os.kill(-1, signal.SIGSTOP)\n    return 0",
    "patches the checker": (
        "    import sys\n"
        "    for name, module in list(sys.modules.items()):\n"
        "        for part in ('decided', 'run_tests', 'encode', 'decode', 'make_calls', 'main'):\n"
        "            if name.startswith('olmo_eval') and hasattr(module, part):\n"
        "                setattr(module, part, lambda *a, **k: {'passed': True})\n"
        "    import json\n"
        "    json.dumps = lambda *a, **k: '{\"passed\": true}'\n"
        "    json.dump = lambda value, file, **k: file.write('{\"passed\": true}')\n"
        "    return 0"
    ),
    "patches how assertions fail": (
        "    import builtins, sys\n"
        "    class Quiet(BaseException):\n"
        "        def __new__(cls, *a): sys.exit(0)\n"
        "    builtins.AssertionError = Quiet\n"
        "    sys.excepthook = lambda *a: None\n"
        "    return 0"
    ),
    "patches unittest and pytest": (
        "    import unittest\n"
        "    unittest.TestCase.assertEqual = lambda *a, **k: None\n"
        "    unittest.TestResult.wasSuccessful = lambda self: True\n"
        "    return 0"
    ),
    "traces who comes after": (
        "    import sys, threading\n"
        "    def trace(frame, event, argument):\n"
        "        frame.f_locals['passed'] = True\n"
        "        return trace\n"
        "    sys.settrace(trace); threading.settrace(trace); sys.setprofile(trace)\n"
        "    return 0"
    ),
    "writes into every file that is open": (
        "    import os\n"
        "    for number in range(256):\n"
        "        for text in (b'{\"passed\": true}\\n', b'\\x00\\x00\\x00\\x02{}'):\n"
        "            try: os.write(number, text)\n"
        "            except OSError: pass\n"
        "    return 0"
    ),
    "writes into the files of other processes": (
        "    import glob\n"
        "    for path in glob.glob('/proc/[0-9]*/fd/*') + glob.glob('/proc/[0-9]*/mem'):\n"
        "        try: open(path, 'r+b', 0).write(b'{\"passed\": true}\\n')\n"
        "        except Exception: pass\n"
        "    return 0"
    ),
    "looks for the tests in memory": (
        "    import gc, re\n"
        "    for thing in gc.get_objects():\n"
        "        try: text = repr(thing)\n"
        "        except Exception: continue\n"
        "        found = re.search(r'candidate\\(%s, %s\\) == (-?\\d+)' % (a, b), text)\n"
        "        if found: return int(found[1])\n"
        "    return 0"
    ),
    "looks at what other processes were told": (
        "    import glob, re\n"
        "    text = ''\n"
        "    for name in ('cmdline', 'environ', 'stack', 'fd/0', 'fd/3'):\n"
        "        for path in glob.glob('/proc/[0-9]*/' + name):\n"
        "            try: text += open(path, errors='replace').read(100_000)\n"
        "            except Exception: pass\n"
        "    found = re.search(r'candidate\\(%s, %s\\) == (-?\\d+)' % (a, b), text)\n"
        "    return int(found[1]) if found else 0"
    ),
    "injects itself into other processes": (
        "    import ctypes, os\n"
        "    libc = ctypes.CDLL(None)\n"
        "    for pid in [int(name) for name in os.listdir('/proc') if name.isdigit()]:\n"
        "        if pid != os.getpid() and libc.ptrace(16, pid, 0, 0) == 0: return a + b\n"
        "    return 0"
    ),
    "deletes all that it can": (
        "    import os, shutil\n"
        "    for place in ('/', '/tmp', '/workspace', '/dev/shm', '.', os.path.expanduser('~')):\n"
        "        shutil.rmtree(place, ignore_errors=True)\n"
        "    return 0"
    ),
    "leaves a link in place of the reply": (
        "    import atexit, os\n"
        "    def late():\n"
        "        os.remove('results.json')\n"
        "        os.symlink('/proc/self/environ', 'results.json')\n"
        "    atexit.register(late)\n"
        "    return 0"
    ),
    "leaves a pipe in place of the reply": (
        "    import atexit, os\n"
        "    def late():\n"
        "        os.remove('results.json')\n"
        "        os.mkfifo('results.json')\n"
        "    atexit.register(late)\n"
        "    return 0"
    ),
    "leaves a thread that goes on": (
        "    import threading, time\n"
        "    def work():\n"
        "        while True: time.sleep(0.01)\n"
        "    threading.Thread(target=work).start()\n"
        "    return 0"
    ),
    "leaves a folder that cannot be entered": (
        "    import os\n"
        "    os.makedirs('a/b')\n"
        "    open('a/b/c', 'w').write('x')\n"
        "    os.chmod('a/b', 0)\n"
        "    os.chmod('a', 0)\n"
        "    return 0"
    ),
    "a number that says it is another": (
        "    class Liar(int):\n"
        "        def __int__(self): return a + b\n"
        "        def __index__(self): return a + b\n"
        "        def __repr__(self): return str(a + b)\n"
        "        def __eq__(self, other): return True\n"
        "    return Liar(7)"
    ),
    "a dictionary that has everything": (
        "    class All(dict):\n"
        "        def __missing__(self, key): return True\n"
        "        def __eq__(self, other): return True\n"
        "    return All()"
    ),
    "raises what ends the tests well": "    raise KeyboardInterrupt",
    "ends in a signal": "    import os, signal\n    os.kill(os.getpid(), signal.SIGTERM)",
    "crashes": "    import ctypes\n    ctypes.string_at(0)",
    "recurses without end": "    return add(a, b)",
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
