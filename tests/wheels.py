"""Packages made by hand for installers: wheels, sources, and the pages that list them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

Attributes = Mapping[str, str]


def wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    package: str | None = None,
    metadata: str = "",
    tag: str = "py3-none-any",
    day: tuple[int, int, int] = (1980, 1, 1),
) -> Path:
    """Write a wheel with one package that knows its VERSION; return its path."""
    package = package or name
    stem = f"{name}-{version}"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}{metadata}"
    texts = {
        f"{package}/__init__.py": f"VERSION = {version!r}\n",
        f"{stem}.dist-info/METADATA": about,
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = f"{stem}.dist-info/RECORD"
    texts[record] = "".join(f"{path},,\n" for path in [*texts, record])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in texts.items():
            archive.writestr(zipfile.ZipInfo(file, (*day, 0, 0, 0)), text)
    return path


def source(folder: Path, name: str, version: str, building: str) -> Path:
    """Write a source whose metadata can be had, and whose building runs a function's body."""
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    body = "".join(f"    {line}\n" for line in building.splitlines())
    backend = f"""
import pathlib

def prepare_metadata_for_build_wheel(folder, settings=None):
    place = pathlib.Path(folder, "{name}-{version}.dist-info")
    place.mkdir()
    place.joinpath("METADATA").write_text({about!r})
    place.joinpath("WHEEL").write_text("Wheel-Version: 1.0\\nTag: py3-none-any\\n")
    return place.name

def build_wheel(folder, settings=None, metadata=None):
{body}
"""
    system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file, text in (
            ("pyproject.toml", system),
            ("backend.py", backend),
            ("PKG-INFO", about),
        ):
            entry = tarfile.TarInfo(f"{name}-{version}/{file}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def page(index: Path, name: str, files: Mapping[str, Attributes]) -> None:
    """Write a simple index's page on a package: addresses, each with its link's attributes."""
    lines = []
    for address, attributes in files.items():
        given = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
        lines.append(f'<a href="{address}"{given}>{address.rpartition("/")[2]}</a><br/>')
    folder = index / name
    folder.mkdir(parents=True)
    text = f"<!DOCTYPE html><html><body>{''.join(lines)}</body></html>"
    folder.joinpath("index.html").write_text(text, "utf-8")
