"""Article 2: a line from the readings of an unknown thermometer to degrees Celsius."""

from __future__ import annotations

from parity.articles.study import System

_TWICE = (
    "The gradient is an eleventh of what it should be. `dloss_fn` divides by the number of "
    "readings, and the mean at the end of `grad_fn` divides by it again, where a sum belongs."
)
_PRINTED = {"loss": "2.927648", "w": "5.3666", "b": "-17.2985"}
_NOT_ITS_OWN = (
    "What is printed under this code too is the end of the loop by hand at another number of "
    "epochs. With the right gradient 10,000 epochs are enough to come closer to the minimum."
)
_SPLIT = """
    1 53.571865 200.930481
    2 25.937567 122.372032
    3 20.557310 97.630035
    500 7.375591 33.852039
    1000 4.119481 16.841705
    1500 3.238195 10.319435
    2000 2.999669 7.556142
    2500 2.935114 6.289055
    3000 2.917640 5.675989
    3500 2.912910 5.369528
    4000 2.911628 5.213466
"""  # epoch, loss of training, loss of validation


def _losses() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _SPLIT.split("\n")[1:-1]:
        epoch, train, validation = line.split()
        found |= {f"train {epoch}": train, f"validation {epoch}": validation}
    return found


SYSTEMS = (
    System(
        name="temperatures_differences",
        article=2,
        lane="torch",
        what="One step along numerical differences",
        says="Differences over 0.2 give the slopes; that of the weight is about 50 times that of "
        "the bias.",
        found=("backward",),
        prints={"w": "-44.1730", "b": "-0.8260"},
        why="Differences of a parabola have no error of their own. What is found is float32: two "
        "losses in the thousands are subtracted, and what their rounding leaves is divided by "
        "0.2. The ratio of the slopes is {ratio:.1f}.",
    ),
    System(
        name="temperatures_by_hand",
        article=2,
        lane="torch",
        what="The gradient by hand, readings as they are, lr 1e-4",
        says="Without normalisation the rate suits only one of the parameters, and the loss stops "
        "falling.",
        found=("backward",),
        prints={"loss": "28.292824", "w": "0.2370", "b": "-0.2866"},
        why=_TWICE + " So lr is in effect an eleventh of 1e-4 too, which is one more reason why "
        "the bias hardly moves.",
    ),
    System(
        name="temperatures_normalised",
        article=2,
        lane="torch",
        what="The gradient by hand, readings times 0.1, lr 1e-2",
        says="With inputs of about -1 to 1 the rate works for both parameters; 10,000 epochs in "
        'the code, "Epoch 100000" in what is printed.',
        found=("backward",),
        prints=_PRINTED,
        why=_TWICE + " After the 10,000 epochs of the code the loss is {loss at 10000:.6f}. What "
        "is printed is no minimum: from epoch {still at:,.0f} on the parameters stand still, as "
        "the step is less than float32 can add to them. (The minimum has a slope of "
        "{all[torch/temperatures_autograd][w]:.4f}.)",
        mended="100,000 epochs, as in what is printed",
    ),
    System(
        name="temperatures_autograd",
        article=2,
        lane="torch",
        what="Autograd, `params -= lr * params.grad`",
        says="Autograd takes the place of the gradient by hand; the same numbers are printed.",
        prints=_PRINTED,
        why=_NOT_ITS_OWN,
    ),
    System(
        name="temperatures_optimizer",
        article=2,
        lane="torch",
        what="`optim.SGD`",
        says="The optimizer takes the place of the update by hand; the same numbers are printed.",
        prints=_PRINTED,
        why=_NOT_ITS_OWN + " The watch saw the first 100 epochs.",
    ),
    System(
        name="temperatures_split",
        article=2,
        lane="torch",
        what="`optim.SGD` on nine readings, two held out",
        says="The losses of training and validation fall together.",
        prints={**_losses(), "w": "4.9739", "b": "-15.3188"},
        why="The split is unseeded, but it can be found: of the 55 ways to hold out two of eleven "
        "readings only one, the first and the fourth, fits the losses of the first epoch, and "
        "all else follows. What is printed ends after 4,000 epochs, the parameters too. (`%f.4` "
        "prints a stray .4.)",
        mended="4,000 epochs, as in what is printed, not 10,000",
    ),
)
