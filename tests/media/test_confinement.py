"""The jail, tried from inside: in a child of its own, with a real decode and encode."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from server.pipeline.confinement import guards
from server.protocols.pose import PERSON
from tests.support.people import astronaut

ROOT = Path(__file__).resolve().parent.parent.parent
PRELUDE = """
import ctypes, fcntl, json, mmap, os, resource, select, socket, sys, threading
from fractions import Fraction
def call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
from server.pipeline import forkserver
forkserver.preload()
from server.pipeline.confinement import confine
"""
ATTEMPTS = {
    "open a file": "open('/etc/hostname').read()",
    "list a folder": "os.listdir('/')",
    "write a file": "open('{scratch}/x', 'w')",
    "make a folder": "os.mkdir('{scratch}/y')",
    "change a mode": "os.chmod('{scratch}', 0o777)",
    "link": "os.symlink('/etc', '{scratch}/z')",
    "open a socket": "socket.socket()",
    "pair sockets": "socket.socketpair()",
    "fork": "os.fork()",
    "execute": "os.execv('/bin/true', ['true'])",
    "signal another": "os.kill(os.getppid(), 0)",
    "limit another": "resource.prlimit(os.getppid(), resource.RLIMIT_CORE, (0, 0))",
    "a memory file": "os.write(os.memfd_create('x'), b'x' * 10)",
    "grow a descriptor": "os.write({descriptor}, b'x')",
    "too much memory": "bytearray(400 << 20)",
    "memory that is shared": "mmap.mmap(-1, 4096)",
    "memory that outlives it": "call('shmget', 0, 4096, 0o1600)",
    "watch a folder": "call('inotify_init1', 0)",
    "cut a file off": "os.truncate('{scratch}/file', 0)",
    "cut its descriptor off": "os.ftruncate({descriptor}, 0)",
    "an attribute": "os.setxattr('{scratch}/file', 'user.x', b'x')",
    "have signals sent": "fcntl.fcntl({descriptor}, fcntl.F_SETOWN, os.getppid())",
    "outlive the server": "call('prctl', 1, 0, 0, 0, 0)",
    "raise its own limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
    "wait for many": "select.epoll()",
    "a pipe": "os.pipe()",
    "another name for the machine": "call('sethostname', b'x', 1)",
}


POSE_PRELUDE = """
from server.pipeline import confinement, models, pictures, pose
from server.pipeline.pose_messages import Look
pose.preload()
bundle = models.load("lite")
shared = pictures.create()
seen = pictures.read_only(shared)
memory = pictures.attach(shared, write=True)
"""
POSE_ATTEMPTS = {
    **ATTEMPTS,
    "open what is no library of MediaPipe's": "open(confinement.__file__)",
    "write where it may read": "open('/dev/urandom', 'w')",
    "write a picture": "view.__setitem__(0, 1)",
    "have pictures written": "mmap.mmap(seen, pictures.SLOT, mmap.MAP_SHARED, mmap.PROT_WRITE)",
    "look what there is": "os.stat('/etc/hostname')",
    "make pictures fewer": "os.ftruncate(seen, 0)",
}


def inside(body: str, tmp_path: Path, prelude: str = PRELUDE) -> str:
    code = prelude + textwrap.dedent(body)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_this_machine_has_the_guards() -> None:
    """CI and developers' machines have them; `reelrace doctor` tells of those that have not."""
    assert guards() == {"landlock": "yes", "seccomp": "yes"}


def test_everything_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    attempts = {
        name: code.format(scratch=tmp_path, descriptor="descriptor")
        for name, code in ATTEMPTS.items()
    }
    out = inside(
        f"""
        descriptor = os.open({str(tmp_path / "file")!r}, os.O_RDONLY)
        lacking = confine(300 << 20)
        results = {{}}
        for name, code in {attempts!r}.items():
            try:
                eval(code)
                results[name] = "allowed"
            except (OSError, MemoryError, ValueError) as error:
                results[name] = type(error).__name__
        os.write(1, json.dumps([lacking, results]).encode())
        """,
        tmp_path,
    )
    lacking, results = json.loads(out)
    assert lacking == []
    assert "allowed" not in results.values(), results


def test_work_goes_on_inside(tmp_path: Path) -> None:
    out = inside(
        """
        import av
        confine(1 << 30)
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuv420p"
        encoder.time_base, encoder.thread_count = Fraction(1, 25), 2
        packets = []
        def work():
            for n in range(30):
                frame = av.VideoFrame(64, 64, "yuv420p")
                frame.pts = n
                packets.extend(encoder.encode(frame))
            packets.extend(encoder.encode(None))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        os.write(1, str(len(packets)).encode())
        """,
        tmp_path,
    )
    assert out == "30"


def test_nothing_is_imported_inside(tmp_path: Path) -> None:
    """Whatever a media process needs is there before the jail: inside, imports fail."""
    out = inside(
        """
        before = set(sys.modules)
        import server.pipeline.process
        after = set(sys.modules)
        os.write(1, json.dumps(sorted(after - before)).encode())
        """,
        tmp_path,
    )
    assert json.loads(out) == []


@pytest.mark.parametrize("kind", ["numpy", "sqlite3", "aiohttp", "procrastinate"])
def test_a_media_process_carries_nothing_it_does_not_need(tmp_path: Path, kind: str) -> None:
    out = inside(f"os.write(1, str({kind!r} in sys.modules).encode())", tmp_path)
    assert out == "False"


def test_a_pose_process_is_shut_in_as_well(tmp_path: Path) -> None:
    """It may read random numbers besides, and pictures."""
    (tmp_path / "file").write_text("x")
    attempts = {
        name: code.format(scratch=tmp_path, descriptor="descriptor")
        for name, code in POSE_ATTEMPTS.items()
    }
    out = inside(
        f"""
        {textwrap.indent(POSE_PRELUDE, "        ").strip()}
        descriptor = os.open({str(tmp_path / "file")!r}, os.O_RDONLY)
        view = pictures.attach(os.dup(seen), write=False)
        lacking = confine(300 << 20, confinement.POSE)
        results = {{}}
        for name, code in {attempts!r}.items():
            try:
                eval(code)
                results[name] = "allowed"
            except (OSError, MemoryError, ValueError, TypeError) as error:
                results[name] = type(error).__name__
        results["random numbers"] = len(open("/dev/urandom", "rb").read(8))
        os.write(1, json.dumps([lacking, results]).encode())
        """,
        tmp_path,
    )
    lacking, results = json.loads(out)
    assert lacking == []
    assert results.pop("random numbers") == 8
    assert "allowed" not in results.values(), results


def test_poses_are_found_inside(tmp_path: Path) -> None:
    np.save(tmp_path / "person.npy", astronaut())
    out = inside(
        f"""
        {textwrap.indent(POSE_PRELUDE, "        ").strip()}
        import numpy
        person = numpy.load("person.npy")
        height, width, _ = person.shape
        memory[: person.nbytes] = person.tobytes()
        view = pictures.attach(seen, write=False)
        assert confine(1 << 30, confinement.POSE) == []
        landmarker = pose.Landmarker(bundle, 1)
        looks = [Look(0, width, height, at) for at in (0, 33, 66)]
        found = [landmarker.look(landmarker.image(view, look), look.at) for look in looks]
        os.write(1, json.dumps([len(one) for one in found]).encode())
        os._exit(0)
        """,
        tmp_path,
    )
    assert json.loads(out) == [PERSON] * 3


@pytest.mark.parametrize("kind", ["cv2", "matplotlib", "sounddevice", "av", "aiohttp"])
def test_a_pose_process_carries_nothing_it_does_not_need(tmp_path: Path, kind: str) -> None:
    """What MediaPipe imports to draw and to listen is empty."""
    out = inside(
        f"""
        {textwrap.indent(POSE_PRELUDE, "        ").strip()}
        os.write(1, str(bool(getattr(sys.modules.get({kind!r}), "__file__", ""))).encode())
        """,
        tmp_path,
        prelude="import json, os, sys\n",
    )
    assert out == "False"


def test_nothing_is_imported_by_looking(tmp_path: Path) -> None:
    """All that MediaPipe imports later is there before: inside, imports fail."""
    out = inside(
        f"""
        {textwrap.indent(POSE_PRELUDE, "        ").strip()}
        before = set(sys.modules)
        view = pictures.attach(seen, write=False)
        landmarker = pose.Landmarker(bundle, 1)
        landmarker.look(landmarker.image(view, Look(0, 64, 64, 0)), 0)
        os.write(1, json.dumps(sorted(set(sys.modules) - before)).encode())
        os._exit(0)
        """,
        tmp_path,
    )
    assert json.loads(out) == []
