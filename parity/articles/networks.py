"""Article 5: from linear regression to perceptrons, weight decay, dropout, and house prices."""

from __future__ import annotations

from parity.articles.study import System

_ONE = (
    " The training loss that the article's `train_epoch_ch3` reports beside an optimizer is "
    "{reported:.1f} in every epoch, because it adds up `float(1) * len(y)`, a one for the letter "
    "l; the loss is {loss:.2f}."
)
_UNSEEDED = {"epoch 1": "0.029035", "epoch 2": "0.000112", "epoch 3": "0.000047"}


def _torch(name: str, what: str, says: str, why: str, **more: object) -> System:
    given = {"name": name, "article": 5, "lane": "torch", "what": what, "says": says, "why": why}
    return System(**{**given, **more})  # type: ignore[arg-type]  # as the calls below give it


SYSTEMS = (
    _torch(
        "linear_scratch",
        "Linear regression from scratch",
        "Squared loss with a half, summed, and `sgd` that divides by the batch; noise of "
        '"variance 0.01".',
        "Data and order are unseeded. In the end the loss is {epoch 3:.1e}: half the variance of "
        "the noise, which is 1e-4; 0.01 is its standard deviation.",
        prints=_UNSEEDED,
    ),
    _torch(
        "linear_scratch_as_concise",
        "The same, held against the loss of the concise loop",
        "The concise loop is an implementation of the same.",
        "It is not: `MSELoss` has no half, so that its gradients are twice as long, and lr=0.03 "
        "goes twice as far.",
        found=("backward",),
    ),
    _torch(
        "linear_concise",
        "Linear regression with `nn.Linear`, `MSELoss` and `optim.SGD`",
        "The loss is what the loop from scratch has.",
        "Data and order are unseeded. The loss ends at {epoch 3:.1e}, about the variance of the "
        "noise; from scratch it is half of that, {all[torch/linear_scratch][epoch 3]:.1e}.",
        prints={"epoch 1": "0.000221", "epoch 2": "0.000098", "epoch 3": "0.000097"},
    ),
    _torch(
        "softmax_scratch",
        "Softmax regression from scratch",
        "Softmax, cross entropy and `sgd` by hand; the last batch is smaller.",
        "`sgd` divides by the rows of each batch, the smaller one too, so that every gradient is "
        "that of the mean. The accuracy is {accuracy:.2f}.",
    ),
    _torch(
        "softmax_concise",
        "Softmax regression with `CrossEntropyLoss`",
        "The same with torch's parts.",
        "The training is the same." + _ONE,
    ),
    _torch(
        "perceptron_scratch",
        "A perceptron from scratch, `optim.SGD`",
        "Ten epochs train it.",
        "Loss and gradients cannot be judged: the model is a function, which no hook can see."
        + _ONE,
    ),
    _torch(
        "perceptron_concise",
        "A perceptron of `nn.Linear` and `nn.ReLU`",
        "Ten epochs train it.",
        "The updates are right; with 60 steps in place of 2,350 it has hardly begun." + _ONE,
    ),
    _torch(
        "decay_none",
        "Weight decay from scratch, penalty 0",
        "Without the penalty the model overfits.",
        "It does: the loss is {train:.1e} on the 20 rows trained on and {test:.0f} on others.",
    ),
    _torch(
        "decay_scratch",
        "Weight decay from scratch, penalty 3",
        "The penalty is added to each row's loss, then summed and divided by the batch.",
        "So the gradient of the penalty is 3 w, as meant. The norm of w ends at {norm:.2f}, and "
        "at {all[torch/decay_none][norm]:.1f} without penalty.",
    ),
    _torch(
        "decay_concise",
        "Weight decay as `weight_decay=3` of the weights",
        "It suffices to set `weight_decay` in the optimizer.",
        "As an update it is the same, and the bias is spared as it should be. As a problem it is "
        "another: beside `MSELoss`, which has no half, 3 weighs half as much, and there are 500 "
        "epochs for 100. The norm of w ends at {norm:.2f}. The watch saw the first 50 epochs.",
    ),
    _torch(
        "dropout_scratch",
        "Dropout from scratch, rates 0.2 and 0.5",
        "Expected values are kept; at 0.5 each element is dropped with one chance in two.",
        "The masks are drawn with `randn` where `rand` is meant. So {kept 1:.0%} of the first "
        "layer's units are kept, not 80%, and {kept 2:.0%} of the second's, not 50%, while the "
        "factors are those of 80% and 50%: outputs shrink to half and less. Given its masks, "
        "loss, gradients and updates are right.",
    ),
    _torch(
        "dropout_concise",
        "`nn.Dropout(0.2)` and `nn.Dropout(0.5)`",
        "It suffices to put the layers in.",
        "With weights of 0.01 and 60 steps nothing is learnt yet." + _ONE,
    ),
    _torch(
        "depth_vanishing",
        "Ten layers of sigmoids",
        "Near the input gradients vanish and weights hardly change; sigmoid is named as a loss.",
        "The first layer's gradient is {first:.0e}, the last one's {last:.0e}. Some biases never "
        "move: what is subtracted is less than half a unit in their last place. (Sigmoid is an "
        "activation.)",
        found=("never moved",),
    ),
    _torch(
        "depth_exploding",
        "Ten layers of ReLU, weights of deviation 1",
        "Large weights make gradients explode, and training unstable.",
        "The first loss is {first loss:.0e}, the next {loss:.0e}, and after {steps:.0f} steps "
        "there is none. In so deep a sum of products the bound is wider than what it measures: "
        "loss and gradients are not judged.",
    ),
    _torch(
        "depth_xavier",
        "Ten layers of tanh, Xavier's weights",
        "Xavier's weights keep gradients alike.",
        "The first layer's gradient is {first:.0e}, the last one's {last:.0e}. The bound is wider "
        "than what it measures, so that loss and gradients are not judged.",
    ),
    _torch(
        "depth_symmetric",
        "Hidden units that start alike",
        "Equal units stay equal.",
        "They do: there is {different units:.0f} kind of hidden unit in the end.",
    ),
    _torch(
        "depth_symmetric_dropout",
        "Hidden units that start alike, with dropout",
        "Dropout can break the symmetry.",
        "It does: there are {different units:.0f} kinds in the end.",
    ),
    _torch(
        "houses_folds",
        "Prices with Adam at lr 5, five folds",
        "A linear model, judged by the root mean square of logarithms.",
        "Trained on squares, judged by logarithms: {train:.3f} on the rows trained on, "
        "{validation:.3f} on the others. The watch saw five epochs of each fold.",
        mended="`MSELoss` for `nn.MSELoss`, `1float('inf')` for `1, float('inf')`, and the number "
        "of columns before encoding for the number of features",
    ),
)
