"""Changes when: where the pose bundles lie does. `scripts/build_pose.py` makes them."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

from server.protocols.pose import MODELS


class ModelMissing(Exception):
    """A bundle is not there, or is another than expected."""


def path(model: str) -> Path | None:
    """A bundle's file: in the package, else in the checkout; None if it is not built."""
    packaged = Path(str(resources.files("server"))) / "models"
    checkout = Path(__file__).resolve().parent.parent.parent / "static" / "models"
    for folder in (packaged, checkout):
        file = folder / f"pose_landmarker_{model}.task"
        if file.is_file():
            return file
    return None


def load(model: str) -> bytes:
    """A bundle, of which every byte is as it must be. Raises `ModelMissing`."""
    file = path(model)
    if file is None:
        raise ModelMissing(f"the pose bundle {model} is not built")
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != MODELS[model]:
        raise ModelMissing(f"{file} has another SHA-256 than {MODELS[model]}")
    return data
