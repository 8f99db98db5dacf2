"""Article 1: why a Keras model does not fit exact linear data, and a PyTorch model does."""

from __future__ import annotations

from parity.articles.study import System

_RIGHT = "all[tf_keras/exact_learning_rate]"
_ADDED = "the lines that add to `y` are comments there"

SYSTEMS = (
    System(
        name="exact_torch",
        article=1,
        lane="torch",
        what="`nn.Linear`, `SGD(lr=1e-1)`, 50 epochs",
        says="Within 50 epochs the loss is close to zero and the weights very close to the true "
        "ones.",
        why="The loss is {loss:.1e} and a weight is off by {weights off by:.3f}. The article's "
        "comparison is not one of frameworks alone: this split is drawn after `gen_data` has "
        "seeded NumPy, that of Keras has `random_state=42`, and no start is seeded.",
        mended="the loop is called without its last argument, `device`",
    ),
    System(
        name="exact_lr",
        article=1,
        lane="tf_keras",
        what="`Dense(1)`, `SGD(lr=1e-1)`, `fit`",
        says="The loss stays high: `lr` is deprecated, and a default may be in use.",
        found=("unread argument",),
        why="So it is. The argument is accepted and dropped, and 0.01 trains: after 50 epochs the "
        "loss is {loss:.1e}, where a rate of 0.1 comes to {" + _RIGHT + "[loss]:.1e}. It is said "
        "in a log record only; no Python warning is given that a filter could turn into an error.",
    ),
    System(
        name="exact_lr",
        article=1,
        lane="keras",
        what="the same in Keras 3",
        says="In Keras 3 too `lr` is deprecated, and the default may be in use.",
        found=("refused",),
        why="Not in Keras 3: it refuses the argument, and nothing is trained with another rate.",
    ),
    System(
        name="exact_learning_rate",
        article=1,
        lane="tf_keras",
        what="`SGD(learning_rate=1e-1)`, `fit`",
        says="With the right name the model converges quickly too.",
        why="The loss is {loss:.1e}, a weight is off by {weights off by:.4f}.",
    ),
    System(
        name="exact_noise",
        article=1,
        lane="tf_keras",
        what="the same with noise from 0 to 0.2 in `y`",
        says="The bias comes to the mean of the noise, and the loss as a whole is lower.",
        why="The bias is {bias:.3f}; the mean of the noise in the rows trained on is "
        "{mean of what is added:.3f}. The loss is not lower: {loss:.1e} against {"
        + _RIGHT
        + "[loss]:.1e} without noise, which no line can fit.",
        mended=_ADDED,
    ),
    System(
        name="exact_intercept",
        article=1,
        lane="tf_keras",
        what="the same with 0.5 added to `y`",
        says="The bias comes to 0.5. Where the data have none, a zero bias is learnt less "
        "efficiently.",
        why="The bias is {bias:.3f}. A zero bias costs nothing here: with one to learn the loss "
        "after as many steps is {loss:.1e}, without {" + _RIGHT + "[loss]:.1e}.",
        mended=_ADDED,
    ),
)
