"""What an agent changed in a repository, taken from its environment and put into a fresh one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from olmo_eval.sandbox import Sandbox
from olmo_eval_tasks.repositories.instance import Change, RepositoryInstance

#: files beside those of a repository that are nobody's change
_LEFT = ("./.git/*", "*/__pycache__/*", "./.session-*", "./.tmp/*", "*.pyc")
#: the files of a diff
_CHANGED = re.compile(r"^(?:---|\+\+\+) [ab]/(.+?)\t?$", re.MULTILINE)
#: files that a change without git may have at most
_MOST = 1000


class ChangeError(ValueError):
    """A change that cannot be taken, or does not apply: the agent's own doing."""


@frozen
class Taken:
    """A change, and the files that it removes."""

    change: Change
    removed: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return self.change.empty and not self.removed

    @property
    def names(self) -> list[str]:
        return sorted([*self.change.files, *self.removed])


async def head(sandbox: Sandbox) -> str:
    """The commit that a repository is at. Raises ChangeError."""
    found = await sandbox.exec(["git", "rev-parse", "HEAD"])
    if not found.ok:
        raise ChangeError(f"there is no repository: {found.stderr.strip()[-300:]}")
    return found.stdout.strip()


async def taken(sandbox: Sandbox, instance: RepositoryInstance, since: str) -> Taken:
    """What was changed, ``since`` a commit where there is git. Raises ChangeError."""
    if instance.with_git:
        return Taken(Change(diff=await _diff(sandbox, since)))
    spec = instance.environment
    return await _files(sandbox, spec.files if spec is not None else {})


async def _diff(sandbox: Sandbox, since: str) -> str:
    line = f'git add -A && git diff --cached --binary "{since}"'
    found = await sandbox.exec(["bash", "-c", line], timeout=120)
    if found.truncated:
        raise ChangeError("the change is too large")
    if not found.ok:
        raise ChangeError(f"git does not tell what was changed: {found.stderr.strip()[-300:]}")
    return found.stdout


async def _files(sandbox: Sandbox, before: Mapping[str, str | bytes]) -> Taken:
    unwanted = [word for pattern in _LEFT for word in ("!", "-path", pattern)]
    found = await sandbox.exec(["find", ".", "-type", "f", *unwanted, "-print0"])
    names = [name.removeprefix("./") for name in found.stdout.split("\0") if name]
    if not found.ok or found.truncated or len(names) > _MOST:
        raise ChangeError(f"its files cannot be listed: {found.stderr.strip()[-300:]}")
    changed = {}
    for name in names:
        content = await sandbox.read(name)
        known = before.get(name)
        if content != (known.encode() if isinstance(known, str) else known):
            changed[name] = content
    return Taken(Change(files=changed), tuple(sorted(set(before) - set(names))))


async def put(sandbox: Sandbox, work: Taken) -> None:
    """Make a change in a fresh environment. Raises ChangeError."""
    await apply(sandbox, work.change)
    if work.removed:
        await sandbox.exec(["rm", "-f", "--", *work.removed])


async def restore(sandbox: Sandbox, diff: str) -> None:
    """Have the files that ``diff`` changes as they are in the repository."""
    line = 'for f; do git checkout -q HEAD -- "$f" 2>/dev/null || rm -f -- "$f"; done'
    names = sorted({*_CHANGED.findall(diff)})
    if names:
        await sandbox.exec(["bash", "-c", line, "bash", *names])


async def apply(sandbox: Sandbox, change: Change) -> None:
    """Apply a change. Raises ChangeError."""
    for name, content in change.files.items():
        await sandbox.write(name, content)
    if not change.diff.strip():
        return
    diff = change.diff.encode("utf-8", "surrogateescape")
    done = await sandbox.exec(["git", "apply", "--whitespace=nowarn", "-"], stdin=diff, timeout=120)
    if not done.ok:
        raise ChangeError(f"it does not apply: {done.stderr.strip()[-300:]}")
