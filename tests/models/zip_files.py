"""Damaged zip files."""

import io
import zipfile


def with_long_part(content):
    """Return a zip file whose first part is 2 GiB long according to the directory."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        length = archive.start_dir + 20  # of the part as it is compressed
    return content[:length] + (2**31).to_bytes(4, "little") + content[length + 4 :]
