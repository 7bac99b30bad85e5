"""Whatever ends a process: is any output left on? Every order of opening, every signal, each sent twice in a row.

    python benchmarks/exits.py [--orders "thread;pool"] [--signals SIGTERM,SIGINT]

A child opens a bench whose twins live in this process, behind TCP, and drives it; it is sent the signal while the
outputs are on. The twins themselves say afterwards what is on. Prints a table and `left on: 0 of N`; exit status 1
where anything was left on, or a child did not end within 30 s and was killed. "notebook" does with the handlers what
ipykernel does around a cell: it sets SIGINT to Python's own while the cell runs.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

SIGNALS = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]
PATIENCE = 30.0  # [s] that a child may take to end


# -- what a child does: `file` is the station whose twins are served --------------------------------------------------


def drive(bench: Any) -> None:
    """Pulse and read for ever, as a script of one's own does."""
    told = False
    while True:
        bench["A1"].pulse(1)
        bench["A1"].read()
        if not told:
            print("driven", flush=True)
            told = True


def record(bench: Any) -> None:
    """A recording that takes an hour."""
    import labshd
    from protocols.update_response import UpdateResponse

    threading.Thread(target=_tell_when_driven, args=(bench,), daemon=True).start()
    labshd.record(UpdateResponse(pulses=5000, cycles=10), bench["A1"])


def _tell_when_driven(bench: Any) -> None:
    while not any(bench.all.bench.count.applied.values()):
        time.sleep(0.01)
    print("driven", flush=True)


def opened(file: str, rehearse: bool = False) -> Any:
    """A station."""
    from labshd.station.station import open_station

    return open_station(file, rehearse=rehearse)


def main_thread(file: str) -> None:
    """Opened and used in the main thread."""
    drive(opened(file))


def main_recording(file: str) -> None:
    """Recorded in the main thread."""
    record(opened(file))


def _in_thread(does: Callable[[], None]) -> None:
    import labshd.station  # noqa: F401 - as a script that uses threads has it at its top

    thread = threading.Thread(target=does)
    thread.start()
    thread.join()


def thread(file: str) -> None:
    """Opened and used in a thread; the main thread waits for it."""
    _in_thread(lambda: drive(opened(file)))


def thread_recording(file: str) -> None:
    """Opened and recorded in a thread."""
    _in_thread(lambda: record(opened(file)))


def thread_that_waits(file: str) -> None:
    """A thread that waits for an hour with the output on."""

    def does() -> None:
        bench = opened(file)
        bench["A1"].pulse(1)
        bench["A1"].read()
        print("driven", flush=True)
        bench["A1"].wait(3600)

    _in_thread(does)


def rehearsed_first(file: str) -> None:
    """The first station, rehearsed, in a thread; the second in the main thread."""
    kept: list[Any] = []
    _in_thread(lambda: kept.append(opened(file, rehearse=True)))
    drive(opened(file))


def rehearsed_last(file: str) -> None:
    """A first station in a thread, left open and driven; then one rehearsed in the main thread, closed."""

    def does() -> None:
        opened(file, rehearse=True).close()
        bench = opened(file)
        threading.Thread(target=drive, args=(bench,)).start()

    _in_thread(does)
    opened(file, rehearse=True).close()
    threading.Event().wait()


def pool(file: str) -> None:
    """A recording in a thread pool, and others that wait for their turn."""
    import labshd.station  # noqa: F401

    with ThreadPoolExecutor(1) as workers:
        bench = workers.submit(opened, file).result()
        for _ in range(3):
            workers.submit(record, bench)


def within_interrupts(file: str) -> None:
    """Opened within `interrupts()`, used after."""
    from labshd.common.signals import interrupts

    with interrupts():
        bench = opened(file)
    drive(bench)


def within_interrupts_in_thread(file: str) -> None:
    """Opened within `interrupts()` by a thread, used after by the main one."""
    from labshd.common.signals import interrupts

    found: list[Any] = []

    def does() -> None:
        with interrupts():
            found.append(opened(file))

    _in_thread(does)
    drive(found[0])


def asyncio_loop(file: str) -> None:
    """Opened and driven in a coroutine."""

    async def main() -> None:
        bench = opened(file)
        while True:
            bench["A1"].pulse(1)
            bench["A1"].read()
            print("driven", flush=True)
            await asyncio.sleep(0.01)

    asyncio.run(main())


def asyncio_thread(file: str) -> None:
    """Recorded by `asyncio.to_thread`."""
    import labshd.station  # noqa: F401

    async def main() -> None:
        await asyncio.to_thread(lambda: record(opened(file)))

    asyncio.run(main())


def notebook(file: str) -> None:
    """A cell of a notebook opens, the next one drives."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    bench = opened(file)
    signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        drive(bench)
    finally:
        signal.signal(signal.SIGINT, before)


def swallowed(file: str) -> None:
    """A protocol of one's own swallows everything that is raised in it."""
    import numpy as np

    import labshd
    from protocols.common.protocol import Points
    from protocols.update_response import UpdateResponse

    class Stubborn(UpdateResponse):
        def run(self, crosspoints: Any) -> Any:
            while True:
                try:
                    crosspoints.pulse(1)
                    time.sleep(0.05)  # so that a signal comes in here
                except BaseException:  # what this is about
                    swallowed.append(1)
                yield Points("up", np.ones((1, 1, 1), dtype=np.int64), crosspoints.read(), crosspoints.pulses)

    swallowed: list[int] = []
    bench = opened(file)
    threading.Thread(target=_tell_when_driven, args=(bench,), daemon=True).start()
    labshd.record(Stubborn(), bench["A1"])


ORDERS: dict[str, Callable[[str], None]] = {
    "main": main_thread, "main, recording": main_recording, "thread": thread, "thread, recording": thread_recording,
    "thread that waits": thread_that_waits, "rehearsed in thread, then main": rehearsed_first,
    "in thread, then rehearsed in main": rehearsed_last, "pool": pool, "within interrupts": within_interrupts,
    "within interrupts of a thread": within_interrupts_in_thread, "asyncio": asyncio_loop,
    "asyncio.to_thread": asyncio_thread, "notebook": notebook, "swallowed by a protocol": swallowed,
}  # fmt: skip


# -- what this process does -------------------------------------------------------------------------------------------


def outcome(order: str, name: str, folder: Path) -> str:
    """Drive, send, look: "off", or what was left."""
    from served import served

    environment = {**os.environ, "LABSHD_LOCKS": str(folder / "locks"), "LABSHD_RUNS": str(folder / "runs")}
    with served(folder) as bench:
        child = subprocess.Popen(
            [sys.executable, __file__, "--child", order, str(bench.file)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        assert child.stdout is not None
        if child.stdout.readline() != "driven\n":
            return f"did not begin: {child.communicate()[1][-300:]}"
        for _ in range(2):
            if child.poll() is None:
                child.send_signal(getattr(signal, name))
        try:
            child.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return "NOT ENDED"
        deadline = time.monotonic() + 5  # what was sent last may still be on its way
        while not bench.virtual.is_safe() and time.monotonic() < deadline:
            time.sleep(0.01)
        return "off" if bench.virtual.is_safe() else "LEFT ON"


def main() -> int:
    """The table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", nargs=2, metavar=("ORDER", "FILE"))
    parser.add_argument("--orders", default=";".join(ORDERS), help="parts of their names, between semicolons")
    parser.add_argument("--signals", default=",".join(SIGNALS))
    arguments = parser.parse_args()
    if arguments.child:
        ORDERS[arguments.child[0]](arguments.child[1])
        return 0
    names, left, total = arguments.signals.split(","), 0, 0
    orders = [one for one in ORDERS if any(part in one for part in arguments.orders.split(";"))]
    print(f"{'order of opening':<36}" + "".join(f"{name + ' twice':<16}" for name in names))
    for order in orders:
        found = []
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                found.append(outcome(order, name, Path(folder)))
        total += len(found)
        left += sum(one != "off" for one in found)
        print(f"{order:<36}" + "".join(f"{one:<16}" for one in found), flush=True)
    print(f"left on: {left} of {total}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
