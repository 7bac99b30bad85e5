"""What all tests share: locks of benches in a folder of their own, not in the home of whoever runs them; Ctrl-C."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_counts() -> None:
    """A shell's background processes ignore Ctrl-C, and so would the processes that tests begin."""
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def locks_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("LABSHD_LOCKS")
    os.environ["LABSHD_LOCKS"] = str(tmp_path_factory.mktemp("locks"))
    yield
    if before is None:
        del os.environ["LABSHD_LOCKS"]
    else:
        os.environ["LABSHD_LOCKS"] = before
