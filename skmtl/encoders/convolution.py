"""The encoder of images: a small residual network."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from skmtl._params import require_integer
from skmtl.defaults import encoders as rules
from skmtl.encoders._columns import Array
from skmtl.encoders._dense import as_rows, read_dense, row_shape
from skmtl.encoders._encoder import Encoder, FloatArray
from skmtl.encoders._extractor import Extractor
from skmtl.encoders._residual_network import ResidualNetwork, Shape

_VALUES_AT_ONCE = 2**22  # bounds the memory that the moments take
_MAX_CHANNELS = 4  # of a photograph; more in the second position of the shape look like rows of pixels


class ConvolutionEncoder(Encoder):
    """A small residual convolutional network over images (He et al., 2016).

    A first convolution is followed by one stage for each entry of ``channels``, each of ``blocks`` residual blocks of
    two 3 x 3 convolutions; every stage but the first halves height and width. The last stage is averaged over a grid of
    ``pool_size`` x ``pool_size`` fields, which keeps positions, and read by the hidden layers. Group
    normalisation needs no statistics over rows, so a row's prediction does not depend on the others. All members run
    as one grouped convolution.

    X is an array ``(n, c, h, w)``, or ``(n, h, w)`` for one channel, or flat rows ``(n, c * h * w)`` together with
    ``input_shape``; of bytes or of any other numbers: each channel is shifted and scaled to mean 0 and standard
    deviation 1 over the training images. The estimator's ``n_features_in_`` is ``c * h * w``.

    Parameters
    ----------
    input_shape : tuple of int, default=None
        Channels, height and width of an image in a flat row; one of them may be -1 and is inferred. None: the shape of
        the rows of X.
    channels : sequence of int, default=(32, 64)
        Channels of each stage.
    blocks : int, default=1
        Residual blocks of a stage.
    stride : "auto" or int, default="auto"
        Step of the first convolution, whose kernel has 2 * stride + 1 rows and columns. "auto" chooses by the size of
        the images.
    pool_size : int, default=4
        Rows and columns of the grid that the last stage is averaged over, at most its size. 1 averages positions away.

    Attributes
    ----------
    n_outputs_ : int
        Values of an image.
    input_shape_ : tuple of int
        Channels, height and width.
    mean_, scale_ : ndarray of shape (c,)
        What is subtracted from each channel and what it is divided by.

    References
    ----------
    He, K., Zhang, X., Ren, S. and Sun, J. (2016). Deep residual learning for image recognition. CVPR.
    """

    dimensions = frozenset({2, 3, 4})

    def __init__(
        self,
        *,
        input_shape: Sequence[int] | None = None,
        channels: Sequence[int] = (32, 64),
        blocks: int = 1,
        stride: int | Literal["auto"] = "auto",
        pool_size: int = 4,
    ) -> None:
        self.input_shape = input_shape
        self.channels = channels
        self.blocks = blocks
        self.stride = stride
        self.pool_size = pool_size

    def fit(self, X: Any, sample_weight: FloatArray) -> Self:
        """Learn shape, mean and scale of images; see :meth:`Encoder.fit`."""
        self._check_parameters()
        images = read_dense(X, self.dimensions)
        self.input_shape_ = self._image_shape(images)
        self.n_outputs_ = prod(self.input_shape_)
        self.mean_, self.scale_ = _moments(images.reshape(-1, *self.input_shape_), sample_weight)
        return self

    def transform(self, X: Any, dtype: npt.DTypeLike = np.float64) -> FloatArray:
        """Shift and scale images of the shape seen in ``fit``, as flat rows; see :meth:`Encoder.transform`."""
        rows = as_rows(read_dense(X, self.dimensions), self.input_shape_)
        images = rows.reshape(-1, *self.input_shape_).astype(dtype)
        images -= self.mean_[:, None, None].astype(dtype)
        images /= self.scale_[:, None, None].astype(dtype)
        return images.reshape(len(images), -1)

    def build(self) -> Extractor:
        """Make the convolutional network; see :meth:`Encoder.build`."""
        return ResidualNetwork(
            self.input_shape_, tuple(self.channels), self.blocks, self._first_stride(), self.pool_size
        )

    def preferences(self, n_samples: int) -> dict[str, Any]:
        """Smaller steps, and fewer epochs for more images; see :meth:`Encoder.preferences`."""
        return rules.convolution_preferences(n_samples)

    def _first_stride(self) -> int:
        return int(rules.stride(max(self.input_shape_[1:])).value if self.stride == "auto" else self.stride)

    def _image_shape(self, images: Array) -> Shape:
        own = images.shape[1:]
        if self.input_shape is None and len(own) == 1:
            raise ValueError(
                f"X has flat rows of {own[0]} values: set input_shape=(channels, height, width), say "
                f"ConvolutionEncoder(input_shape=(1, 28, 28)), or pass an array (n, channels, height, width)."
            )
        if self.input_shape is None and len(own) == 3 and own[0] > _MAX_CHANNELS >= own[2]:
            raise ValueError(
                f"X has shape {images.shape}, which looks like channels last. Pass "
                f"X.transpose(0, 3, 1, 2), or set input_shape={own!r} if the first of these are channels."
            )
        shape = row_shape(self.input_shape, images)
        if len(shape) == 2:
            shape = (1, *shape)
        if len(shape) != 3 or (len(own) > 1 and own not in (shape, shape[1:])):
            raise ValueError(
                f"input_shape must be (channels, height, width), and that of X where X has more than two dimensions; "
                f"got {self.input_shape!r} and X of shape {images.shape}."
            )
        return shape[0], shape[1], shape[2]

    def _check_parameters(self) -> None:
        require_integer("blocks", self.blocks, 1)
        require_integer("pool_size", self.pool_size, 1)
        if self.stride != "auto":
            require_integer("stride", self.stride, 1)
        widths = list(self.channels) if isinstance(self.channels, Sequence) else []
        if not widths or not all(isinstance(width, int | np.integer) and width >= 1 for width in widths):
            raise ValueError(f"channels must be a sequence of positive integers; got {self.channels!r}.")


def _moments(images: Array, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted mean and standard deviation of each channel; 1 instead of a deviation of 0."""
    step = max(_VALUES_AT_ONCE // prod(images.shape[1:]), 1)
    fraction = weights / weights.sum() / prod(images.shape[2:])
    starts = range(0, len(images), step)

    def total(function: Any) -> FloatArray:
        parts = (function(images[i : i + step].astype(np.float64)).sum((2, 3)) for i in starts)
        sums: FloatArray = fraction @ np.concatenate(list(parts))
        return sums

    mean = total(lambda part: part)
    deviation = np.sqrt(total(lambda part: np.square(part - mean[:, None, None])))
    constant = deviation <= 1e-12 * np.abs(mean)
    return mean, np.where(constant, 1.0, deviation)
