"""The articles' systems in Keras 3, by name."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from parity.articles.lanes import keras_lines
from parity.articles.study import Study

STUDIES: Mapping[str, Study] = keras_lines.of(keras)
