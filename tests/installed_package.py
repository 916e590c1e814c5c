"""What `make package` asks of an installed wheel: it has its types, and it fits. Takes the folder of the sdist."""

import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

import skmtl


def main() -> None:
    package = Path(skmtl.__file__).parent
    assert package.is_relative_to(sys.prefix), f"imported from {package}, not from the wheel"
    assert (package / "py.typed").is_file()
    assert version("skmtl") == skmtl.__version__

    (sdist,) = Path(sys.argv[1]).glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"skmtl/py.typed", "tests/installed_package.py", "examples/01_quickstart.py", "pyproject.toml"} <= names

    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = np.where(rng.random((80, 2)) < 0.3, np.nan, X[:, :2] > 0)
    net = skmtl.MultiTaskNetClassifier(hidden_layer_sizes=(8,), n_estimators=2, max_iter=20, random_state=0).fit(X, y)
    assert net.score(X, y) > 0.8
    sys.stdout.write(f"{sdist.name} and its wheel: installed, typed, fitted\n")


if __name__ == "__main__":
    main()
