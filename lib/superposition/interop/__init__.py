"""Networks of other libraries in, networks with known circuits out.

`from_sklearn`, `from_torch` and `from_arrays` make circuits of trained models, and `joined` puts
them into one family. `with_inputs` gives them data to be measured on. `Superposition.predict`
answers as the models do. `to_torch` returns the large network as a PyTorch module, with or without
its ends. `save`, `load` and `describe` keep superpositions in files.
"""

from __future__ import annotations

from superposition.interop.arrays import from_arrays, joined
from superposition.interop.files import describe, load, save
from superposition.interop.rows import RowInputs, with_inputs
from superposition.interop.sklearn_models import from_sklearn
from superposition.interop.torch_models import from_torch, to_torch

__all__ = [
    "RowInputs",
    "describe",
    "from_arrays",
    "from_sklearn",
    "from_torch",
    "joined",
    "load",
    "save",
    "to_torch",
    "with_inputs",
]
