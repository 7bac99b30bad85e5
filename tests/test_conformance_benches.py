"""Rehearsed benches are crosspoints like any others, whatever the wiring; sweeps are replayed byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conformance import Conformance
from rehearsed import rehearsed

from instruments.crosspoints import Crosspoints, Pulse, PulsePair
from labshd.recording.recorder import record
from labshd.replay.byte_by_byte import replay
from protocols.common.protocol import Protocol
from protocols.forming import Forming
from protocols.iv_sweep import IVSweep


class Rehearsed(Conformance):
    """A bench and its rehearsal are the same code down to the wire."""

    def forbidden(self, crosspoints: Crosspoints) -> PulsePair | None:
        return PulsePair(Pulse(50.0, 1e-6), Pulse(-50.0, 1e-6))


class TestThreeTerminals(Rehearsed):
    # 15 nS white and 10 nS slow noise a reading: 13 nS for a mean of four, 5 x 13 x sqrt(2) = 90 nS for a difference
    unmoved, visible = 1e-7, 50

    @pytest.fixture
    def crosspoints(self) -> Iterator[Crosspoints]:
        with rehearsed("ecram.toml", seed=3) as station:
            yield station.all


class TestTwoTerminals(Rehearsed):
    # 200 nS white and 300 nS slow noise a reading: 0.32 uS for a mean of four, 5 x 0.32 x sqrt(2) = 2.2 uS
    unmoved, visible = 2.5e-6, 50

    @pytest.fixture
    def crosspoints(self) -> Iterator[Crosspoints]:
        with rehearsed("rram.toml", seed=3) as station:
            yield station.all


@pytest.mark.parametrize(
    ("protocol", "edit"),
    [
        (Forming(start=2.0, step=0.1), {'device = "rram" ': 'device = "rram-pristine" '}),
        (IVSweep(cycles=1, step=0.1, compliance_negative=50e-6), {}),
    ],
)
def test_a_sweep_is_replayed_from_its_wire(protocol: Protocol, edit: dict[str, str], tmp_path: Path) -> None:
    with rehearsed("rram.toml", edit=edit, seed=4) as station:
        run = record(protocol, station["A1"], runs=tmp_path, station=station)
    again = replay(run)
    assert again.difference is None
    assert again.messages == again.messages_recorded > 50
    assert again.readings == run.readings


def test_two_current_limits_of_one_sweep_change_with_the_output_off() -> None:
    with rehearsed("rram.toml", seed=3) as station:
        assert station.virtual is not None
        driven: list[Any] = []
        watched = station.virtual.smu_drives

        def noted(drive: Any) -> None:
            driven.append(drive)
            watched(drive)

        station.virtual.smu_drives = noted  # type: ignore[method-assign]
        levels = [0.1, 0.2, -0.1, -0.2]
        readings = list(station["A1"].sweep(levels, [1e-5, 1e-5, 5e-5, 5e-5]))
    on = [(drive.level, drive.limit) if drive is not None else None for drive in driven]
    held = [one for one in on if one is not None and one[0] != 0]
    assert dict.fromkeys(held) == dict.fromkeys([(0.1, 1e-5), (0.2, 1e-5), (-0.1, 5e-5), (-0.2, 5e-5)])
    first_negative = on.index((-0.1, 5e-5))
    last_positive = max(at for at, one in enumerate(on) if one == (0.2, 1e-5))
    assert None in on[last_positive:first_negative]
    assert on[-1] is None
    assert len(readings) == 4
    assert np.all([abs(one.voltage.item()) <= 0.2 * 1.01 for one in readings])
