"""From raw text to token ids."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skmtl.encoders import TokenSequencer

TEXTS = ["What is a dog?", "A cat is a cat.", "Who?"]


def test_the_most_frequent_token_comes_first_and_ties_are_alphabetical():
    vocabulary = TokenSequencer().fit(TEXTS).vocabulary_
    assert list(vocabulary.items()) == [
        ("a", 2), ("?", 3), ("cat", 4), ("is", 5), (".", 6), ("dog", 7), ("what", 8), ("who", 9),
    ]  # fmt: skip


def test_transform_pads_cuts_and_marks_the_unknown():
    sequencer = TokenSequencer().fit(TEXTS)
    assert sequencer.length_ == 6
    ids = sequencer.transform(["a DOG who barks", "", "a a a a a a a a"])
    assert ids.tolist() == [[2, 7, 9, 1, 0, 0], [0] * 6, [2] * 6]
    assert ids.dtype == np.int32


def test_limits_of_the_vocabulary():
    assert list(TokenSequencer(max_features=2).fit(TEXTS).vocabulary_) == ["a", "?"]
    assert set(TokenSequencer(min_df=2).fit(TEXTS).vocabulary_) == {"a", "?", "is"}
    assert "Who" in TokenSequencer(lowercase=False).fit(TEXTS).vocabulary_
    assert "?" not in TokenSequencer(token_pattern=r"\w+").fit(TEXTS).vocabulary_
    assert TokenSequencer(max_length=2).fit_transform(TEXTS).shape == (3, 2)


def test_rare_tokens_are_unknown_where_texts_are_many():
    many = [f"word{i} again" for i in range(1000)]
    assert list(TokenSequencer().fit(many).vocabulary_) == ["again"]
    assert len(TokenSequencer().fit(many[:999]).vocabulary_) == 1000


@pytest.mark.parametrize("form", [tuple, np.array, pd.Series, lambda t: pd.DataFrame({"text": t}), iter])
def test_texts_come_in_many_forms(form):
    np.testing.assert_array_equal(
        TokenSequencer().fit(TEXTS).transform(form(TEXTS)), TokenSequencer().fit_transform(TEXTS)
    )


def test_it_is_a_transformer():
    sequencer = TokenSequencer(max_length=3).set_output(transform="pandas")
    frame = sequencer.fit_transform(pd.Series(TEXTS, index=[5, 6, 7]))
    assert frame.columns.tolist() == sequencer.get_feature_names_out().tolist() == ["token0", "token1", "token2"]
    assert frame.index.tolist() == [5, 6, 7]
    assert not hasattr(clone(sequencer), "vocabulary_")
    with pytest.raises(NotFittedError):
        TokenSequencer().transform(TEXTS)


@pytest.mark.parametrize(
    ("X", "params", "error", "words"),
    [
        ("one text", {}, TypeError, "Pass a list"),
        (None, {}, TypeError, "sequence of texts"),
        ([], {}, ValueError, "no text"),
        (["a", None], {}, ValueError, "no text in row 1"),
        (["a", np.nan], {}, ValueError, "no text in row 1"),
        (["a", 3], {}, TypeError, "got 3 of type int in row 1"),
        (np.array([["a", "b"]]), {}, ValueError, "one text a row"),
        (["", " "], {}, ValueError, "min_df=1"),
        (TEXTS, {"min_df": 0}, ValueError, "min_df must be"),
        (TEXTS, {"max_features": 0}, ValueError, "max_features must be"),
        (TEXTS, {"max_length": "long"}, ValueError, "max_length must be"),
        (TEXTS, {"token_pattern": "("}, ValueError, "no regular expression"),
        (TEXTS, {"token_pattern": "(a)(b)"}, ValueError, "2 groups"),
    ],
)
def test_bad_input_is_named(X, params, error, words):
    with pytest.raises(error, match=words):
        TokenSequencer(**params).fit(X)
