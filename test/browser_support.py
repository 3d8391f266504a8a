"""Opens a page in a headless Chromium, if there is one, and finds out what became of it."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
_OPTIONS = (
    *("--headless", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=15000", "--enable-logging=stderr"),
    # The 3D view needs WebGL, here without a graphics card.
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    # What the browser itself would ask for, and whatever else: no name has an address.
    *("--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
# Written into the page: gathers errors from the beginning, and in the end, what there is, into an attribute.
_EARLY = """<script>
window.observed = {errors: [], violations: []};
addEventListener('error', event => observed.errors.push(String(event.message)), true);
addEventListener('unhandledrejection', event => observed.errors.push(String(event.reason)));
addEventListener('securitypolicyviolation', event => observed.violations.push(event.blockedURI));
const complain = console.error;
console.error = (...words) => { observed.errors.push(words.join(' ')); complain(...words); };
</script>"""
_LATE = """<script>
addEventListener('load', () => setTimeout(() => {
  observed.requests = performance.getEntriesByType('resource').map(entry => entry.name.slice(0, 80))
    .filter(name => !/^(data|blob):/.test(name));
  observed.pictures = [...document.images].map(image => image.complete && image.naturalWidth);
  observed.scenes = [...document.querySelectorAll('.gl-container canvas')].map(canvas => canvas.getBoundingClientRect())
    .map(place => [place.left, place.top, place.width, place.height].map(Math.round));
  observed.legends = [...document.querySelectorAll('.legendtext')].map(text => text.textContent);
  document.body.setAttribute('data-observed', JSON.stringify(observed));
}, 3000));
</script>"""


@dataclass(frozen=True)
class Opened:
    """What a page did: ``observed`` by its own account, ``screenshot`` (H, W, 3) RGB, ``log``: the browser's."""

    observed: dict[str, Any]
    screenshot: np.ndarray
    log: str

    def scene(self) -> np.ndarray:
        """(H, W, 3) RGB: the first 3D view."""
        left, top, width, height = self.observed["scenes"][0]
        return self.screenshot[top : top + height, left : left + width]


def open_page(page: Path, folder: Path, height: int = 7000) -> Opened:
    """Open a copy of a page that observes itself; ``folder`` is for files of the browser."""
    text = page.read_text(encoding="utf-8")
    copy, picture = folder / "observed.html", folder / "screenshot.png"
    copy.write_text(text.replace("<head>", "<head>" + _EARLY, 1).replace("</body></html>", _LATE + "</body></html>"))
    command = [BROWSER, *_OPTIONS, f"--window-size=1200,{height}", f"--user-data-dir={folder / 'profile'}"]
    command += [f"--screenshot={picture}", "--dump-dom", copy.resolve().as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    found = re.search(r'data-observed="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    return Opened(json.loads(unescape(found[1])), cv2.imread(str(picture))[..., ::-1], done.stderr)
