from __future__ import annotations

from pathlib import Path

import pytest

from server.settings import Settings, SettingsError, load


def test_defaults() -> None:
    settings = load(None, {}, {})
    assert settings == Settings()
    assert settings.places().whole >= 2
    assert settings.places().growing >= 2
    assert Settings(jobs=3, jobs_growing=5).places() == (3, 5)


def test_file_then_environment_then_command_line(tmp_path: Path) -> None:
    file = tmp_path / "reelrace.toml"
    file.write_text('port = 1\nhost = "a"\n[media]\ncrf = 20\nladder = [720, 480]\n')
    environment = {
        "REELRACE_HOST": "b",
        "REELRACE_MEDIA_PRESET": "fast",
        "REELRACE_TRUSTED_PROXIES": "10.0.0.1,10.0.0.2",
        "REELRACE_MEDIA_LADDER": "360,240",
        "UNRELATED": "x",
    }
    settings = load(file, environment, {"host": None, "port": 3})
    assert (settings.port, settings.host) == (3, "b")
    assert (settings.media.crf, settings.media.preset) == (20, "fast")
    assert settings.media.ladder == (360, 240)
    assert settings.trusted_proxies == ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    "text",
    [
        "port = 'x'",
        "port = 70000",
        "unknown = 1",
        "not toml",
        "log_level = 'loud'",
        "max_duration = 0",
        "max_output_base = 1",
        "max_output_factor = 0",
        "min_free_space = -1",
        "[media]\ncrf = 'x'",
        "[media]\nladder = [1080]",
        "[media]\nunknown = 1",
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "reelrace.toml"
    file.write_text(text)
    with pytest.raises(SettingsError):
        load(file, {}, {})


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="port"):
        load(None, {"REELRACE_PORT": "many"}, {})
