"""Changes when: what we tell of the cost of a whole job does.

    python -m scripts.bench.transcode [FILE ...] [--rounds N]

CPU and wall of one whole job, upload at once to `completed`, against the ffmpeg command line that
makes the same rungs of the same file, in turns. Medians, and ratios of ours to theirs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from scripts.bench import house, peer


def main() -> None:
    parser = argparse.ArgumentParser(description="A whole job against the ffmpeg command line.")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = arguments.files or [peer.clip(Path(folder) / "clip.mp4", 60)]
        print(f"{'':28} {'ours':>16} {'ffmpeg':>16} {'ratio':>14}")
        print(f"{'file':28} {'wall':>8}{'CPU':>8} {'wall':>8}{'CPU':>8} {'wall':>7}{'CPU':>7}")
        for path in files:
            compare(path, arguments.rounds)


def compare(path: Path, rounds: int) -> None:
    """Prints a line."""
    ours, theirs = [], []
    for _ in range(rounds):
        with house.server() as server:
            before = house.cpu(server)
            upload = house.upload(server, path, 0)
            ours.append((upload.completed, house.cpu(server) - before))
        with tempfile.TemporaryDirectory() as out:
            run = peer.ladder(path, Path(out), upload.rungs, house.SETTINGS)
            theirs.append((run.wall, run.cpu))
    wall, cpu = (statistics.median(column) for column in zip(*ours, strict=True))
    their_wall, their_cpu = (statistics.median(column) for column in zip(*theirs, strict=True))
    ratios = f"{wall / their_wall:7.2f}{cpu / their_cpu:7.2f}"
    print(f"{path.name:28} {wall:8.1f}{cpu:8.1f} {their_wall:8.1f}{their_cpu:8.1f} {ratios}")


if __name__ == "__main__":
    main()
