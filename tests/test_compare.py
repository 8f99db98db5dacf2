"""Every element of every tensor and step is judged, and only what the bound cannot judge is not."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from parity.bounds import DOUBLE, Array, Bounded
from parity.case import Case
from parity.compare import Stage, Status, Verdict, judge, scores
from parity.generation import generated
from parity.lanes import numpy32
from parity.oracle import run_free
from parity.parts import OPTIMIZERS, Layer, Loss, Optimizer, parameter_shapes
from parity.profiles import Profile
from parity.strategies import PROBLEMS
from parity.trace import Trace

# The project's bar: below it, a bound would be too wide to find anything.
LIVELY = 1e-3


def single(array: Array) -> Array:
    return array.astype(np.float32).astype(np.float64)


def small(**parts: object) -> Case:
    rng = np.random.default_rng(3)
    layers = (Layer(3, "tanh"), Layer(2))
    shapes = parameter_shapes(4, layers).items()
    case = Case(
        layers=layers,
        loss=Loss("squared_error"),
        optimizer=Optimizer("adam", {"eps": 1e-3}),
        rates=(0.1, 0.1, 0.1),
        x=single(rng.standard_normal((6, 4))),
        y=single(rng.standard_normal((6, 2))),
        batches=((0, 1, 2), (3, 4, 5), (5, 0)),
        weights={name: single(rng.standard_normal(shape)) for name, shape in shapes},
    )
    return replace(case, **parts)  # type: ignore[arg-type]  # any field


def trace() -> Trace:
    return numpy32.train(small(), "shuffled")


Place = tuple[Stage, str, int, tuple[int, ...]]
PLACES: tuple[Place, ...] = tuple(
    (stage, tensor, step, index)
    for step in range(3)
    for stage, tensor, index in (
        (Stage.FORWARD, "loss", ()),
        (Stage.BACKWARD, "layer0/kernel", (3, 2)),
        (Stage.BACKWARD, "layer1/bias", (1,)),
        (Stage.STATE, "m of layer0/bias", (2,)),
        (Stage.STATE, "v of layer1/kernel", (2, 1)),
        (Stage.UPDATE, "layer0/kernel", (0, 0)),
        (Stage.UPDATE, "layer1/bias", (1,)),
    )
)


def spoiled(healthy: Trace, place: Place, change: Callable[[float], float]) -> Trace:
    """Return the trace with one element changed."""
    stage, tensor, step, index = place
    losses = healthy.losses.copy()
    gradients = {name: value.copy() for name, value in healthy.gradients.items()}
    weights = {name: value.copy() for name, value in healthy.weights.items()}
    state = {
        slot: {name: value.copy() for name, value in tensors.items()}
        for slot, tensors in healthy.state.items()
    }
    slot, _, name = tensor.rpartition(" of ")
    array = {
        Stage.FORWARD: lambda: losses,
        Stage.BACKWARD: lambda: gradients[name],
        Stage.STATE: lambda: state[slot][name],
        Stage.UPDATE: lambda: weights[name][1:],
    }[stage]()
    array[(step, *index)] = change(float(array[(step, *index)]))
    return replace(healthy, losses=losses, gradients=gradients, weights=weights, state=state)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_one_wrong_element_is_found_where_it_is(place: Place) -> None:
    verdict = judge(small(), spoiled(trace(), place, lambda x: 1.01 * x + 0.01), {})
    assert verdict.status is Status.DIVERGE
    found = verdict.divergence
    assert found is not None
    assert (found.stage, found.tensor, found.step, found.index) == place
    assert found.elements == 1
    assert found.score > 1
    assert verdict.score >= verdict.counts[place[0]].worst >= found.score


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", PLACES[:7], ids=str)
def test_what_is_no_number_is_found(place: Place, value: float) -> None:
    verdict = judge(small(), spoiled(trace(), place, lambda _: value), {})
    assert verdict.divergence is not None
    assert (verdict.divergence.stage, verdict.divergence.index) == (place[0], place[3])
    assert verdict.divergence.score == math.inf


def test_a_healthy_trace_agrees_and_everything_is_counted() -> None:
    verdict = judge(small(), trace(), {})
    assert verdict.status is Status.AGREE
    assert verdict.divergence is None
    parameters = 4 * 3 + 3 + 3 * 2 + 2
    sizes = {stage: count.judged + count.abstained for stage, count in verdict.counts.items()}
    assert sizes == {
        Stage.FORWARD: 3,
        Stage.BACKWARD: 3 * parameters,
        Stage.STATE: 2 * 3 * parameters,
        Stage.UPDATE: 3 * parameters,
    }
    assert all(0 < count.worst <= 1 for count in verdict.counts.values())
    assert all(count.diverged == 0 for count in verdict.counts.values())


def test_the_earliest_step_is_the_finding_then_the_earliest_stage_then_the_worst() -> None:
    double: Callable[[float], float] = lambda x: 2 * x + 1  # noqa: E731  # said three times
    late = spoiled(trace(), (Stage.FORWARD, "loss", 2, ()), double)
    early = spoiled(late, (Stage.UPDATE, "layer1/bias", 1, (0,)), double)
    found = judge(small(), early, {}).divergence
    assert found is not None
    assert (found.step, found.stage) == (1, Stage.UPDATE)
    same_step = spoiled(early, (Stage.STATE, "v of layer0/bias", 1, (1,)), double)
    found = judge(small(), same_step, {}).divergence
    assert found is not None
    assert (found.step, found.stage) == (1, Stage.STATE)
    worse = spoiled(same_step, (Stage.STATE, "m of layer0/bias", 1, (1,)), lambda x: 1e6)
    found = judge(small(), worse, {}).divergence
    assert found is not None
    assert found.tensor == "m of layer0/bias"


def test_a_tensor_that_is_wrong_everywhere_says_so() -> None:
    healthy = trace()
    state = {**healthy.state, "v": {n: 2 * v for n, v in healthy.state["v"].items()}}
    found = judge(small(), replace(healthy, state=state), {}).divergence
    assert found is not None
    assert found.elements == found.size
    assert abs(found.seen - 2 * found.expected) <= 2 * found.bound
    assert found.score == abs(found.seen - found.expected) / found.bound


def test_stages_that_a_trace_does_not_show_are_not_counted() -> None:
    bare = replace(trace(), gradients={}, state={})
    verdict = judge(small(), bare, {})
    assert set(verdict.counts) == {Stage.FORWARD, Stage.UPDATE}
    assert verdict.status is Status.AGREE


def test_a_slot_that_the_optimizer_does_not_have_is_an_error() -> None:
    odd = replace(trace(), state={"velocity": trace().state["m"]})
    verdict = judge(small(), odd, {})
    assert verdict.status is Status.ERROR
    assert verdict.reason == "state: expected slots among ['m', 'v'], got ['velocity']"


def test_parted_is_the_gap_over_the_way() -> None:
    free = run_free(small(), {})
    assert judge(small(), free, {}).parted == 0
    way = max(float(np.max(np.abs(w[-1] - w[0]))) for w in free.weights.values())
    moved = {**free.weights, "layer1/bias": free.weights["layer1/bias"].copy()}
    moved["layer1/bias"][-1] = free.weights["layer1/bias"][-1] + [way, -2 * way]
    ratio = judge(small(), replace(free, weights=moved), {}).parted
    assert abs(ratio - 2) <= 8 * DOUBLE.roundoff


def test_a_run_that_is_lost_is_infinitely_far() -> None:
    lost = spoiled(trace(), (Stage.UPDATE, "layer1/bias", 2, (0,)), lambda _: math.nan)
    assert judge(small(), lost, {}).parted == math.inf


def test_a_verdict_is_plain_values() -> None:
    place = PLACES[0]
    plain = judge(small(), spoiled(trace(), place, lambda x: x + 1), {}).to_dict()
    assert plain["status"] == "diverge"
    assert plain["divergence"]["stage"] == "forward"
    assert plain["counts"]["update"]["diverged"] == 0
    assert Verdict(Status.ERROR, reason="no trace").to_dict()["reason"] == "no trace"


def scored(
    seen: list[float], value: list[float], error: list[float], scale: list[float]
) -> tuple[list[float], list[bool]]:
    """Return scores and abstentions of one step's tensor."""
    rows = [np.array([part], np.float64) for part in (seen, value, error, scale)]
    with np.errstate(all="ignore"):
        found, abstained = scores(rows[0], Bounded(rows[1], rows[2], DOUBLE), rows[3])
    return found[0].tolist(), abstained[0].tolist()


def test_a_score_is_the_distance_in_bounds() -> None:
    scores, abstained = scored([1.5, 2.0, 3.0], [1.0, 2.0, 4.0], [0.25, 0.25, 1.0], [9, 9, 9])
    assert scores == [2, 0, 1]
    assert abstained == [False, False, False]


def test_a_bound_of_zero_allows_nothing() -> None:
    scores, abstained = scored([1.0, 5e-324], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0])
    assert scores == [0, math.inf]
    assert abstained == [False, False]


@pytest.mark.parametrize("error", [math.inf, math.nan])
@pytest.mark.parametrize("seen", [1.0, 7.0, math.nan, math.inf])
def test_an_unknown_bound_judges_nothing(seen: float, error: float) -> None:
    assert scored([seen], [1.0], [error], [1.0]) == ([0], [True])


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_an_expectation_that_is_no_number_judges_nothing(value: float) -> None:
    assert scored([value, 1.0], [value, value], [0.1, 0.1], [1.0, 1.0])[1] == [True, True]


def test_a_bound_as_large_as_what_it_measures_is_no_evidence() -> None:
    # The mean scale is 2.5: an element below it is judged by the mean, one above it by itself.
    scales = [1.0, 4.0]
    assert scored([0.0, 0.0], [1.0, 1.0], [2.0, 3.0], scales)[1] == [False, False]
    assert scored([0.0, 0.0], [1.0, 1.0], [2.6, 4.1], scales)[1] == [True, True]


def test_beyond_its_bound_an_element_diverges_however_wide_the_bound() -> None:
    scores, abstained = scored([100.0], [1.0], [9.0], [1.0])
    assert (scores, abstained) == ([11], [False])


def test_a_trace_of_which_nothing_can_be_judged_is_no_evidence() -> None:
    rates = (0.0,)
    lost = small(
        x=np.full((6, 4), 3e38), rates=rates, batches=((0, 1, 2),), loss=Loss("absolute_error")
    )
    huge = {name: np.full(w.shape, 3e38) for name, w in lost.weights.items()}
    lost = replace(lost, weights=huge)
    verdict = judge(lost, replace(numpy32.train(lost, "plain"), gradients={}, state={}), {})
    assert verdict.counts[Stage.FORWARD].judged == 0
    assert verdict.status is Status.ABSTAIN


def weighty(**parts: object) -> Case:
    """Return a linear case in float64 whose weights are far larger than its steps."""
    layers = (Layer(1, bias=False),)
    return small(
        layers=layers,
        loss=Loss("squared_error"),
        x=np.array([[1.0, 2.0], [3.0, 4.0], [0.5, -1.0]]),
        y=np.array([[80.0], [200.0], [-10.0]]),
        batches=((0, 1, 2),) * 8,
        rates=(1e-3,) * 8,
        weights={"layer0/kernel": np.full((2, 1), 30.0)},
        dtype="float64",
        **parts,
    )


@pytest.mark.parametrize("name", ["adam", "adamw", "amsgrad", "nadam", "radam"])
def test_an_eps_is_not_ignored_for_a_bias_correction_in_float32(name: str) -> None:
    case = weighty(optimizer=Optimizer(name, {"beta2": 0.9, "eps": 1e-3}))
    claimed = {"correction": "float32"}
    assert judge(case, numpy32.train(case, "plain"), claimed).status is Status.AGREE
    ignored = replace(case, optimizer=Optimizer(name, {"beta2": 0.9}))
    found = judge(case, numpy32.train(ignored, "plain"), claimed).divergence
    assert found is not None
    assert found.stage is Stage.UPDATE


def test_a_weight_is_not_moved_where_the_sum_of_squares_is_zero() -> None:
    x = np.array([[0.0, 1.0]])
    adagrad = Optimizer("adagrad", {"eps": 0.0})
    case = weighty(optimizer=adagrad)
    case = replace(case, x=x, y=np.ones((1, 1)), batches=((0,),), rates=(0.1,))
    dials = {"zero_sum": "no step"}
    free = run_free(case, dials)
    assert judge(case, free, dials).status is Status.AGREE
    assert free.weights["layer0/kernel"][1, 0, 0] == 30.0
    moved = {"layer0/kernel": free.weights["layer0/kernel"].copy()}
    moved["layer0/kernel"][1, 0, 0] += 1e-9
    found = judge(case, replace(free, weights=moved), dials).divergence
    assert found is not None
    assert (found.stage, found.index) == (Stage.UPDATE, (0, 0))


def healthy(examples: int, dtypes: tuple[str, ...], pool: int) -> Iterator[tuple[Case, Verdict]]:
    """Train the control, its sums in random order, on four times as many cases of each kind."""
    for optimizer in OPTIMIZERS:
        for problem in PROBLEMS:
            for case in generated(problem, optimizer, dtypes, Profile(examples, dtypes, pool), 11):
                yield case, judge(case, numpy32.train(case, "shuffled"), {})
            generated.cache_clear()


def assert_only_agreement(results: Iterator[tuple[Case, Verdict]]) -> dict[Stage, float]:
    """Assert that no bound is exceeded; return the median of the cases' worst scores by stage."""
    worst: dict[Stage, list[float]] = defaultdict(list)
    for case, verdict in results:
        assert verdict.status is Status.AGREE, (verdict.divergence, case.to_json())
        for stage, count in verdict.counts.items():
            worst[stage].append(count.worst)
    return {stage: float(np.median(scores)) for stage, scores in worst.items()}


def test_no_bound_is_exceeded_by_the_control_and_none_is_idle(
    capsys: pytest.CaptureFixture[str],
) -> None:
    medians = assert_only_agreement(healthy(2, ("float32",), 12))
    with capsys.disabled():
        print("\nmedian healthy score:", medians_shown(medians))  # noqa: T201  # to be read
    assert set(medians) == set(Stage)
    assert min(medians.values()) > LIVELY


def test_no_bound_is_exceeded_in_the_other_formats() -> None:
    for case, verdict in healthy(1, ("float64", "float16"), 12):
        assert verdict.status is not Status.DIVERGE, (verdict.divergence, case.to_json())
        # Of float16 a bound may say nothing at all, but nothing false.
        assert case.dtype == "float16" or verdict.status is Status.AGREE


@pytest.mark.slow
def test_no_bound_is_exceeded_in_20_000_cases(capsys: pytest.CaptureFixture[str]) -> None:
    count = 0

    def counted() -> Iterator[tuple[Case, Verdict]]:
        nonlocal count
        for result in healthy(160, ("float32", "float64"), 48):
            count += 1
            yield result

    medians = assert_only_agreement(counted())
    with capsys.disabled():
        print(f"\n{count} cases, median healthy score:", medians_shown(medians))  # noqa: T201  # as above
    assert count >= 20_000
    assert min(medians.values()) > LIVELY


def medians_shown(medians: dict[Stage, float]) -> str:
    return ", ".join(f"{stage} {median:.3g}" for stage, median in medians.items())
