"""Article 3: a basic training loop in TensorFlow, and then in Keras."""

from __future__ import annotations

from parity.articles.study import System

_LOSSES = (
    *("6.13083", "3.99869", "2.76916", "2.05437", "1.63538", "1.38779", "1.24029", "1.15176"),
    *("1.09822", "1.065623"),
)
_W = ("4.48", "4.09", "3.81", "3.61", "3.46", "3.35", "3.27", "3.21", "3.17", "3.14")
_B = ("0.39", "0.70", "0.94", "1.14", "1.30", "1.43", "1.53", "1.61", "1.67", "1.72")
_LOOP = {
    "loss at start": "9.857544",
    **{f"W {epoch}": text for epoch, text in enumerate(_W)},
    **{f"b {epoch}": text for epoch, text in enumerate(_B)},
    **{f"loss {epoch}": text for epoch, text in enumerate(_LOSSES)},
}
_SAME = "The same loop and the same numbers: it asks only for the model's two variables."

SYSTEMS = (
    System(
        name="basic_module",
        article=3,
        lane="tensorflow",
        what="`tf.Module`, GradientTape, `assign_sub`, ten epochs",
        says="Slope and offset approach 3 and 2.",
        prints=_LOOP,
        why="The noise is unseeded, but the run depends on three averages of it alone, and the "
        "eleven losses printed determine these.",
    ),
    System(
        name="basic_subclass",
        article=3,
        lane="tf_keras",
        what="A subclass of `keras.Model` in the same loop, Keras 2",
        says="Looks and trains exactly as the module does.",
        prints=_LOOP,
        why=_SAME,
    ),
    System(
        name="basic_subclass",
        article=3,
        lane="keras",
        what="The same in Keras 3",
        says="Looks and trains exactly as the module does.",
        prints=_LOOP,
        why=_SAME,
    ),
    System(
        name="basic_fit",
        article=3,
        lane="keras",
        what="The same model with `compile` and `fit`, Keras 3",
        says="Keras prints losses after training, so that the first seems lower; otherwise the "
        "training is in essence the same.",
        found=("no update",),
        prints={f"loss {epoch}": "9.8575" for epoch in range(1, 11)},
        why="Nothing is trained: Keras 3 keeps no account of a `tf.Variable` that is set on a "
        "model, so that the model has no weights to train. The loss is {loss 1:.4f} in the first "
        "epoch and {loss 10:.4f} in the last, and W stays {W:.2f}; a warning says so. The "
        "sentence about when losses are printed is wrong as well: the first loss is that before "
        "the first update.",
    ),
    System(
        name="basic_fit",
        article=3,
        lane="tf_keras",
        what="The same model with `compile` and `fit`, Keras 2",
        says="Keras prints losses after training, so that the first seems lower; otherwise the "
        "training is in essence the same.",
        why="In Keras 2 the variables are trained, and as in the loop: W is {W:.2f}, b {b:.2f}. "
        "The first loss, {loss 1:.4f}, is that before the first update.",
    ),
)
