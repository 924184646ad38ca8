"""What can be wrong with a weights file. Every class has one stable `code`; every message names the file.

All are `GraphError`s, so a node that raises one fails with that code and hint.
"""

from __future__ import annotations

from graph.errors import GraphError


class WeightsError(GraphError):
    """Base of everything this package raises on purpose."""

    code = "weights_error"


class WeightsUnreadable(WeightsError):
    """There is no such file, or it may not be read."""

    code = "weights_unreadable"


class WeightsEmpty(WeightsError):
    """The file has no bytes at all."""

    code = "weights_empty"


class WeightsTruncated(WeightsError):
    """The file ends before the bytes that its header promises."""

    code = "weights_truncated"


class WeightsChanged(WeightsError):
    """Somebody wrote into the file while it was used."""

    code = "weights_changed"


class WeightsPickle(WeightsError):
    """A pickle, whatever its name says. Pickles run code when they are read."""

    code = "weights_pickle"


class WeightsNotSafetensors(WeightsError):
    """Some other kind of file."""

    code = "weights_not_safetensors"


class WeightsHeader(WeightsError):
    """A safetensors header that contradicts itself or the format."""

    code = "weights_header"


class WeightsUnknownFamily(WeightsError):
    """Readable weights of a model this system does not know."""

    code = "weights_unknown_family"


class WeightsConfig(WeightsError):
    """The configuration in the file's metadata cannot be understood."""

    code = "weights_config"


class WeightsMissing(WeightsError):
    """Tensors that the model needs are absent or have other shapes."""

    code = "weights_missing"


class WeightsNotFinite(WeightsError):
    """A tensor holds NaN or infinity."""

    code = "weights_not_finite"


class WeightsWrongFamily(WeightsError):
    """An adapter or a part that was made for another kind of model. The message names both."""

    code = "weights_wrong_family"
