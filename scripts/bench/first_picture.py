"""Changes when: what we tell of the time to the first picture does.

    python -m scripts.bench.first_picture [FILE ...] [--seconds S]

A file is uploaded evenly over S seconds. Told are: after how many seconds, and with which share
of its bytes up, its first segment could be fetched; and how long after the last byte all was
done. Against it stands upload-then-process: the same upload, and then the ffmpeg command line
that makes the same rungs, in the same run.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from scripts.bench import house, peer
from tests.support.server import Server


def main() -> None:
    parser = argparse.ArgumentParser(description="The first picture, against upload-then-process.")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=60, help="how long an upload takes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, house.server() as server:
        files = arguments.files or [peer.clip(Path(folder) / "clip.mp4", 60)]
        house.upload(server, files[0], 0)  # the first job also warms the machine up
        print(f"{'':28} {'ours':>24} {'upload, then process':>24} {'first picture':>14}")
        columns = f"{'first':>8}{'bytes':>8}{'lag':>8} {'first':>8}{'bytes':>8}{'lag':>8}"
        print(f"{'file':28} {columns} {'sooner by':>14}")
        for path in files:
            compare(server, path, arguments.seconds)


def compare(server: Server, path: Path, seconds: float) -> None:
    """Prints a line."""
    ours = house.upload(server, path, seconds)
    with tempfile.TemporaryDirectory() as out:
        run = peer.ladder(path, Path(out), ours.rungs, house.SETTINGS)
    first = ours.sent + run.first
    lag = ours.completed - ours.sent
    cells = f"{ours.playable:8.2f}{ours.share:8.0%}{lag:8.2f} {first:8.2f}{1:8.0%}{run.wall:8.2f}"
    print(f"{path.name:28} {cells} {first / ours.playable:13.1f}x")


if __name__ == "__main__":
    main()
