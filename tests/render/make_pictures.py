"""Make the pictures of docs/report.md: `python -m tests.render.make_pictures [FOLDER]`."""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser import open_browser

MOST_BYTES = 240_000
VIEWS = {
    "light": ("light", 1280, 2480),
    "dark": ("dark", 1280, 2480),
    "narrow": ("light", 390, 1700),
}


def main() -> None:
    """Run `annealcam demo`, and photograph the page of the cup."""
    from annealcam.cli.main import demo

    docs = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "docs" / "img")
    with tempfile.TemporaryDirectory() as folder:
        demo(output=Path(folder) / "demo")
        address = (Path(folder) / "demo" / "espresso" / "explanation.html").as_uri()
        for name, (scheme, width, height) in VIEWS.items():
            with open_browser(scheme=scheme, width=width, height=height) as tab:
                tab.page.goto(address)
                shot = tab.page.screenshot()
            save(Image.open(io.BytesIO(shot)).convert("RGB"), docs / f"report-{name}.jpg")


def save(picture: Image.Image, path: Path) -> None:
    """Write a JPEG of the best quality that keeps within `MOST_BYTES`."""
    for quality in range(90, 40, -5):
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality, optimize=True)
        if stream.tell() <= MOST_BYTES:
            break
    path.write_bytes(stream.getvalue())


if __name__ == "__main__":
    main()
