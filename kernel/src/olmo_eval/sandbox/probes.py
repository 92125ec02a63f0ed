"""What a backend says it enforces, tried out: each probe does what it forbids and looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from attrs import frozen

from olmo_eval.sandbox.backend import ExecResult, Sandbox
from olmo_eval.sandbox.config import SandboxConfig, parse_size

_SECONDS = 20.0


@frozen
class Probed:
    """What a probe found: whether the promise was kept, and what it saw."""

    kept: bool
    evidence: str


Look = Callable[[Sandbox, SandboxConfig], Awaitable[Probed]]


@frozen
class Probe:
    """One promise: the name that backends declare in ``enforces``, and how it is tried."""

    name: str
    promise: str
    look: Look


async def _python(box: Sandbox, source: str) -> ExecResult:
    return await box.exec(["python3", "-I", "-c", source], timeout=_SECONDS)


#: Tries an address that nobody has, and what may be near: who answers names, and the way out. An
#: answer of any kind, a refusal too, is a way to somebody else; on loopback only a connection is.
_REACH = r"""
import errno, ipaddress, os, select, socket, struct, time

def near():
    for line in open('/etc/resolv.conf') if os.path.exists('/etc/resolv.conf') else ():
        words = line.split()
        if words[:1] == ['nameserver'] and len(words) > 1:
            yield words[1].partition('%')[0], 53
    for line in list(open('/proc/net/route') if os.path.exists('/proc/net/route') else ())[1:]:
        words = line.split()
        if words[1] == '00000000':
            yield socket.inet_ntoa(struct.pack('<I', int(words[2], 16))), 80

print(*sorted(os.listdir('/sys/class/net')))
waiting, found = {}, []
for host, port in dict.fromkeys([('192.0.2.1', 80), ('127.0.0.1', 22), *near()]):
    address = ipaddress.ip_address(host)
    try:
        tried = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
        tried.setblocking(False)
        error = tried.connect_ex((host, port))
    except OSError as problem:
        error = problem.errno
    if error == errno.EINPROGRESS:
        waiting[tried] = address, port
    else:
        found.append((address, port, error))
deadline = time.monotonic() + 1
while waiting and time.monotonic() < deadline:
    for tried in select.select([], list(waiting), [], max(0, deadline - time.monotonic()))[1]:
        found.append((*waiting.pop(tried), tried.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))
for address, port in waiting.values():
    print('no answer from', f'{address} port {port}')
for address, port, error in found:
    answered = error == 0 or error == errno.ECONNREFUSED and not address.is_loopback
    print('reached' if answered else os.strerror(error) + ':', f'{address} port {port}')
"""


async def _network(box: Sandbox, config: SandboxConfig) -> Probed:
    found = await _python(box, _REACH)
    evidence = "; ".join(found.stdout.splitlines()) or _last(found)
    return Probed(found.ok and "reached" not in found.stdout, evidence)


async def _memory(box: Sandbox, config: SandboxConfig) -> Probed:
    too_much = 2 * parse_size(config.memory)
    found = await _python(box, f"x = bytearray(b'x') * {too_much}; print('got it')")
    return Probed("got it" not in found.stdout, _last(found))


async def _processes(box: Sandbox, config: SandboxConfig) -> Probed:
    source = (
        "import os\n"
        "children = []\n"
        "try:\n"
        f"    for _ in range({2 * config.pids + 32}):\n"
        "        children.append(os.posix_spawnp('sleep', ['sleep', '60'], os.environ))\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
        "print(len(children))\n"
        "for pid in children:\n"
        "    os.kill(pid, 9)\n"
    )
    found = await _python(box, source)
    started = found.stdout.split()[-1:]
    if found.ok and started:
        kept = int(started[0]) <= config.pids
        return Probed(kept, f"{' '.join(found.stdout.split())} started")
    # another limit that ends it first says nothing about this one
    return Probed(found.limit in ("processes", None), _last(found))


async def _disk(box: Sandbox, config: SandboxConfig) -> Probed:
    blocks = 2 * parse_size(config.disk) // (1 << 20) + 1
    source = (
        "n = 0\n"
        "try:\n"
        f"    while n < {blocks}:\n"
        "        with open('fill-%d' % n, 'wb') as file:\n"
        "            file.write(bytes(1 << 20))\n"
        "        n += 1\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
        "print(n)\n"
    )
    found = await _python(box, source)
    written = found.stdout.split()[-1:]
    kept = not found.ok or (bool(written) and int(written[0]) < blocks)
    await box.exec(["sh", "-c", "rm -f fill-*"])
    return Probed(kept, f"{' '.join(found.stdout.split()) or _last(found)} MiB written")


async def _read_only(box: Sandbox, config: SandboxConfig) -> Probed:
    source = (
        "import os\n"
        "for place in ('/', '/etc', '/usr', '/var'):\n"
        "    try:\n"
        "        path = os.path.join(place, 'olmo-eval-probe')\n"
        "        open(path, 'w').close()\n"
        "        os.unlink(path)\n"
        "        print('wrote to', place)\n"
        "    except OSError as error:\n"
        "        print(place, error.strerror)\n"
    )
    found = await _python(box, source)
    return Probed(found.ok and "wrote to" not in found.stdout, "; ".join(found.stdout.splitlines()))


async def _user(box: Sandbox, config: SandboxConfig) -> Probed:
    found = await _python(box, "print(open('/proc/self/status').read())")
    status = dict(line.split(":", 1) for line in found.stdout.splitlines() if ":" in line)
    user = status.get("Uid", "0").split()[0]
    capabilities = int(status.get("CapEff", "f"), 16)
    no_new = status.get("NoNewPrivs", "0").strip()
    kept = user != "0" and capabilities == 0 and no_new == "1"
    return Probed(kept, f"user {user}, capabilities {capabilities:x}, no new privileges {no_new}")


async def _time(box: Sandbox, config: SandboxConfig) -> Probed:
    with anyio.move_on_after(_SECONDS) as scope:
        found = await box.exec(["sh", "-c", "while :; do :; done"], timeout=1.0)
    if scope.cancelled_caught:
        return Probed(False, f"still running after {_SECONDS:g} s")
    return Probed(found.timed_out, f"ended after {found.seconds:.1f} s")


async def _output(box: Sandbox, config: SandboxConfig) -> Probed:
    limit = parse_size(config.output_limit)
    found = await box.exec(["sh", "-c", "yes"], timeout=2.0)
    kept = found.truncated and len(found.stdout) <= limit
    return Probed(kept, f"{len(found.stdout):,} bytes kept of more")


def _last(found: ExecResult) -> str:
    lines = [line for line in found.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {found.exit_code}"


PROBES: tuple[Probe, ...] = (
    Probe("network", "no network", _network),
    Probe("memory", "no more memory than memory", _memory),
    Probe("processes", "no more processes than pids", _processes),
    Probe("disk", "no more written than disk", _disk),
    Probe("read_only", "nothing written outside of its folders", _read_only),
    Probe("user", "an unprivileged user without capabilities", _user),
    Probe("time", "nothing runs on after its timeout", _time),
    Probe("output", "no more output kept than output_limit", _output),
)
