"""Small files of a store that say something of its runs: which are pinned, which are baselines."""

from __future__ import annotations

from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError


class Markers:
    """The markers below ``RESULTS/FOLDER``: texts by name."""

    def __init__(self, results: str, folder: str) -> None:
        self.results, self.folder = results, folder

    def names(self) -> frozenset[str]:
        """Raises DataError: the store cannot be listed."""
        from pyarrow import fs

        filesystem, root = open_filesystem(self.results)
        selector = fs.FileSelector(f"{root}/{self.folder}", allow_not_found=True)
        try:
            found = filesystem.get_file_info(selector)
        except OSError as error:
            raise DataError(
                f"cannot list the {self.folder} of {self.results}: {error}", hint=way_out(error)
            ) from error
        return frozenset(info.path.rpartition("/")[2] for info in found if info.is_file)

    def read(self, name: str) -> str | None:
        """What a marker says; None where there is none. Raises DataError: it cannot be read."""
        filesystem, root = open_filesystem(self.results)
        try:
            with filesystem.open_input_file(f"{root}/{self.folder}/{name}") as file:
                return str(file.readall().decode()).strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"cannot read {self.results}/{self.folder}/{name}: {error}", hint=way_out(error)
            ) from error

    def write(self, name: str, text: str) -> None:
        """Raises DataError: the store cannot be written."""
        filesystem, root = open_filesystem(self.results)
        try:
            if "://" not in self.results:
                filesystem.create_dir(f"{root}/{self.folder}", recursive=True)
            with filesystem.open_output_stream(f"{root}/{self.folder}/{name}") as stream:
                stream.write(f"{text}\n".encode())
        except OSError as error:
            raise DataError(
                f"cannot write {self.results}/{self.folder}/{name}: {error}", hint=way_out(error)
            ) from error

    def remove(self, name: str) -> bool:
        """Whether there was one. Raises DataError: the store cannot be written."""
        if name not in self.names():
            return False
        filesystem, root = open_filesystem(self.results)
        try:
            filesystem.delete_file(f"{root}/{self.folder}/{name}")
        except OSError as error:
            raise DataError(
                f"cannot remove {self.results}/{self.folder}/{name}: {error}", hint=way_out(error)
            ) from error
        return True
