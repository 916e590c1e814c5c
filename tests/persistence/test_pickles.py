"""Pickles and files of skops."""

import copy
import pickle

import pytest
from sklearn.exceptions import InconsistentVersionWarning

from skmtl import MultiTaskNet
from skmtl.estimators import _versions
from tests._variants import answers, others


def test_pickles_of_another_version_warn(monkeypatch):
    net = MultiTaskNet()
    dumped = pickle.dumps(net)
    assert "_skmtl_version" not in vars(pickle.loads(dumped))
    monkeypatch.setattr(_versions, "__version__", "99.9")
    copy.deepcopy(net)
    with pytest.warns(InconsistentVersionWarning, match=r"MultiTaskNet from version 0.* when using version 99\.9"):
        pickle.loads(dumped)
    with pytest.warns(InconsistentVersionWarning, match=r"from version before 0\.1 when"):
        net.__setstate__({})


def test_skops_keeps_what_it_can():
    from skops import io as skops_io  # in the process that runs this alone: it looks at every estimator when imported

    for name, (net, rows) in others():
        if name in ("plain", "module"):  # pandas.NA and torch modules are nothing that skops keeps
            continue
        dumped = skops_io.dumps(net)
        again = skops_io.loads(dumped, trusted=skops_io.get_untrusted_types(data=dumped))
        assert answers(again, rows) == answers(net, rows), name
