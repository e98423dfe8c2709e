"""Make the pictures of docs/report.md and docs/study_pages.md.

`python -m tests.render.make_pictures [FOLDER]`; it takes about two minutes.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser import open_browser

MOST_BYTES = 150_000


def main() -> None:
    """Run `annealcam demo` and the study of crops, and photograph their pages."""
    from annealcam.cli.main import demo
    from annealcam.study.config import preset
    from annealcam.study.pages.report import write_report
    from annealcam.study.run.engine import run_study

    docs = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "docs" / "img")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo(output=folder / "demo")
        cup = folder / "demo" / "espresso" / "explanation.html"
        photograph(cup, docs / "report-light.webp", height=1760)
        photograph(cup, docs / "report-narrow.webp", scheme="dark", width=390, height=1500)
        run_study(preset("crops"), folder / "run")
        write_report(folder / "run")
        pages = folder / "run" / "report"
        photograph(pages / "index.html", docs / "study-light.webp", height=2000)
        (photo,) = (pages / "photos").glob("chelsea-chelsea-09-*.html")
        photograph(photo, docs / "study-photo.webp", scheme="dark", height=1290)


def photograph(
    page: Path, file: Path, *, height: int, scheme: str = "light", width: int = 1280
) -> None:
    """Write the top of a page as WebP, of the best quality that keeps within `MOST_BYTES`."""
    with open_browser(scheme=scheme, width=width, height=height) as tab:
        tab.page.goto(page.as_uri())
        picture = Image.open(io.BytesIO(tab.page.screenshot())).convert("RGB")
    for quality in range(90, 40, -5):
        stream = io.BytesIO()
        picture.save(stream, "WEBP", quality=quality, method=6)
        if stream.tell() <= MOST_BYTES:
            break
    file.write_bytes(stream.getvalue())


if __name__ == "__main__":
    main()
