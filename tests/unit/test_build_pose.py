"""Changes when: what `scripts/build_pose.py` promises does."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "build_pose.py"


def _load() -> ModuleType:
    """Loads the script as a build hook does: from its path, not through `sys.modules`."""
    spec = importlib.util.spec_from_file_location("build_pose", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build_pose = _load()


def u32(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 4], "little")


def follow(data: bytes, slot: int) -> int:
    return slot + u32(data, slot)


def field(data: bytes, table: int, number: int) -> int | None:
    """The position of a table's field; None if it is absent."""
    vtable = table - int.from_bytes(data[table : table + 4], "little", signed=True)
    length = int.from_bytes(data[vtable : vtable + 2], "little")
    if 4 + 2 * number >= length:
        return None
    (offset,) = struct.unpack_from("<H", data, vtable + 4 + 2 * number)
    return table + int(offset) if offset else None


def byte(data: bytes, table: int, number: int) -> int:
    position = field(data, table, number)
    assert position is not None
    return data[position]


def child(data: bytes, table: int, number: int) -> int:
    slot = field(data, table, number)
    assert slot is not None
    return follow(data, slot)


def elements(data: bytes, vector: int) -> list[int]:
    return [follow(data, vector + 4 + 4 * index) for index in range(u32(data, vector))]


def string(data: bytes, position: int) -> str:
    end = position + 4 + u32(data, position)
    assert data[end] == 0
    return data[position + 4 : end].decode()


def blob(data: bytes, position: int) -> bytes:
    return data[position + 4 : position + 4 + u32(data, position)]


def floats(data: bytes, position: int) -> tuple[float, ...]:
    return struct.unpack_from(f"<{u32(data, position)}f", data, position + 4)


def tiny_model(*, fields: int = 5) -> bytes:
    """A model of version 3 with a description, one buffer of 4 bytes, and nothing else.

    The fields that a `fields` beyond 5 adds are aliases of the description.
    """
    model = bytearray(b"\0\0\0\0TFL3")
    vtable = len(model)
    size = 4 + 2 * fields
    offsets = [4, 0, 0, 8, 12, *([8] * (fields - 5))]
    model += struct.pack(f"<HH{fields}H", size, 16, *offsets)
    model += bytes(-len(model) % 4)
    root = len(model)
    model += struct.pack("<iI", root - vtable, 3) + bytes(8)
    struct.pack_into("<I", model, 0, root)

    struct.pack_into("<I", model, root + 8, len(model) - (root + 8))
    model += struct.pack("<I", 4) + b"tiny" + bytes(4)

    struct.pack_into("<I", model, root + 12, len(model) - (root + 12))
    model += struct.pack("<II", 1, 4 + 8)  # one buffer, whose table stands behind its vtable
    model += struct.pack("<HHHH", 6, 8, 4, 0)
    model += struct.pack("<iI", 8, 4) + struct.pack("<I", 4) + b"\x01\x02\x03\x04"
    return bytes(model)


def test_metadata_is_added_in_front_of_the_untouched_model() -> None:
    model = tiny_model()
    result: bytes = build_pose.with_metadata(model, b"about this model")

    assert result.endswith(model)
    assert (len(result) - len(model)) % 64 == 0
    assert result[4:8] == b"TFL3"


def test_the_new_root_leads_to_everything_old_and_to_the_metadata() -> None:
    data: bytes = build_pose.with_metadata(tiny_model(), b"about this model")
    root = follow(data, 0)
    version = field(data, root, 0)
    assert version is not None

    assert u32(data, version) == 3
    assert field(data, root, 1) is None
    assert string(data, child(data, root, 3)) == "tiny"

    old, new = elements(data, child(data, root, 4))
    assert blob(data, child(data, old, 0)) == b"\x01\x02\x03\x04"
    assert blob(data, child(data, new, 0)) == b"about this model"
    assert (child(data, new, 0) + 4) % 16 == 0

    (entry,) = elements(data, child(data, root, 6))
    buffer = field(data, entry, 1)
    assert buffer is not None
    assert string(data, child(data, entry, 0)) == "TFLITE_METADATA"
    assert u32(data, buffer) == 1


def test_metadata_that_is_there_already_stays() -> None:
    once: bytes = build_pose.with_metadata(tiny_model(), b"first")
    twice: bytes = build_pose.with_metadata(once, b"second")
    root = follow(twice, 0)

    assert twice.endswith(once)
    texts = [
        blob(twice, child(twice, buffer, 0)) for buffer in elements(twice, child(twice, root, 4))
    ]
    assert texts == [b"\x01\x02\x03\x04", b"first", b"second"]
    entries = elements(twice, child(twice, root, 6))
    numbers = [field(twice, entry, 1) for entry in entries]
    assert [u32(twice, number) for number in numbers if number is not None] == [1, 2]


@pytest.mark.parametrize("model", [b"\0\0\0\0TFL2" + bytes(8), tiny_model(fields=9)])
def test_an_unknown_model_is_refused(model: bytes) -> None:
    with pytest.raises(build_pose.BuildError):
        build_pose.with_metadata(model, b"")


@pytest.mark.parametrize(
    ("network", "mean", "std", "outputs"),
    [(build_pose.DETECTOR, 127.5, 127.5, 2), (build_pose.LANDMARKS, 0.0, 255.0, 5)],
)
def test_the_metadata_say_how_pixels_are_normalised(
    network: tuple[object, ...], mean: float, std: float, outputs: int
) -> None:
    data: bytes = build_pose.describe(network)
    assert data[4:8] == b"M001"
    root = follow(data, 0)
    assert string(data, child(data, root, 7)) == "1.0.0"

    (subgraph,) = elements(data, child(data, root, 3))
    (image,) = elements(data, child(data, subgraph, 2))
    assert len(elements(data, child(data, subgraph, 3))) == outputs

    content = child(data, image, 3)
    assert byte(data, content, 0) == 2  # ImageProperties
    assert byte(data, child(data, content, 1), 0) == 1  # RGB

    (unit,) = elements(data, child(data, image, 4))
    assert byte(data, unit, 0) == 1  # NormalizationOptions
    options = child(data, unit, 1)
    assert floats(data, child(data, options, 0)) == (mean,)
    assert floats(data, child(data, options, 1)) == (std,)


def test_zip_members_are_stored_at_multiples_of_64_bytes() -> None:
    members = {"a.tflite": b"first" * 7, "longer_name.tflite": b"second", "c": b""}
    packed: bytes = build_pose.pack(members)

    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == members
        for member in archive.infolist():
            assert member.compress_type == zipfile.ZIP_STORED
            name, extra = struct.unpack_from("<HH", packed, member.header_offset + 26)
            start = member.header_offset + 30 + name + extra
            assert start % 64 == 0
            assert packed[start:].startswith(members[member.filename])


def test_a_zip_depends_on_its_members_only() -> None:
    packed: bytes = build_pose.pack({"a": b"first", "b": b"second"})
    # Pinned, so that another day, machine or Python gives the same.
    assert (
        hashlib.sha256(packed).hexdigest()
        == "43e7e9721a4b067cebf5669fdf1b70caad13d7196da3378ddedc1fd61289fce5"
    )


def test_a_source_with_another_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.tflite"
    path.write_bytes(b"weights")

    assert build_pose.read(path, hashlib.sha256(b"weights").hexdigest()) == b"weights"
    with pytest.raises(build_pose.BuildError, match=r"network\.tflite has another SHA-256"):
        build_pose.read(path, hashlib.sha256(b"other weights").hexdigest())


def test_a_wrong_package_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / build_pose.DETECTOR_FILE).write_bytes(tiny_model())

    with pytest.raises(build_pose.BuildError, match="another SHA-256"):
        build_pose.build(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "out", "--package", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    missing = tmp_path / build_pose.DETECTOR_FILE
    assert done.stderr.splitlines() == [f"build_pose: {missing} is missing"]


@pytest.mark.skipif(not build_pose.PACKAGE.is_dir(), reason="@mediapipe/pose is not installed")
def test_the_real_package_gives_the_pinned_bundles(tmp_path: Path) -> None:
    paths: list[Path] = build_pose.build(build_pose.PACKAGE, tmp_path)
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths} == {
        f"pose_landmarker_{size.name}.task": size.bundle for size in build_pose.SIZES
    }
    assert sorted(tmp_path.iterdir()) == sorted(paths)

    # Only what is not as it should be is built again.
    lite, *others = paths
    written = [path.stat().st_mtime_ns for path in others]
    lite.write_bytes(b"damaged")
    build_pose.build(build_pose.PACKAGE, tmp_path)
    assert hashlib.sha256(lite.read_bytes()).hexdigest() == build_pose.SIZES[0].bundle
    assert [path.stat().st_mtime_ns for path in others] == written

    # And the package is not needed when nothing is.
    assert build_pose.build(tmp_path / "nowhere", tmp_path) == paths
