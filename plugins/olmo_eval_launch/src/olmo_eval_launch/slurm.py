"""Slurm: an array job, each of whose elements makes one run or takes part in one."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from olmo_eval_launch.job import Job, Launcher

#: seconds before the end of its time at which a process is told
_NOTICE = 120

_SCRIPT = """\
#!/bin/bash
{directives}

set -uo pipefail
{setup}
case $((SLURM_ARRAY_TASK_ID / {workers})) in
{cases}
  *) echo "no spec for element $SLURM_ARRAY_TASK_ID" >&2; exit 2 ;;
esac

# SIGTERM (preemption, or the end of its time) leaves a run that the same command resumes.
olmo-eval run {arguments} <<< "$spec" &
process=$!
stopped=
trap 'stopped=yes; kill -TERM "$process" 2>/dev/null' TERM
wait "$process"; code=$?
while kill -0 "$process" 2>/dev/null; do wait "$process"; code=$?; done
if [ -n "$stopped" ] && [ "$code" -ne 0 ]; then
  scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"""


class Slurm(Launcher):
    suffix = ".sbatch"
    elsewhere = False
    program = "sbatch"
    install = "submit it on a login node of the cluster: sbatch FILE"

    def render(self, job: Job) -> str:
        self.refuse(job)
        return _SCRIPT.format(
            directives="\n".join(f"#SBATCH --{line}" for line in _directives(job)),
            setup=f"{job.setup}\n" if job.setup else "",
            workers=job.workers,
            cases="\n".join(
                f"  {n}) spec={shlex.quote(spec.to_json())} ;;" for n, spec in enumerate(job.specs)
            ),
            arguments=job.arguments,
        )

    def command(self, file: Path) -> Sequence[str]:
        return ("sbatch", str(file))


def _directives(job: Job) -> list[str]:
    minutes = max(1, round(job.hours * 60))
    lines = [
        f"job-name={job.name}",
        f"array=0-{job.processes - 1}",
        f"chdir={os.getcwd()}",
        f"output={job.name}-%A_%a.log",
        "open-mode=append",
        "requeue",
        f"signal=B:TERM@{_NOTICE}",
        "ntasks=1",
        f"cpus-per-task={job.cpus}",
        f"mem={job.megabytes}M",
        f"time={minutes}",
    ]
    if job.gpus:
        lines.append(f"gpus-per-node={job.gpus}")
    return lines + [f"{key}={value}" if value else key for key, value in job.options.items()]
