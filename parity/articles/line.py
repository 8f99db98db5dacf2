"""Article 4: the same line in TensorFlow 1 and in Keras, and why they differ."""

from __future__ import annotations

from parity.articles.study import System

_STEPS = range(0, 1001, 50)
_SESSION_W = """0.09048238 0.4752352 0.52949804 0.5601607 0.5774875 0.5872785 0.5928114 0.59593767
    0.5977045 0.59870297 0.5992671 0.59958595 0.5997661 0.5998678 0.59992516 0.5999576 0.59997594
    0.5999863 0.5999923 0.5999953 0.59999704"""
_SESSION_B = """0.20768635 0.85256165 0.82970226 0.81678414 0.8094844 0.80535954 0.8030285
    0.80171144 0.8009671 0.80054647 0.80030876 0.8001745 0.8000986 0.8000557 0.8000316 0.8000179
    0.80001026 0.80000585 0.80000323 0.80000204 0.8000013"""
_KERAS_W = """-0.7188647 -0.18009827 -0.01156109 0.0583386 0.10079067 0.13452986 0.16455613
    0.19226888 0.21811923 0.24230473 0.26495165 0.28616306 0.30603108 0.32464132 0.34207347
    0.3584019 0.3736968 0.38802335 0.40144295 0.41401306 0.42578715"""
_KERAS_B = """0.0306965 0.8542211 1.0535711 1.0905893 1.0860826 1.0716068 1.0553639 1.0394464
    1.0243533 1.0101675 0.9968669 0.9844051 0.97273123 0.96179634 0.95155346 0.9419592 0.932972
    0.92455405 0.916669 0.90928304 0.90236473"""


def _printed(w: str, b: str) -> dict[str, str]:
    return {
        f"{name} {step}": text
        for name, texts in (("w", w), ("b", b))
        for step, text in zip(_STEPS, texts.split(), strict=True)
    }


SYSTEMS = (
    System(
        name="line_session",
        article=4,
        lane="tensorflow",
        what="`GradientDescentOptimizer(0.1)` in a session, 1001 steps",
        says="Slope and offset come to 0.6 and 0.8 (the text has 6 and 8).",
        prints=_printed(_SESSION_W, _SESSION_B),
        why="The data are unseeded, but the run depends on the means of x and of x squared alone, "
        "which follow from the first line printed. The rest agrees but for rounding in float32. "
        "Near the end a step is at times less than float32 can add to either weight.",
        mended="called through `tf.compat.v1`",
    ),
    System(
        name="line_session_slow",
        article=4,
        lane="tensorflow",
        what="`GradientDescentOptimizer(0.01)` in a session",
        says="With 0.01 a thousand steps are too few.",
        prints={"w 1000": "0.54564947", "b 1000": "0.8279966"},
        why="They are, on other draws of the data too: the numbers printed are those of another.",
        mended="called through `tf.compat.v1`",
    ),
    System(
        name="line_default",
        article=4,
        lane="tf_keras",
        what="`Dense(1)`, `optimizer='sgd'`, `train_on_batch`",
        says="With the default rate a thousand steps give a poor result; it should be 0.01.",
        prints=_printed(_KERAS_W, _KERAS_B),
        why="It is 0.01, and every update is as that promises. Start and data are unseeded; the "
        "three numbers on which the run depends follow from the lines printed. The difference "
        "from TensorFlow 1 is the rate and the start, no implementation; the article's own run at "
        "0.01 ended at 0.69, from another start.",
    ),
    System(
        name="line_lr",
        article=4,
        lane="tf_keras",
        what="`SGD(lr=0.1)`, `train_on_batch`",
        says="With a rate of 0.1 the thousand steps are enough.",
        found=("unread argument",),
        prints={"w 1000": "0.5999974", "b 1000": "0.8000014"},
        why="They were when the article was written. Here `lr` is dropped, 0.01 trains, and the "
        "run ends where the default does, at {all[tf_keras/line_default][w 1000]:.4f}. The "
        "article's comparison of rates can no longer be made in this spelling.",
    ),
    System(
        name="line_learning_rate",
        article=4,
        lane="tf_keras",
        what="`SGD(learning_rate=0.1)`, `train_on_batch`",
        says="With a rate of 0.1 the thousand steps are enough.",
        prints={"w 1000": "0.5999974", "b 1000": "0.8000014"},
        why="By its right name the rate is in effect. The data and the start of the run printed "
        "are unseeded, so that the last digits are another draw's.",
    ),
    System(
        name="line_fit",
        article=4,
        lane="tf_keras",
        what="`fit(batch_size=1, epochs=20)`, 'sgd'",
        says="20 epochs are not enough.",
        prints={"loss": "0.0020", "w": "0.46180877", "b": "0.87417203"},
        why="They are a thousand updates at 0.01, as many as above, and come as far: the slope is "
        "{w:.2f}, with whole batches {all[tf_keras/line_default][w 1000]:.2f}. Start, data and "
        "order are unseeded. The watch saw the first four epochs.",
        mended="`step`, printed in the end, is of another script",
    ),
)
