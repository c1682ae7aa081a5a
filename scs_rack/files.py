"""Files that others may read while we write them, or that hold a secret."""

import os
import tempfile
from pathlib import Path


def write_file(path: Path, data: bytes | str, mode: int = 0o600) -> None:
    """Write a file whole or not at all, and durably; readers see the old content or the new, never a part.

    Args:
        path: where; its folder must exist.
        data: the content; text is written as UTF-8.
        mode: permissions. The file has them from the first byte on.

    Raises:
        OSError: it can't be written; what stood there still stands.
    """
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with 0600
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(handle)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
