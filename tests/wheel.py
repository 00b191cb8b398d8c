"""What a user gets: `make wheel` runs this in an environment that holds the built library alone.

`library WHEEL`: the wheel holds `superposition` and nothing else, it works with what it declares,
and the book's code is not there. `readme`: the README's example runs as it is printed.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import zipfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def library(wheel: str) -> None:
    """Asserts what the wheel holds, and that the library compresses and measures without extras."""
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"superposition"}, names
    assert "superposition/py.typed" in zipfile.ZipFile(wheel).namelist()
    for absent in ("companion", "matplotlib", "sklearn"):
        assert importlib.util.find_spec(absent) is None, absent

    import numpy as np

    import superposition

    assert "site-packages" in superposition.__file__
    rng = np.random.default_rng(0)
    circuits = superposition.MLPCircuits.random(9, [2, 3, 2], rng)
    large = superposition.GatedConstruction(redundancy=1).compress(circuits, rng)
    errors = superposition.measure_error(large, 1, 20, rng)
    assert errors["worst"].max() < 1e-12, errors
    predicted = large.construction.predict_error(circuits, 1)
    assert list(predicted["layer"]) == [0, 1, 2], predicted
    print(f"{Path(wheel).name} holds superposition alone, and works with what it declares")


def readme() -> None:
    """Runs the README's Python, each block by itself."""
    for block in re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, {"__name__": "__main__"})


if __name__ == "__main__":
    library(*sys.argv[2:]) if sys.argv[1] == "library" else readme()
