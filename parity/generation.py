"""Cases drawn by Hypothesis: by a seed, on every structure alike, and how a found one shrinks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, zip_longest
from random import Random

import numpy as np
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from parity.case import Array, Case
from parity.profiles import Profile
from parity.strategies import Design, cases, designs

DRAWN = 6  # cases for each that is run: lanes differ in what they lack, and the best come first


class Enough(BaseException):
    """What is asked of each case while it shrinks may raise this, to end it at once.

    Refusing every further case does not: Hypothesis would go on for up to five minutes. Nor does an
    Exception, which it would shrink too.
    """


@lru_cache(maxsize=128)  # the pairs of problem and optimizer, for some sets of dtypes
def generated(
    problem: str, optimizer: str, dtypes: tuple[str, ...], profile: Profile, seed: int
) -> tuple[Case, ...]:
    """Return distinct cases, DRAWN or fewer for each example of the profile, by the seed.

    Each structure has as many. Those come first that together show most of what can be drawn.
    """
    source = Source(problem, optimizer, dtypes, profile, seed)
    streams = zip_longest(*(source.drawn(stream) for stream in range(len(source.designs))))
    drawn = [case for row in streams for case in row if case is not None]
    return covering(tuple({case.digest: case for case in drawn}.values()))


@dataclass(frozen=True, slots=True)
class Source:
    """Where cases come from: one stream of choices for each structure of a problem."""

    problem: str
    optimizer: str
    dtypes: tuple[str, ...]
    profile: Profile
    seed: int

    @property
    def designs(self) -> tuple[Design, ...]:
        """The structures, smallest first."""
        return designs(self.problem, self.profile.pool)

    def drawn(self, stream: int) -> tuple[Case, ...]:
        """Return the cases of a stream, on the structure that it is for."""
        found: list[Case] = []

        def collect(case: Case) -> bool:
            found.append(case)
            return False

        self._draw(self.designs[stream], stream, collect, (Phase.generate,))
        return tuple(found)

    def place(self, case: Case) -> tuple[int, int] | None:
        """Return the stream that `case` was drawn from, and how many came before it."""
        for stream in range(len(self.designs)):
            for before, other in enumerate(self.drawn(stream)):
                if other.digest == case.digest:
                    return stream, before
        return None

    def shrink(
        self, design: Design, stream: int, before: int, wanted: Callable[[Case], bool]
    ) -> bool:
        """Shrink on `design` what a stream has after so many cases; return whether it is wanted.

        Raises Enough where `wanted` does.
        """
        passed, found = 0, False

        def same(case: Case) -> bool:
            nonlocal passed, found
            passed += 1
            if found:
                return wanted(case)
            found = passed == before + 1 and wanted(case)
            return found

        self._draw(design, stream, same, (Phase.generate, Phase.shrink))
        return found

    def _draw(
        self,
        design: Design,
        stream: int,
        wanted: Callable[[Case], bool],
        phases: Sequence[Phase],
    ) -> None:
        try:
            find(
                cases(self.problem, self.optimizer, dtypes=self.dtypes, structures=(design,)),
                wanted,
                settings=settings(
                    max_examples=1 + DRAWN * self.profile.examples // self.profile.pool,
                    phases=phases,
                    database=None,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
                # Not the same numbers for each optimizer: what one draw misses, another has.
                random=Random(f"{self.seed} {self.problem} {self.optimizer} {stream}"),
            )
        except NoSuchExample:
            return


def covering(drawn: Sequence[Case]) -> tuple[Case, ...]:
    """Return the cases: each structure in turn, in each dtype, and first what shows most traits.

    Most pairs of traits, that is. So the first few of them see most of what can be drawn, which
    chance alone does not: what one structure in twelve has is missing from one in eight samples
    of 25.
    """
    pairs = [frozenset(combinations(sorted(traits(case)), 2)) for case in drawn]
    every = frozenset[tuple[str, str]]().union(*pairs)
    ordered, shown = list[Case](), set[tuple[str, str]]()
    turns = Counter[tuple[str, ...]]()

    def turn(i: int) -> tuple[int, int]:
        return turns[structures[i],], turns[structures[i], drawn[i].dtype]

    structures = [structure(case) for case in drawn]
    left = list(range(len(drawn)))
    while len(shown) < len(every):
        first = min(map(turn, left))
        waiting = [i for i in left if turn(i) == first]
        best = max(waiting, key=lambda i: len(pairs[i] - shown))
        left.remove(best)
        shown |= pairs[best]
        turns.update([(structures[best],), (structures[best], drawn[best].dtype)])
        ordered.append(drawn[best])
    return (*ordered, *(drawn[i] for i in left))


def structure(case: Case) -> str:
    """Return what tells the designs of a pool apart."""
    sizes = (case.x.shape[1], *(layer.units for layer in case.layers), len(case.batches[0]))
    return f"sizes {sizes}"


def traits(case: Case) -> set[str]:
    """Return what a fault may depend on: the choices that a case was made of."""
    loss, optimizer = case.loss, case.optimizer
    partial = any(len(rows) < len(case.batches[0]) for rows in case.batches)
    return {
        structure(case),
        f"dtype {case.dtype}",
        f"loss {loss.name} {loss.reduction} {loss.labels}",
        f"smoothing {loss.label_smoothing}",
        f"penalty {loss.l2 > 0}",
        f"class weights {loss.class_weights is not None}",
        f"sample weights {case.sample_weights is not None}",
        f"clip {case.clip and case.clip.kind}",
        f"inputs {_magnitude(case.x)}",
        f"outputs {_magnitude(case.x @ case.weights['layer0/kernel'])}",
        f"schedule {len(set(case.rates)) > 1}",
        f"partial batch {partial}",
        f"steps {case.steps}",
        f"bias {case.layers[0].bias}",
        f"row of zeros {not case.x.any(1).all()}",
        f"biases {any(case.weights[name].any() for name in case.weights if name[-4:] == 'bias')}",
        f"square {case.x.shape[1] == case.layers[0].units}",
        f"bias decayed {optimizer.decay_biases}",
        *(f"{layer.activation} {number}" for number, layer in enumerate(case.layers)),
        *(f"{name} {value}" for name, value in optimizer.arguments.items()),
    }


def _magnitude(values: Array) -> int:
    """Return the power of eight that the largest of some values is near."""
    return round(math.log2(np.abs(values).max(initial=2.0**-12)) / 3)
