"""Fitted estimators as plain torch modules and ONNX files, which know nothing of skmtl.

Everything here is a twin in torch of what other packages do with numpy: of :meth:`Encoder.transform`,
:meth:`Kind.response` and the postprocessors. Each twin is found by the function or class that it repeats, so that one
that a subclass has changed is refused instead of exported wrongly.
"""

from skmtl.export._codes import to_codes
from skmtl.export._module import FittedParts, export_module
from skmtl.export._onnx import to_onnx

__all__ = ["FittedParts", "export_module", "to_codes", "to_onnx"]
