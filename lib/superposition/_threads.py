"""A limit of one core for computations that run beside each other."""

from __future__ import annotations

import sys
from threading import Lock
from types import TracebackType

from threadpoolctl import ThreadpoolController


class _OneThread:
    """A context in which linear algebra (BLAS, OpenMP) runs on one thread.

    The libraries have one setting for a whole process. With several users at once, in threads of
    one process, the first to enter sets it and the last to leave restores the earlier setting.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._n_modules = 0
        self._controller = ThreadpoolController()

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                # looking for the libraries takes milliseconds; only imports bring new ones
                if self._n_modules != len(sys.modules):
                    self._controller = ThreadpoolController()
                    self._n_modules = len(sys.modules)
                self._limits = self._controller.limit(limits=1)
                self._release()
            self._users += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._limits.restore_original_limits()
                self._release()

    def _release(self) -> None:
        """Let any thread change the setting next, not only this one, which has just changed it."""
        with self._controller.limit(limits=None):
            pass


one_thread = _OneThread()
