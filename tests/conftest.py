"""What all tests share: locks of benches in a folder of their own, not in the home of whoever runs them."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def locks_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("LABSHD_LOCKS")
    os.environ["LABSHD_LOCKS"] = str(tmp_path_factory.mktemp("locks"))
    yield
    if before is None:
        del os.environ["LABSHD_LOCKS"]
    else:
        os.environ["LABSHD_LOCKS"] = before
