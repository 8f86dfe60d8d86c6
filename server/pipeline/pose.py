"""Changes when: how MediaPipe is asked for poses does.

A pose process: it gets pictures in shared memory, never a byte of an upload, and says who is in
them. It has one end of a socketpair and read-only memory, and ends when the other end does.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import types
from array import array
from queue import SimpleQueue
from typing import Any, NoReturn

import msgspec

from server.pipeline import confinement, models, pictures
from server.pipeline.messages import Link
from server.pipeline.pose_messages import Look, PoseDown, PoseStart, Ready, Seen, Unable
from server.protocols.pose import LANDMARKS

_UNUSED = ("cv2", "matplotlib", "matplotlib.pyplot", "sounddevice")
"""MediaPipe imports them to draw, and to listen. They take half a second, and libraries of a
desktop; and OpenCV brings another FFmpeg."""
_NEEDED = (
    "concurrent.futures.thread",
    "encodings.idna",
    "linecache",
    "mediapipe.tasks.python.vision",
    "numpy",
    "traceback",
)
_bundles: dict[str, bytes] = {}
"""Those that were asked for; all processes share them."""


def preload() -> None:
    """Imports what a pose process will need. Raises `ImportError` or `OSError`."""
    for name in _UNUSED:
        sys.modules.setdefault(name, types.ModuleType(name))
    for name in _NEEDED:
        importlib.import_module(name)
    bindings = importlib.import_module("mediapipe.tasks.python.core.mediapipe_c_bindings")
    bindings.load_raw_library()


def prepare(start_message: bytes) -> None:
    """Reads the model, in the fork server: the process itself will see no file."""
    start = msgspec.msgpack.decode(start_message, type=PoseStart)
    if start.model not in _bundles:
        _bundles[start.model] = models.load(start.model)


def serve(link_descriptor: int, shared: list[int], start_message: bytes) -> NoReturn:
    """The life of a pose process, from confinement to exit."""
    start = msgspec.msgpack.decode(start_message, type=PoseStart)
    memory = pictures.attach(shared[0], write=False)
    confinement.confine(start.memory, confinement.POSE)
    link = Link(link_descriptor, PoseDown)
    try:
        try:
            landmarker = Landmarker(_bundles[start.model], start.people)
        except Exception as error:
            link.send(Unable(f"{type(error).__name__}: {error}"[:200]))
            os._exit(1)
        link.send(Ready())
        waiting: SimpleQueue[tuple[Look, Any]] = SimpleQueue()
        threading.Thread(target=_take, args=(link, memory, landmarker, waiting)).start()
        while True:
            look, image = waiting.get()
            link.send(Seen(look.slot, landmarker.look(image, look.at)))
    finally:
        os._exit(0)


def _take(
    link: Link, memory: memoryview, landmarker: Landmarker, waiting: SimpleQueue[tuple[Look, Any]]
) -> None:
    """Gets pictures ready while others are looked at; there are never more than slots."""
    try:
        while (received := link.receive()) is not None:
            look: Look = received[0]
            waiting.put((look, landmarker.image(memory, look)))
    finally:
        os._exit(0)


class Landmarker:
    """MediaPipe's, with one person's or some people's poses from picture to picture."""

    def __init__(self, bundle: bytes, people: int) -> None:
        mediapipe: Any = importlib.import_module("mediapipe")
        self._numpy: Any = importlib.import_module("numpy")
        self._image = mediapipe.Image
        self._format = mediapipe.ImageFormat.SRGB
        vision = mediapipe.tasks.vision
        base = mediapipe.tasks.BaseOptions(model_asset_buffer=bundle)
        self._landmarker = vision.PoseLandmarker.create_from_options(
            vision.PoseLandmarkerOptions(
                base_options=base, running_mode=vision.RunningMode.VIDEO, num_poses=people
            )
        )

    def image(self, memory: memoryview, look: Look) -> Any:
        """A picture as MediaPipe takes it. Any thread."""
        start, size = look.slot * pictures.SLOT, look.width * look.height * 3
        pixels = self._numpy.frombuffer(memory[start : start + size], self._numpy.uint8)
        return self._image(self._format, pixels.reshape(look.height, look.width, 3))

    def look(self, image: Any, at: int) -> bytes:
        """The numbers of all who are in a picture at `at` ms, as 32-bit floats."""
        result = self._landmarker.detect_for_video(image, at)
        values = array("f")
        for places, world in zip(result.pose_landmarks, result.pose_world_landmarks, strict=True):
            if len(places) != LANDMARKS:
                raise ValueError(f"{len(places)} landmarks")
            for place in places:
                values.extend((place.x, place.y, place.z, place.visibility))
            for place in world:
                values.extend((place.x, place.y, place.z))
        return values.tobytes()
