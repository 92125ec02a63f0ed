#!/bin/bash
set -e
cat > /app/backup.sh <<'END'
#!/bin/bash
if [ ! -d "$1" ]; then
  echo "backup.sh: $1 does not exist" >&2
  exit 1
fi
python3 - "$1" "$2" <<'PYTHON'
import os
import sys
import tarfile

folder, archive = sys.argv[1:]
with tarfile.open(archive, "w:gz") as tar:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "cache"]
        for name in files:
            if not name.endswith(".tmp"):
                path = os.path.join(parent, name)
                tar.add(path, os.path.relpath(path, folder))
PYTHON
END
