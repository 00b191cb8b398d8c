"""What JavaScript makes of an expression in the functions of a module of the book's figures."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[1] / "book/_static/explore"


def evaluated(tmp_path: Path, module: str, expression: str) -> Any:
    """The expression's value; the module is called `code`. Skipped where Node.js is missing."""
    if (node := shutil.which("node")) is None:
        pytest.skip("Node.js is not installed")
    script = tmp_path / "run.mjs"
    script.write_text(
        f'import * as code from "{(SCRIPTS / module).as_uri()}";\n'
        f"console.log(JSON.stringify({expression}));\n"
    )
    done = subprocess.run([node, script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
