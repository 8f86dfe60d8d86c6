"""Changes when: how a media process lives and dies does.

It has one read-only descriptor, one end of a socketpair, and where poses are wanted memory that
it shares with a pose process. One thread listens (bytes that arrived, the end) and gives a sign
of life twice a second; the others work. It ends when the other end of the socketpair does.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import select
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn

import av
import av.error
import msgspec

from server.job_errors import JobError, Limits
from server.pipeline import pictures
from server.pipeline.confinement import confine
from server.pipeline.messages import Available, Down, End, Failed, Link, Start, decode_fraction
from server.pipeline.runner import Runner
from storage.errors import ReelraceError
from storage.growing import GrowingFile
from storage.ranges import Ranges

_PULSE = 0.5
"""Seconds between two signs of life."""
_SWITCH = 0.0002
"""Seconds after which a thread that runs Python gives way; the default slows the encoders."""


def preload() -> None:
    """Imports what a media process will need."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith(("__main__", "datasets")):
            importlib.import_module(module.name)
    for name in ("traceback", "linecache", "encodings.idna"):
        importlib.import_module(name)


def prepare(start_message: bytes) -> None:
    """Nothing is to be done before a fork."""


def serve(link_descriptor: int, others: list[int], start_message: bytes) -> NoReturn:
    """The life of a media process, from confinement to exit.

    `others`: the source, and memory for pictures if poses are wanted.
    """
    start = msgspec.msgpack.decode(start_message, type=Start, dec_hook=decode_fraction)
    source_descriptor, *shared = others
    memory = pictures.attach(shared[0], write=True) if shared else None
    confine(start.settings.memory)
    sys.setswitchinterval(_SWITCH)
    link = Link(link_descriptor, Down)
    file = GrowingFile(source_descriptor, Ranges(start.ranges), start.length, start.promised)
    slots = None if memory is None else pictures.Slots(memory)
    runner = Runner(file, start, link.send, slots)
    threading.Thread(target=_listen, args=(link, file, runner, slots), daemon=True).start()
    try:
        done = runner.run()
        link.send(runner.progress())
        link.send(done)
    except OSError:
        os._exit(1)  # the host is gone
    except ReelraceError as error:
        _report(link, error)
    except (MemoryError, av.error.MemoryError, av.error.ExternalError):
        # x264 has only one word for all its troubles, and with us that is memory.
        _report(link, Limits("it ran out of memory"))
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        _report(link, JobError(f"{type(error).__name__}: {error} ({where})"))
    os._exit(0)


def _report(link: Link, error: ReelraceError) -> None:
    try:
        link.send(Failed(code=error.code, detail=error.detail))
    except OSError:
        os._exit(1)


def _listen(link: Link, file: GrowingFile, runner: Runner, slots: pictures.Slots | None) -> None:
    due = time.monotonic() + _PULSE
    try:
        while True:
            wait = max(0.0, due - time.monotonic())
            readable, _, _ = select.select([link.descriptor], [], [], wait)
            if time.monotonic() >= due:  # however much arrives
                link.try_send(runner.progress())
                due = time.monotonic() + _PULSE
            if not readable:
                continue
            received = link.receive()
            if received is None:
                os._exit(0)
            message, _ = received
            if isinstance(message, Available):
                file.arrived(message.start, message.end)
            elif isinstance(message, End):
                file.finish(message.length)
            elif slots is not None:
                slots.free(message.slot)
    except BaseException:
        os._exit(1)
