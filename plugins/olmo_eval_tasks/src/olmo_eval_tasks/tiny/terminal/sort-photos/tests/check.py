"""Every picture is in its place with its content, and nothing else is there."""

from pathlib import Path

EXPECTED = {
    "2029/01/harbour.jpg": 0,
    "2029/01/old town.jpg": 1,
    "2029/11/snow.jpg": 2,
    "2030/02/ferry.jpg": 3,
    "2030/02/ferry (1).jpg": 4,
    "2030/12/lights.jpg": 5,
    "notes.txt": 6,
    "undated.jpg": 7,
}

photos = Path("/app/photos")
found = {f.relative_to(photos).as_posix(): f.read_text() for f in photos.rglob("*") if f.is_file()}
assert found == {name: f"picture {number}\n" for name, number in EXPECTED.items()}, sorted(found)
