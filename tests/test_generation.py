"""Every structure is drawn, the same seed draws the same cases, and a found one shrinks to less."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from parity.case import Case
from parity.generation import Enough, Source, generated, structure
from parity.profiles import PROFILES
from parity.strategies import PROBLEMS

PROFILE = PROFILES["standard"]
SOURCE = Source("mlp", "sgd", PROFILE.dtypes, PROFILE, 3)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_each_structure_is_drawn_before_any_is_drawn_twice(optimizer: str, problem: str) -> None:
    drawn = generated(problem, optimizer, PROFILE.dtypes, PROFILE, 3)
    assert len({structure(case) for case in drawn[: PROFILE.pool]}) == PROFILE.pool


def test_each_structure_is_drawn_in_each_dtype_before_it_is_drawn_a_third_time() -> None:
    drawn = generated("mlp", "adam", PROFILE.dtypes, PROFILE, 3)
    twice = drawn[: 2 * PROFILE.pool]
    assert len({(structure(case), case.dtype) for case in twice}) == 2 * PROFILE.pool


def test_the_cases_are_distinct() -> None:
    drawn = generated("linear", "sgd", PROFILE.dtypes, PROFILE, 3)
    assert len({case.digest for case in drawn}) == len(drawn) > 5 * PROFILE.pool


def every_digest() -> list[str]:
    return [case.digest for stream in range(PROFILE.pool) for case in SOURCE.drawn(stream)]


def test_the_same_seed_draws_the_same_cases_whatever_else_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = every_digest()
    # Hypothesis mixes the constants of imported modules into what it draws.
    path = tmp_path / "constants_of_a_module.py"
    path.write_text(f"NUMBERS = {list(range(100, 900))}\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    monkeypatch.setitem(sys.modules, path.stem, importlib.util.module_from_spec(spec))
    assert every_digest() == before


def test_a_stream_makes_the_same_choices_on_another_structure() -> None:
    first = SOURCE.designs[0]
    there = SOURCE.drawn(len(SOURCE.designs) - 1)
    asked: list[Case] = []

    def wanted(case: Case) -> bool:
        asked.append(case)
        return False

    for before, case in enumerate(there):
        assert not SOURCE.shrink(first, len(SOURCE.designs) - 1, before, wanted)
        assert (asked[-1].steps, asked[-1].dtype) == (case.steps, case.dtype)
        assert (asked[-1].optimizer, asked[-1].clip) == (case.optimizer, case.clip)
        assert structure(asked[-1]) != structure(case)
    assert len(asked) == len(there)


def test_a_case_is_placed_and_shrinks_to_the_simplest_of_its_structure() -> None:
    case = SOURCE.drawn(4)[5]
    place = SOURCE.place(case)
    assert place == (4, 5)
    asked: list[Case] = []

    def wanted(case: Case) -> bool:
        asked.append(case)
        return case.steps > 1

    assert SOURCE.shrink(SOURCE.designs[2], *place, wanted)
    smallest = [case for case in asked if case.steps > 1][-1]
    assert (smallest.steps, smallest.dtype, smallest.clip) == (2, "float32", None)
    assert structure(smallest) == structure(SOURCE.drawn(2)[0])


def test_shrinking_ends_at_once_where_it_is_enough() -> None:
    case = SOURCE.drawn(4)[5]
    asked: list[Case] = []

    def wanted(case: Case) -> bool:
        asked.append(case)
        if len(asked) == 9:  # the fifth of its stream, and some that shrink it
            raise Enough
        return True

    with pytest.raises(Enough):
        SOURCE.shrink(SOURCE.designs[2], *SOURCE.place(case), wanted)
    assert len(asked) == 9


def test_a_case_from_elsewhere_has_no_place() -> None:
    assert SOURCE.place(Source("linear", "sgd", PROFILE.dtypes, PROFILE, 3).drawn(0)[0]) is None
