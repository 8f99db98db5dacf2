"""Why an installer failed: one sentence out of the page that it printed."""

from __future__ import annotations

import re
from typing import Final

_FULL: Final = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_CONFLICT: Final = re.compile(r"conflicting dependencies|No solution found", re.IGNORECASE)
_UNBUILT: Final = re.compile(
    r"Failed (?:to build|building wheel)|did not run successfully|build backend|"
    r"metadata-generation-failed|BackendUnavailable",
    re.IGNORECASE,
)
_UNREACHED: Final = re.compile(
    r"Failed to fetch|Failed to download|connection (?:error|refused|reset)|timed out|"
    r"error sending request|name resolution|Max retries",
    re.IGNORECASE,
)
_REASON: Final = re.compile(
    r"^\s*(?:[\w.]*(?:Error|Exception)\b|(?i:error|fatal):)[^\n]*", re.MULTILINE
)
_LONGEST: Final = 300


def final(said: str) -> bool:
    """Whether any other installer would fail for the same reason."""
    return bool(_FULL.search(said) or _UNBUILT.search(said))


def explained(said: str, doing: str) -> str:
    """Return one sentence on why `doing` (as "installing keras==3.9.2") failed."""
    if _FULL.search(said):
        return f"no space is left on the disk, {doing}"
    if _UNBUILT.search(said):
        return f"{_unbuilt(said)} does not build from its source, {doing}: {_reason(said)}"
    if _CONFLICT.search(said):
        return f"the requirements contradict each other, {doing}: {_conflict(said)}"
    if _UNREACHED.search(said):
        return f"a file or an index cannot be reached, {doing}: {_reason(said)}"
    return f"{doing} failed: {_reason(said)}"


def _unbuilt(said: str) -> str:
    """Return what does not build, as the installer names it."""
    patterns = (
        r"Failed to (?:download and )?build [`']?([\w.-]+(?:==[\w.+!-]+)?)",
        r"Failed to build '?([\w.-]+)",
        r"Failed building wheel for ([\w.-]+)",
        r"Collecting ([\w.-]+(?:==[\w.+!-]+)?)[^\n]*\n(?!.*^Collecting )",
    )
    for pattern in patterns:
        if found := re.search(pattern, said, re.DOTALL | re.MULTILINE):
            return found[1]
    return "a package"


def _conflict(said: str) -> str:
    """Return who contradicts whom: pip lists it, uv tells it."""
    if listed := re.search(r"The conflict is caused by:\n(.*?)\n\s*\n", said, re.DOTALL):
        return _line(", ".join(line.strip() for line in listed[1].splitlines()))
    told = re.search(r"(Because .*?)(?:\n\s*\n|\n\s*hint:|\Z)", said, re.DOTALL)
    return _line(told[1]) if told else _reason(said)


def _reason(said: str) -> str:
    """Return the line that says most: the last error of a build, else the last line at all."""
    body = said.split("[end of output]")[0]
    found = _REASON.findall(body) or _REASON.findall(said)
    if found:
        return _line(re.sub(r"^\s*error:\s*", "", found[-1], flags=re.IGNORECASE))
    lines = [line for line in said.splitlines() if line.strip()]
    return _line(lines[-1]) if lines else "it says nothing"


def _line(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _LONGEST else joined[: _LONGEST - 1] + "…"
