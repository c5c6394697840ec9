#!/usr/bin/env python3
"""The icons of the installed page, simpleml/web/static/shell/icon-*.png: icon.svg on a full square.

    python tools/icons.py

A system may cut an icon to a circle or a rounded square, so the ground fills it and the lines stay
within its inner 80 %.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).resolve().parent.parent / "simpleml" / "web" / "static" / "shell"
SIZES = (192, 512)
OVERSAMPLING = 4
SIDE = 40  # icon.svg's 32, with more ground around
GROUND, PAPER, ACCENT = "#a8321a", "#ffffff", "#ffd9a8"
WIDTH = 2.6
LINES = (  # of icon.svg
    ((8, 9), (24, 9), PAPER),
    ((8, 15), (24, 15), PAPER),
    ((8, 21), (17, 21), PAPER),
    ((21, 18.5), (21, 24.5), ACCENT),
)


def icon(size: int) -> Image.Image:
    """The icon, so many pixels wide and high."""
    scale = size * OVERSAMPLING / SIDE
    margin = (SIDE - 32) / 2
    picture = Image.new("RGB", (size * OVERSAMPLING, size * OVERSAMPLING), GROUND)
    draw = ImageDraw.Draw(picture)
    for begin, end, colour in LINES:
        points = [((x + margin) * scale, (y + margin) * scale) for x, y in (begin, end)]
        draw.line(points, fill=colour, width=round(WIDTH * scale))
        for x, y in points:  # round ends
            radius = WIDTH * scale / 2
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def main() -> None:
    """Write them."""
    for size in SIZES:
        path = FOLDER / f"icon-{size}.png"
        icon(size).quantize(64).save(path, "PNG", optimize=True)
        print(f"{path.name} {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
