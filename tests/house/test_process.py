"""What the processes of a running server may and may not have loaded."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Clips
from tests.support.server import Server


def loaded(pid: int) -> str:
    """Nothing of a process that has ended in the meantime."""
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_ffmpeg_stays_out_of_the_server(server: Server, clips: Clips) -> None:
    """A bug in a decoder must not be able to reach uploads and sessions."""
    server.finished(server.upload(clips("plain.mp4")))
    assert "libavcodec" not in loaded(server.pid)
    assert any("libavcodec" in loaded(pid) for pid in server.descendants())


def test_mediapipe_stays_alone(tmp_path: Path, clips: Clips) -> None:
    """Where it is there is no FFmpeg, and no OpenCV is anywhere."""
    server = Server(tmp_path / "data", media_outputs="renditions,pose").start()
    try:
        server.finished(server.upload(clips("plain.mp4")))
        family = [loaded(pid) for pid in (server.pid, *server.descendants())]
        assert "libmediapipe" not in family[0]
        assert any("libmediapipe" in maps for maps in family)
        assert not any("libmediapipe" in maps and "libav" in maps for maps in family)
        assert not any("opencv" in maps or "cv2" in maps for maps in family)
    finally:
        server.end()
