"""The script makes archives of folders that it has never seen."""

import subprocess
import tarfile
import tempfile
from pathlib import Path

KEPT = {"one.txt": "1", "deep/two words.md": "2", "deep/er/cached.txt": "3", ".hidden": "4"}
LEFT = {"x.tmp": "5", "cache/six.txt": "6", "deep/cache/seven.txt": "7", "deep/er/y.tmp": "8"}


def backup(folder, archive):
    command = ["bash", "/app/backup.sh", str(folder), str(archive)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, cwd="/tmp")


with tempfile.TemporaryDirectory(dir="/tmp") as place:
    folder, archive = Path(place, "some data"), Path(place, "out.tar.gz")
    for name, content in {**KEPT, **LEFT}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    made = backup(folder, archive)
    assert made.returncode == 0, made.stderr
    with tarfile.open(archive, "r:gz") as tar:
        members = [m for m in tar.getmembers() if m.isfile()]
        found = {m.name.removeprefix("./"): tar.extractfile(m).read().decode() for m in members}
    assert found == KEPT, sorted(found)
    missing = backup(Path(place, "nowhere"), Path(place, "none.tar.gz"))
    assert missing.returncode == 1 and missing.stderr.strip(), missing
    assert not Path(place, "none.tar.gz").exists()
