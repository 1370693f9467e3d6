"""Which pictures are within a page, and how? (as data of the page itself, as many as its size allows)"""

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ganbench.report.charts.chart import Chart, chart
from ganbench.report.charts.marks import cloud
from ganbench.report.charts.scale import MOST, Axis

BUDGET_BYTES = 7_000_000
"""Most bytes of all pictures of a page, encoded."""
PAGE_BYTES, SECTION_BYTES = 9_300_000, 65_000
"""Bytes of a page without its tables, which then stays below 10 MB; and of the charts of a row's section (in the mean of the reference
report 60,000)."""
POINTS = 800
"""Points of a cloud, always the first ones."""
SIDE = 330
"""Small pictures are enlarged to at most so many pixels on a side."""
MOST_PIXELS = 4_000_000
"""Largest picture that is taken."""


@dataclass(frozen=True)
class Picture:
    """A PNG within a page."""

    source: str
    """``data:`` address."""
    width: int
    """Pixels on the page: a whole multiple of the PNG's, so that its pixels stay square."""
    height: int
    alt: str
    caption: str


def room(sections: int) -> int:
    """Bytes that the pictures of a page may take beside the charts of so many sections."""
    return max(0, min(BUDGET_BYTES, PAGE_BYTES - SECTION_BYTES * sections))


@dataclass
class Album:
    """The pictures of one page."""

    left_bytes: int = BUDGET_BYTES
    left_out: list[str] = field(default_factory=list)
    """What had no room or could not be read."""

    def take(self, path: Path | None, alt: str, caption: str, *, quarter: bool = False) -> Picture | None:
        """A picture file as data, if it is a PNG and there is room for it.

        Args:
            path: The file; None gives None.
            alt: What it shows, in words.
            caption: What stands below it.
            quarter: Whether to take only the upper left quarter, of a grid of images.
        """
        if path is None:
            return None
        try:
            with Image.open(path, formats=["PNG"]) as image:
                if image.width * image.height > MOST_PIXELS:
                    self.left_out.append(f"{alt}: more than {MOST_PIXELS:,} pixels")
                    return None
                image.load()
                data, width, height = _encoded(image.crop((0, 0, image.width // 2, image.height // 2)) if quarter else image)
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
            self.left_out.append(f"{alt}: the file is damaged, or no PNG")
            return None
        encoded = base64.b64encode(data).decode("ascii")
        if len(encoded) > self.left_bytes:
            self.left_out.append(f"{alt}: no room on this page")
            return None
        self.left_bytes -= len(encoded)
        times = max(1, SIDE // max(width, height))
        source = f"data:image/png;base64,{encoded}"
        return Picture(source=source, width=times * width, height=times * height, alt=alt, caption=caption)


def _encoded(image: Image.Image) -> tuple[bytes, int, int]:
    """A PNG of the pixels alone, without anything else that the file held, and its width and height."""
    out = io.BytesIO()
    plain = image if image.mode in ("L", "RGB") else image.convert("RGB")
    Image.frombytes(plain.mode, plain.size, plain.tobytes()).save(out, "PNG", optimize=True)
    return out.getvalue(), plain.width, plain.height


def point_cloud(path: Path, real: Path | None, title: str, alt: str, side: int = 300) -> Chart | None:
    """The first two coordinates of generated points over the real ones in grey; None if the file cannot be read."""
    points, frame = _points(path), _points(real) if real else None
    if points is None:
        return None
    behind = points if frame is None else frame
    low, high = behind.min(0), behind.max(0)
    # so that spread and collapse are visible, and equal in all charts of a data set
    margin = 0.25 * np.maximum(high - low, 1e-3 * np.maximum(1.0, np.abs(high)))
    x, y = (Axis(low=float(low[k] - margin[k]), high=float(high[k] + margin[k])) for k in (0, 1))
    marks = [cloud([(float(a), float(b)) for a, b in points], 0)]
    if frame is not None:
        marks.insert(0, cloud([(float(a), float(b)) for a, b in frame], 6))
    return chart(title, alt, x, y, marks, size=(side, side))


def _points(path: Path) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]] | None":
    """The first points of an npy file; None if it holds none."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)  # only what is used is read, whatever size the header claims
    except Exception:  # numpy raises many kinds for damaged files
        return None
    if not isinstance(found, np.ndarray) or found.ndim != 2 or found.shape[1] < 2 or not len(found) or found.dtype.kind not in "fiu":
        return None
    chosen = np.array(found[:POINTS, :2], dtype=np.float64)
    chosen = chosen[(np.abs(chosen) <= MOST).all(1)]
    return chosen if len(chosen) else None
