"""Build hook: brings the browser assets through npm and copies them where the screens serve them from."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("src/innkeeper/web/static/vendor")

#: What the screens and the printed reports load, and where it lies inside its npm package.
ASSETS = {
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
    "chart.umd.min.js": "chart.js/dist/chart.umd.min.js",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "idiomorph-ext.min.js": "idiomorph/dist/idiomorph-ext.min.js",
    "DejaVuSans.ttf": "dejavu-fonts-ttf/ttf/DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf": "dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf",
    "swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
    "swagger-ui-bundle.js": "swagger-ui-dist/swagger-ui-bundle.js",
    "signature_pad.umd.min.js": "signature_pad/dist/signature_pad.umd.min.js",
}


class BrowserAssets(BuildHookInterface[Any]):
    """Runs `npm ci` with the Node that comes as a wheel, so a machine needs no Node of its own."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Copy the assets unless they are there already in the versions that package-lock.json names."""
        root = Path(self.root)
        stamp = root / VENDOR / ".lock"
        lock = (root / "package-lock.json").read_bytes()
        if stamp.is_file() and stamp.read_bytes() == lock:
            return
        _npm(root, "ci", "--ignore-scripts", "--no-progress")
        (root / VENDOR).mkdir(parents=True, exist_ok=True)
        for name, source in ASSETS.items():
            shutil.copyfile(root / "node_modules" / source, root / VENDOR / name)
        stamp.write_bytes(lock)


def _npm(root: Path, *arguments: str) -> None:
    command = shutil.which("npm") or str(Path(sys.executable).with_name("npm"))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    subprocess.run([command, *arguments], cwd=root, env=environment, check=True)
