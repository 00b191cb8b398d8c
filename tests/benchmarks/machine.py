"""What was measured on which machine: versions, processor, cores, threads."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import numpy as np
import psutil
import scipy
from threadpoolctl import threadpool_info


def versions() -> dict[str, str]:
    """What a reader needs to know to take the same times again, as text, by name."""
    return {
        "library": _commit(),
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "BLAS": blas(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": f"{psutil.cpu_count()}, of them physical: {psutil.cpu_count(logical=False)}",
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
    }


def blas() -> str:
    """Each BLAS that is loaded, with its version, kernels and threads."""
    found = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return "; ".join(
        f"{info['internal_api']} {info['version']} ({info.get('architecture') or 'any'} kernels), "
        f"threads: {info['num_threads']}"
        for info in found
    )


def blas_threads() -> int:
    """Threads that BLAS uses where this is called, at most; 1 if it has none."""
    found = [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]
    return max(found, default=1)


def _processor() -> str:
    """Its model, where the system tells."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"


def _commit() -> str:
    """The commit that was measured, marked where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown commit"
    return f"commit {done.stdout.strip()}"
