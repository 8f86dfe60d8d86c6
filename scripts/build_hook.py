"""Changes when: what a wheel carries besides Python does: the page and the pose bundles."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebClientHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds both, and puts them into the package `server`; an editable install has its own."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files; `version` is standard or editable."""
        if version == "editable":
            return
        root = Path(self.root)
        subprocess.run([sys.executable, "-m", "scripts.build_web"], cwd=root, check=True)
        static = root / "static"
        build_data["force_include"][str(static / "dist")] = "server/web"
        build_data["force_include"][str(static / "models")] = "server/models"
