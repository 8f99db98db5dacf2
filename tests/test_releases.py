"""The releases of packages on indexes and in folders made by hand."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from wheels import page, wheel

from parity.upgrades.releases import BuildError, Release, between, releases

HERE = f"cp{sys.version_info[0]}{sys.version_info[1]}"
PAGE = {
    "sample-1.10-py3-none-any.whl": {"data-upload-time": "2024-05-01T10:00:00Z"},
    "sample-1.9-py3-none-any.whl#sha256=00": {"data-upload-time": "2024-04-02T10:00:00Z"},
    "sample-1.9.tar.gz": {"data-upload-time": "2024-04-01T23:00:00Z"},
    "sample-1.8.tar.gz": {"data-yanked": "loses data"},
    "sample-1.7.tar.gz": {"data-yanked": ""},
    "sample-1.6-py3-none-any.whl": {"data-requires-python": ">=4"},
    "sample-1.5-cp27-none-win32.whl": {},
    "sample-1.4-cp27-none-win32.whl": {"data-requires-python": "<3"},
    "sample-1.3-cp27-none-win32.whl": {"data-yanked": "for one platform"},
    "sample-1.3.tar.gz": {},
    "sample-2.0rc1-py3-none-any.whl": {},
    "sample-extra-9.0-py3-none-any.whl": {},
    "sample-0.9.win32.exe": {},
}


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing of the machine's own configuration."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return monkeypatch


@pytest.fixture
def index(tmp_path: Path, only: pytest.MonkeyPatch) -> Path:
    """An index with one package, and another index without it."""
    place = tmp_path / "index"
    page(place, "sample", PAGE)
    page(tmp_path / "more", "other", {})
    only.setenv("PIP_INDEX_URL", place.as_uri())
    only.setenv("PIP_EXTRA_INDEX_URL", f"{(tmp_path / 'more').as_uri()}/")
    return place


def by_version(found: list[Release]) -> dict[str, Release]:
    return {release.version: release for release in found}


@pytest.mark.usefixtures("index")
def test_releases_come_in_the_order_of_versions_not_of_letters() -> None:
    versions = [release.version for release in releases("Sample")]
    assert versions == ["1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9", "1.10"]


@pytest.mark.usefixtures("index")
def test_prereleases_are_had_only_when_asked_for() -> None:
    assert releases("sample", prereleases=True)[-1].version == "2.0rc1"


@pytest.mark.usefixtures("index")
def test_a_release_has_the_day_of_its_first_file() -> None:
    found = by_version(releases("sample"))
    assert (found["1.9"].date, found["1.10"].date) == ("2024-04-01", "2024-05-01")
    assert found["1.8"].date is None


@pytest.mark.usefixtures("index")
def test_a_release_is_yanked_when_all_its_files_are() -> None:
    found = by_version(releases("sample"))
    yanked = {version: release.yanked for version, release in found.items()}
    assert yanked["1.8"] == "loses data"
    assert yanked["1.7"] == ""
    assert yanked["1.3"] is None
    assert yanked["1.9"] is None


@pytest.mark.usefixtures("index")
def test_a_release_says_why_it_cannot_be_installed() -> None:
    found = by_version(releases("sample"))
    lacks = {version: release.lack for version, release in found.items() if release.lack}
    assert lacks == {
        "1.4": "needs Python <3",
        "1.5": "has no file for this platform",
        "1.6": "needs Python >=4",
    }


def test_folders_are_looked_at_too_and_say_the_day_by_what_is_in_a_wheel(
    index: Path, tmp_path: Path, only: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    wheel(folder, "sample", "1.11", day=(2025, 2, 3))
    wheel(folder, "sample", "1.12")
    wheel(folder, "another", "7.0")
    only.setenv("PIP_FIND_LINKS", str(folder))
    newest = releases("sample")[-2:]
    assert newest == [
        Release("1.11", "2025-02-03", None, None),
        Release("1.12", None, None, None),
    ]
    only.setenv("PIP_NO_INDEX", "1")
    assert releases("sample") == newest


def test_wheels_of_this_python_can_be_installed_and_of_others_not(
    tmp_path: Path, only: pytest.MonkeyPatch
) -> None:
    from packaging.tags import sys_tags

    tag = next(iter(sys_tags()))
    assert tag.interpreter == HERE
    other = str(tag).replace(tag.interpreter, "cp99")
    page(
        tmp_path / "index",
        "sample",
        {f"sample-1.0-{tag}.whl": {}, f"sample-2.0-{other}.whl": {}},
    )
    only.setenv("PIP_INDEX_URL", (tmp_path / "index").as_uri())
    assert [release.lack for release in releases("sample")] == [
        None,
        "has no file for this platform",
    ]


@pytest.mark.usefixtures("index")
def test_a_package_that_no_index_has_is_named() -> None:
    with pytest.raises(BuildError, match="no index in use has a package named missing"):
        releases("missing")


def test_an_index_that_cannot_be_reached_is_named(index: Path, only: pytest.MonkeyPatch) -> None:
    only.setenv("PIP_EXTRA_INDEX_URL", "http://user:secret@127.0.0.1:9/simple")
    with pytest.raises(BuildError, match=r"index at 127\.0\.0\.1:9 cannot be reached") as caught:
        releases("sample")
    assert "secret" not in str(caught.value)


class Answering(BaseHTTPRequestHandler):
    """Answers with what the server has by path: a status, a type and a body."""

    def __init__(self, answers: dict[str, tuple[int, str, str]], *rest: object) -> None:
        self.answers = answers
        super().__init__(*rest)  # type: ignore[arg-type]  # what a server passes

    def do_GET(self) -> None:
        status, kind, body = self.answers.get(self.path, (404, "text/html", ""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "/moved/sample/")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


ANSWERS = {
    "/json/sample/": (
        200,
        "application/vnd.pypi.simple.v1+json",
        json.dumps(
            {
                "files": [
                    {
                        "filename": "sample-1.0.tar.gz",
                        "url": "/files/sample-1.0.tar.gz",
                        "hashes": {},
                        "yanked": True,
                        "upload-time": "2023-01-02T03:04:05.678Z",
                    },
                    {
                        "filename": "sample-1.1.tar.gz",
                        "url": "/files/sample-1.1.tar.gz",
                        "hashes": {},
                        "yanked": False,
                        "requires-python": ">=4",
                    },
                ]
            }
        ),
    ),
    "/html/sample/": (302, "text/html", ""),
    "/moved/sample/": (200, "text/html; charset=utf-8", '<a href="sample-1.2.tar.gz">x</a>'),
    "/broken/sample/": (503, "text/html", ""),
    "/garbled/sample/": (200, "application/vnd.pypi.simple.v1+json", "<html>"),
    "/strange/sample/": (200, "application/vnd.pypi.simple.v1+json", '{"files": [{}]}'),
}


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Answering, ANSWERS)) as serving:
        thread = Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def test_an_index_may_answer_in_json(server: str, only: pytest.MonkeyPatch) -> None:
    only.setenv("PIP_INDEX_URL", f"{server}/json/")
    assert releases("sample") == [
        Release("1.0", "2023-01-02", "", None),
        Release("1.1", None, None, None if sys.version_info >= (4,) else "needs Python >=4"),
    ]


def test_an_index_may_send_elsewhere_and_another_may_have_nothing(
    server: str, only: pytest.MonkeyPatch
) -> None:
    only.setenv("PIP_INDEX_URL", f"{server}/html")
    only.setenv("PIP_EXTRA_INDEX_URL", f"{server}/none")
    assert [release.version for release in releases("sample")] == ["1.2"]


@pytest.mark.parametrize("place", ["broken", "garbled", "strange"])
def test_an_index_that_answers_nonsense_is_not_taken_for_an_empty_one(
    place: str, server: str, only: pytest.MonkeyPatch
) -> None:
    only.setenv("PIP_INDEX_URL", f"{server}/{place}")
    with pytest.raises(
        BuildError, match=r"cannot be reached: (it answers 503|what it answers is no page)"
    ):
        releases("sample")


def test_between_has_both_ends() -> None:
    found = [Release(version, None, None, None) for version in ("1.0", "1.1", "1.2", "1.3")]
    assert [release.version for release in between(found, "1.1", "1.2")] == ["1.1", "1.2"]
    # Versions are compared as versions.
    assert [release.version for release in between(found, "1.2.0", "1.3")] == ["1.2", "1.3"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("1.1", "1.0", "expected the newer release second"),
        ("1.1", "1.1", "expected the newer release second"),
        ("1.0", "9.9", r"no release 9\.9; the newest are 1\.0, 1\.1"),
        ("x", "1.1", "no release x"),
    ],
)
def test_between_refuses_what_is_not_there_or_not_in_order(old: str, new: str, said: str) -> None:
    found = [Release(version, None, None, None) for version in ("1.0", "1.1")]
    with pytest.raises(ValueError, match=said):
        between(found, old, new)
