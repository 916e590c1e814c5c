"""Estimators in files that run no code when they are read, and texts about estimators."""

from skmtl.persistence._card import model_card
from skmtl.persistence._errors import FileFormatError
from skmtl.persistence._load import load
from skmtl.persistence._save import save

__all__ = ["FileFormatError", "load", "model_card", "save"]
