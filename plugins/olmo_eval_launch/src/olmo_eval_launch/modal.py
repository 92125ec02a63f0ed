"""Modal: an app with one function, called once for every process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from olmo_eval.errors import UsageError
from olmo_eval_launch.job import Job, Launcher

#: the longest that Modal lets a function take
_LONGEST_HOURS = 24.0

_APP = '''\
"""Runs of olmo-eval on Modal: modal run --detach {file}"""

import subprocess

import modal

SPECS = {specs}

app = modal.App({name!r})
image = modal.Image.from_registry({image!r}){setup}


@app.function(
    image=image,
    cpu={cpus},
    memory={memory},
    timeout={seconds},{gpu}{secrets}
    # who is preempted, or fails, resumes what it had begun
    retries=modal.Retries(max_retries=3, initial_delay=10.0),
)
def work(number: int) -> None:
    command = ["olmo-eval", "run", *{arguments!r}]
    subprocess.run(command, input=SPECS[number // {workers}], text=True, check=True)


@app.local_entrypoint()
def main() -> None:
    list(work.map(range({processes})))
'''


class Modal(Launcher):
    suffix = ".py"
    program = "modal"
    install = "pip install modal, then: modal setup"

    def render(self, job: Job) -> str:
        self.refuse(job)
        if job.hours > _LONGEST_HOURS:
            raise UsageError(
                f"Modal's functions take at most {_LONGEST_HOURS:g} hours, and {job.hours:g} are "
                "asked for",
                hint="more --workers need less each",
            )
        gpu = job.options.get("gpu", "any" if job.gpus else "")
        return _APP.format(
            file=f"{job.name}{self.suffix}",
            specs=_list_of([spec.to_json() for spec in job.specs]),
            name=job.name,
            image=job.image,
            setup=f".run_commands({job.setup!r})" if job.setup else "",
            cpus=float(job.cpus),
            memory=job.megabytes,
            seconds=round(job.hours * 3600),
            gpu=f"\n    gpu={f'{gpu}:{job.gpus}'!r}," if job.gpus else "",
            secrets=f"\n    secrets=[{_secrets(job.secrets)}]," if job.secrets else "",
            arguments=job.arguments.split(),
            workers=job.workers,
            processes=job.processes,
        )

    def command(self, file: Path) -> Sequence[str]:
        return ("modal", "run", "--detach", str(file))


def _list_of(texts: Sequence[str]) -> str:
    return "[\n" + "".join(f"    {text!r},\n" for text in texts) + "]"


def _secrets(names: Sequence[str]) -> str:
    return ", ".join(f"modal.Secret.from_name({name!r})" for name in names)
