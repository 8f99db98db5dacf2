"""Files of a package, as simple indexes, find-links pages and folders list them.

Pages are HTML or JSON (PEP 503, 592, 691, 700); addresses are http(s), file or plain paths.
"""

from __future__ import annotations

import base64
import json
import netrc
import ssl
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from html.parser import HTMLParser
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from parity.upgrades.interpreter import BuildError, Sources

_TIMEOUT: Final = 15.0  # seconds
_TRIES: Final = 2
_OLD: Final = 1990  # archives without times say 1980
_ACCEPT: Final = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
    "text/html;q=0.1"
)


@dataclass(frozen=True, slots=True)
class File:
    """A file that can be downloaded.

    `python` is what it requires of the interpreter, empty where that is not said; `yanked` is the
    reason, empty where none is given, None where it is not; `uploaded` is an ISO day.
    """

    name: str
    address: str
    python: str = ""
    yanked: str | None = None
    uploaded: str | None = None


def files(name: str, where: Sources, default: str | None) -> list[File]:
    """Return the files listed for a package, by its canonical name; none where it is absent.

    Find-links list the files of other packages too. Raises BuildError where a place cannot be
    reached; a folder that is not there lists nothing.
    """
    found: list[File] = []
    index = where.index or default
    if index is None and not where.no_index:
        raise BuildError("no index is configured, and pip's own is not known")
    for root in () if where.no_index else (index, *where.extra):
        found += _listed(f"{str(root).rstrip('/')}/{name}/", where)
    for place in where.find_links:
        found += _listed(place, where, loose=True)
    return found


def built(file: File) -> str | None:
    """Return the ISO day of the newest file in a wheel that is at hand; None if it is not."""
    path = _path(file.address)
    if path is None or path.suffix != ".whl":
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            newest = max(entry.date_time[:3] for entry in archive.infolist())
        return date(*newest).isoformat() if newest[0] >= _OLD else None
    except (OSError, ValueError, zipfile.BadZipFile):
        return None


def _listed(place: str, where: Sources, *, loose: bool = False) -> list[File]:
    """Return the files that a page or a folder lists; `loose` where they lie in it themselves."""
    path = _path(place)
    if path is None:
        return _fetched(place, where)
    try:
        if path.is_dir() and loose:
            return _in_folder(path)
        page = path / "index.html" if path.is_dir() else path
        if page.suffix not in (".html", ".htm"):
            return [File(page.name, page.as_uri())] if page.is_file() else []
        return list(_anchors(page.read_text("utf-8"), page.absolute().as_uri()))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"{place} cannot be read: {error}") from error


def _in_folder(folder: Path) -> list[File]:
    found = []
    for path in sorted(folder.absolute().iterdir()):
        if path.suffix in (".html", ".htm"):
            found += list(_anchors(path.read_text("utf-8"), path.as_uri()))
        else:
            found.append(File(path.name, path.as_uri()))
    return found


def _path(place: str) -> Path | None:
    """Return the path of a local address, None for one on the network."""
    parts = urlsplit(place)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path))
    return None if "://" in place else Path(place).expanduser()


def _fetched(address: str, where: Sources) -> list[File]:
    """Return the files that a page on the network lists; none where there is no such page."""
    request, host = _request(address)
    opener = _opener(where, host)
    reason = ""
    for _ in range(_TRIES):
        try:
            with opener.open(request, timeout=_TIMEOUT) as reply:
                body, kind = reply.read(), reply.headers.get_content_type()
                return list(_parsed(body, kind, reply.url))
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                return []
            reason = f"it answers {error.code} {error.reason}"
            if error.code < 500:
                break
        except urllib.error.URLError as error:
            reason = str(error.reason)
        except (KeyError, TypeError, AttributeError, ValueError):
            reason = "what it answers is no page of an index"
            break
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
    raise BuildError(f"the index at {host} cannot be reached: {reason}")


def _request(address: str) -> tuple[urllib.request.Request, str]:
    """Return a request, with the name and password that the address or .netrc has; and its host."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(
        urlunsplit(parts._replace(netloc=host)), headers={"Accept": _ACCEPT}
    )
    user, password = parts.username, parts.password
    if user is None:
        user, password = _netrc(parts.hostname or "")
    if user is not None:
        pair = f"{unquote(user)}:{unquote(password or '')}"
        word = base64.b64encode(pair.encode()).decode()
        # Not sent on to where the index redirects.
        request.add_unredirected_header("Authorization", f"Basic {word}")
    return request, host


def _netrc(host: str) -> tuple[str | None, str | None]:
    try:
        found = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None, None
    return (found[0], found[2]) if found else (None, None)


def _opener(where: Sources, host: str) -> urllib.request.OpenerDirector:
    try:
        context = ssl.create_default_context(cafile=where.cert)
        if where.client_cert:
            context.load_cert_chain(where.client_cert)
    except OSError as error:
        raise BuildError(f"the certificates that pip is to use cannot be read: {error}") from error
    if {host, host.rpartition(":")[0]} & set(where.trusted):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    proxies = {"http": where.proxy, "https": where.proxy} if where.proxy else None
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context)
    )


def _parsed(body: bytes, kind: str, address: str) -> Iterable[File]:
    if kind == "application/vnd.pypi.simple.v1+json":
        return map(_entry, json.loads(body)["files"])
    return _anchors(body.decode("utf-8", "replace"), address)


def _entry(entry: Mapping[str, Any]) -> File:
    """Return a file of a JSON page, where `yanked` is a truth or a reason."""
    yanked = entry.get("yanked", False)
    reason = None if yanked is False else ("" if yanked is True else str(yanked))
    uploaded = str(entry.get("upload-time") or "")[:10] or None
    python = entry.get("requires-python") or ""
    return File(entry["filename"], entry["url"], python, reason, uploaded)


def _anchors(text: str, address: str) -> Iterator[File]:
    """Yield the files that an HTML page links to."""
    parser = _Anchors()
    parser.feed(text)
    for anchor in parser.found:
        target = urljoin(urljoin(address, parser.base), anchor["href"] or "")
        name = unquote(urlsplit(target).path.rpartition("/")[2])
        if name:
            yanked = (anchor["data-yanked"] or "") if "data-yanked" in anchor else None
            uploaded = (anchor.get("data-upload-time") or "")[:10] or None
            python = anchor.get("data-requires-python") or ""
            yield File(name, target, python, yanked, uploaded)


class _Anchors(HTMLParser):
    """Collects the attributes of links, and the address that they are relative to."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.found.append(given)
        elif tag == "base" and given.get("href"):
            self.base = given["href"] or ""
