"""Which containers may be removed: those whose lease has expired, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from olmo_eval_sandboxes.common import lease


def test_a_lease_is_kept_while_its_owner_lives() -> None:
    mine = lease.labels("run", 60.0)

    assert not lease.expired(mine)
    assert lease.expired(mine, now=time.time() + 61)


def test_a_lease_ends_with_its_owner() -> None:
    script = (
        "import json; from olmo_eval_sandboxes.common import lease;"
        "print(json.dumps(lease.labels('run', 60.0)))"
    )
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    labels = json.loads(made.stdout)

    assert lease.expired(labels)


def test_an_owner_elsewhere_is_believed_until_its_time_is_over() -> None:
    labels = {**lease.labels("run", 60.0), lease.OWNER: "0123456789abcdef.123-456"}

    assert not lease.expired(labels)
    assert lease.expired(labels, now=time.time() + 61)


def test_what_has_no_lease_is_not_ours() -> None:
    assert not lease.expired({})
    assert not lease.expired({lease.EXPIRES: "soon"})
