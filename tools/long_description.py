"""The README as a package index shows it, where no other file of the repository exists.

Hatchling calls this when it builds. If `project.urls` in pyproject.toml has a `Source`, links to
files lead there; without one they become plain text, and pictures are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = r"(?!https?:|#)"
LINK = re.compile(rf"\[([^\]]*)\]\({RELATIVE}[^)\s]+\)")
PICTURE = re.compile(rf'!{LINK.pattern}|<(?:img|source)\b[^>]*\bsrc(?:set)?="{RELATIVE}[^>]*>\s*')
START_OF_PICTURE = re.compile(rf'(!\[[^\]]*\]\(|<(?:img|source)\b[^>]*\bsrc(?:set)?="){RELATIVE}')
START_OF_LINK = re.compile(rf"\]\({RELATIVE}")


def long_description(readme: str, source: str | None) -> str:
    """Return a README whose links lead to `source`, the address of the repository's files.

    >>> long_description("[limits](docs/limits.md), [paper](https://arxiv.org)", None)
    'limits, [paper](https://arxiv.org)'
    >>> long_description("[limits](docs/limits.md)", "https://example.org/main")
    '[limits](https://example.org/main/docs/limits.md)'
    """
    if source is None:
        return LINK.sub(r"\1", PICTURE.sub("", readme))
    base = source.rstrip("/")
    readme = START_OF_PICTURE.sub(rf"\1{base.replace('/blob/', '/raw/')}/", readme)
    return START_OF_LINK.sub(f"]({base}/", readme)


class CustomMetadataHook(MetadataHookInterface):
    """The field `readme` of the package's metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the long description to the metadata of the package."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        source = metadata.get("urls", {}).get("Source")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": long_description(text, source),
        }
