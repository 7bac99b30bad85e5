"""Has a function called in the main thread, from any other."""

from __future__ import annotations

from collections.abc import Callable


def in_main_thread(asked: Callable[[object], int]) -> bool:
    """Have a function called in the main thread as soon as that runs Python again; False where this cannot be asked."""
    try:
        import ctypes

        called = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(asked)
        _kept.append(called)  # C does not keep it
        return ctypes.pythonapi.Py_AddPendingCall(called, None) == 0
    except (ImportError, AttributeError):  # another Python than CPython
        return False


_kept: list[object] = []
