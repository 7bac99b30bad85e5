"""What all tests share: locks of benches in a folder of their own, not in the home of whoever runs them; signals."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # one that is busy is no fault
settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="session")
def signals_count() -> None:
    """A shell's background processes ignore Ctrl-C, those of nohup a closed terminal; so would what tests begin."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGHUP", "SIGQUIT"):  # Windows has neither
        one = getattr(signal, name, None)
        if one is not None and signal.getsignal(one) is signal.SIG_IGN:
            signal.signal(one, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="session")
def locks_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("LABSHD_LOCKS")
    os.environ["LABSHD_LOCKS"] = str(tmp_path_factory.mktemp("locks"))
    yield
    if before is None:
        del os.environ["LABSHD_LOCKS"]
    else:
        os.environ["LABSHD_LOCKS"] = before
