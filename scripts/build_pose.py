"""Changes when: what a pose bundle is built from, or what MediaPipe expects in one, does.

    python scripts/build_pose.py OUT [--package DIR]

MediaPipe's PoseLandmarker loads a `.task` bundle: a zip of two TFLite networks, each of which says
in its metadata how pixels become its input. The npm package @mediapipe/pose 0.5.1675469404
(Apache-2.0) has the same networks without metadata. This adds it and packs them. The outcome is
reproducible, so the sources and the bundles are both pinned by SHA-256.

Sources: FlatBuffers' binary format ("FlatBuffer Internals"); TensorFlow Lite's `schema.fbs`;
`mediapipe/tasks/metadata/metadata_schema.fbs`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import struct
import sys
import zipfile
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "static" / "node_modules" / "@mediapipe" / "pose"
ALIGNMENT = 64
"""Bytes. Networks are mapped into memory where they lie; their weights may ask for this much."""

TABLES = {
    # TensorFlow Lite's schema.fbs
    "Model": "version operator_codes subgraphs description buffers metadata_buffer metadata"
    " signature_defs",
    "Buffer": "data",
    "Metadata": "name buffer",
    # metadata_schema.fbs; a union is two fields, of which the first says the member
    "ModelMetadata": "name description version subgraph_metadata author license associated_files"
    " min_parser_version",
    "SubGraphMetadata": "name description input_tensor_metadata output_tensor_metadata",
    "TensorMetadata": "name description dimension_names content process_units",
    "Content": "content_properties_type content_properties",
    "FeatureProperties": "",
    "ImageProperties": "color_space",
    "ProcessUnit": "options_type options",
    "NormalizationOptions": "mean std",
}
"""The tables that are written and their fields, in the order of the fields' numbers."""
_FEATURE_PROPERTIES = b"\x01"
_IMAGE_PROPERTIES = b"\x02"
_NORMALIZATION_OPTIONS = b"\x01"
_RGB = b"\x01"


class BuildError(Exception):
    """A bundle cannot be built; the message is one line for the person who builds."""


# What is built from what


class Network(NamedTuple):
    """What the metadata say of a network. A pixel value `x` enters it as `(x - mean) / std`."""

    name: str
    mean: float
    std: float
    outputs: tuple[str, ...]


class Size(NamedTuple):
    """One of the sizes in which the landmark network exists."""

    name: str
    source: str
    """SHA-256 of the network in the package."""
    bundle: str
    """SHA-256 of what is built from it."""


DETECTOR = Network("pose detector", 127.5, 127.5, ("boxes and keypoints", "scores"))
LANDMARKS = Network(
    "pose landmarks",
    0.0,
    255.0,
    ("landmarks", "presence", "segmentation mask", "heat map", "world landmarks"),
)
DETECTOR_FILE = "pose_solution_packed_assets.data"
DETECTOR_SHA256 = "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85"
SIZES = (
    Size(
        "lite",
        "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        "2544a522cf2c8b58f618e46dd84746e8fa4e47ea1f37a891061c0c5ef34905b6",
    ),
    Size(
        "full",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        "cdef7f3558c792ab7dafb1227c073ce3d897e81a3277161f6002a28b2b3aeb3f",
    ),
    Size(
        "heavy",
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        "f29105cdc8101e9a462ba314e69a38ed2a38fb5bde9e1f86e33eb0ec1931d6aa",
    ),
)


# Writing a FlatBuffer


class Piece(NamedTuple):
    """An object's bytes before it has a place in the file."""

    data: bytes
    references: Sequence[tuple[int, Piece | Kept]] = ()
    """Where in `data` another object is referred to, and which one."""
    anchor: int = 0
    """Where in `data` references to this object point."""
    alignment: int = 4


class Kept(NamedTuple):
    """An object of the file that is kept behind the new one, by its position there."""

    position: int


Field = bytes | Piece | Kept
"""What a table holds: a number, of one or four bytes, or a reference to an object."""


def text(value: str) -> Piece:
    """A `string`: length, UTF-8, NUL."""
    raw = value.encode()
    return Piece(struct.pack("<I", len(raw)) + raw + b"\0")


def floats(*values: float) -> Piece:
    """A `[float]`."""
    return Piece(struct.pack(f"<I{len(values)}f", len(values), *values))


def blob(value: bytes) -> Piece:
    """A `[ubyte] (force_align: 16)`: the bytes are aligned, and their length stands before them."""
    return Piece(bytes(12) + struct.pack("<I", len(value)) + value, anchor=12, alignment=16)


def vector(*items: Piece | Kept) -> Piece:
    """A vector of objects: their number, then a reference to each."""
    references = [(4 + 4 * index, item) for index, item in enumerate(items)]
    return Piece(struct.pack("<I", len(items)) + bytes(4 * len(items)), references)


def table(kind: str, **fields: Field) -> Piece:
    """A table of `TABLES`: its vtable, then its fields behind the distance between the two."""
    names = TABLES[kind].split()
    offsets = [0] * len(names)
    length = 4 + 2 * len(names)
    anchor = length + -length % 4
    body = bytearray(struct.pack("<i", length))
    references: list[tuple[int, Piece | Kept]] = []
    # Single bytes come last, so that everything else is aligned.
    for name, value in sorted(fields.items(), key=lambda item: _is_byte(item[1])):
        offsets[names.index(name)] = len(body)
        if isinstance(value, bytes):
            body += value
        else:
            references.append((anchor + len(body), value))
            body += bytes(4)
    vtable = struct.pack(f"<{2 + len(names)}H", length, len(body), *offsets)
    return Piece(vtable.rjust(anchor, b"\0") + body, references, anchor)


def _is_byte(value: Field) -> bool:
    return isinstance(value, bytes) and len(value) == 1


def serialise(root: Piece, identifier: bytes, kept: bytes = b"") -> bytes:
    """A FlatBuffer of `root`, padded to `ALIGNMENT`, with `kept` untouched behind it.

    References are unsigned distances, so every object stands behind those that refer to it.
    """
    data = bytearray(4) + identifier
    waiting: deque[tuple[int, Piece | Kept]] = deque([(0, root)])
    into_kept: list[tuple[int, int]] = []
    while waiting:
        slot, target = waiting.popleft()
        if isinstance(target, Kept):
            into_kept.append((slot, target.position))
            continue
        data += bytes(-len(data) % target.alignment)
        start = len(data)
        data += target.data
        struct.pack_into("<I", data, slot, start + target.anchor - slot)
        waiting.extend((start + offset, child) for offset, child in target.references)
    data += bytes(-len(data) % ALIGNMENT)
    for slot, position in into_kept:
        struct.pack_into("<I", data, slot, len(data) + position - slot)
    return bytes(data) + kept


# Reading one


def _target(data: bytes, slot: int) -> int:
    """The position that the reference at `slot` points to."""
    return slot + int.from_bytes(data[slot : slot + 4], "little")


def _fields(data: bytes, position: int) -> dict[int, int]:
    """Where each field lies that the table at `position` has, by number."""
    (back,) = struct.unpack_from("<i", data, position)
    (length,) = struct.unpack_from("<H", data, position - back)
    offsets = struct.unpack_from(f"<{length // 2 - 2}H", data, position - back + 4)
    return {number: position + offset for number, offset in enumerate(offsets) if offset}


def _items(data: bytes, slot: int) -> list[Kept]:
    """The objects of the vector that the reference at `slot` points to."""
    start = _target(data, slot)
    (count,) = struct.unpack_from("<I", data, start)
    return [Kept(_target(data, start + 4 + 4 * index)) for index in range(count)]


# TFLite and its metadata


def describe(network: Network) -> bytes:
    """`ModelMetadata` of a network whose one input is an RGB image."""
    normalization = table(
        "NormalizationOptions", mean=floats(network.mean), std=floats(network.std)
    )
    image = table(
        "TensorMetadata",
        name=text("image"),
        content=table(
            "Content",
            content_properties_type=_IMAGE_PROPERTIES,
            content_properties=table("ImageProperties", color_space=_RGB),
        ),
        process_units=vector(
            table("ProcessUnit", options_type=_NORMALIZATION_OPTIONS, options=normalization)
        ),
    )
    outputs = [
        table(
            "TensorMetadata",
            name=text(name),
            content=table(
                "Content",
                content_properties_type=_FEATURE_PROPERTIES,
                content_properties=table("FeatureProperties"),
            ),
        )
        for name in network.outputs
    ]
    subgraph = table(
        "SubGraphMetadata",
        input_tensor_metadata=vector(image),
        output_tensor_metadata=vector(*outputs),
    )
    root = table(
        "ModelMetadata",
        name=text(network.name),
        subgraph_metadata=vector(subgraph),
        min_parser_version=text("1.0.0"),
    )
    return serialise(root, b"M001")


def with_metadata(model: bytes, metadata: bytes) -> bytes:
    """The TFLite file `model` with `metadata` as its TFLITE_METADATA.

    Nothing of `model` is written anew: a root table is put in front, which refers to the parts of
    the old one, and `model` itself is the tail of the result. Its weights keep their alignment.
    Raises `BuildError` when it is not a TFLite file, or has fields that are not known here.
    """
    if model[4:8] != b"TFL3":
        raise BuildError("not a TFLite file")
    slots = _fields(model, _target(model, 0))
    names = TABLES["Model"].split()
    if max(slots) >= len(names):
        raise BuildError(f"a TFLite file whose field {max(slots)} is not known here")
    found = {names[number]: slot for number, slot in slots.items()}
    buffers = _items(model, found["buffers"])
    entries = _items(model, found["metadata"]) if "metadata" in found else []
    entry = table("Metadata", name=text("TFLITE_METADATA"), buffer=struct.pack("<I", len(buffers)))
    fields: dict[str, Field] = {name: Kept(_target(model, slot)) for name, slot in found.items()}
    fields["version"] = model[found["version"] : found["version"] + 4]
    fields["buffers"] = vector(*buffers, table("Buffer", data=blob(metadata)))
    fields["metadata"] = vector(*entries, entry)
    return serialise(table("Model", **fields), b"TFL3", model)


# The bundle


def pack(members: Mapping[str, bytes]) -> bytes:
    """A zip without compression and dates, each member's data at a multiple of `ALIGNMENT`.

    The gap is filled as Android's `zipalign` does it, with an extra field 0xd935 (APPNOTE 4.5).
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.create_system = 3  # Unix, wherever this runs
            member.external_attr = 0o644 << 16
            end_of_header = packed.tell() + 30 + len(name) + 6
            gap = bytes(-end_of_header % ALIGNMENT)
            member.extra = struct.pack("<HHH", 0xD935, 2 + len(gap), ALIGNMENT) + gap
            archive.writestr(member, data)
    return packed.getvalue()


def build(package: Path, out: Path) -> list[Path]:
    """Puts the three bundles into the folder `out` and returns their paths.

    `package` is the folder of the npm package; it is not looked at when every bundle is there
    already. Raises `BuildError` when one of its files is missing or another than expected.
    """
    bundles = {out / f"pose_landmarker_{size.name}.task": size for size in SIZES}
    stale = {path: size for path, size in bundles.items() if _sha256(path) != size.bundle}
    if not stale:
        return list(bundles)
    detector = with_metadata(read(package / DETECTOR_FILE, DETECTOR_SHA256), describe(DETECTOR))
    for path, size in stale.items():
        source = read(package / f"pose_landmark_{size.name}.tflite", size.source)
        landmarks = with_metadata(source, describe(LANDMARKS))
        bundle = pack(
            {"pose_detector.tflite": detector, "pose_landmarks_detector.tflite": landmarks}
        )
        if hashlib.sha256(bundle).hexdigest() != size.bundle:
            raise BuildError(f"{path.name} came out with another SHA-256 than {size.bundle}")
        _publish(path, bundle)
    return list(bundles)


def read(path: Path, sha256: str) -> bytes:
    """A file's bytes. Raises `BuildError` when it is missing or has another SHA-256."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BuildError(f"{path} is missing") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BuildError(f"{path} has another SHA-256 than {sha256}")
    return data


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _publish(path: Path, data: bytes) -> None:
    """Writes a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds MediaPipe's pose landmarker bundles.")
    parser.add_argument("out", type=Path, help="folder for the bundles")
    parser.add_argument("--package", type=Path, default=PACKAGE, help="folder of @mediapipe/pose")
    arguments = parser.parse_args()
    try:
        for path in build(arguments.package, arguments.out):
            print(path)
    except (BuildError, OSError) as error:
        sys.exit(f"build_pose: {error}")


if __name__ == "__main__":
    main()
