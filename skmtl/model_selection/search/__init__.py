"""A search whose candidates train together."""

from skmtl.model_selection.search._halving import Halving
from skmtl.model_selection.search._search import MultiTaskSearchCV

__all__ = ["Halving", "MultiTaskSearchCV"]
