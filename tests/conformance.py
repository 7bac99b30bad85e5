"""What every kind of crosspoints does, whatever stands behind it: one suite, subclassed for each backend.

A test module of a backend subclasses `Conformance`, gives the fixture `crosspoints` (a fresh block of any shape, open)
and says how noisy it is::

    class TestSimulated(Conformance):
        unmoved, visible = 1e-7, 50

        @pytest.fixture
        def crosspoints(self):
            with SimCrosspoints(...) as block:
                yield block
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import not_numbers
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instruments.crosspoints import Crosspoints, PulsePair, PulseTrains, Readings
from instruments.errors import InputError, LimitError
from instruments.wire import Wire

nothing_but_refusals = settings(
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
"""Of tests in which all is refused, so that one block does for every example."""


class Conformance:
    """Subclass it, give the fixture, set the numbers."""

    unmoved: float  # [unit] by how much a mean of READS readings may differ where nothing was pulsed: > 5 sd of it
    visible: int = 50  # pulses of one sign that move a crosspoint by several times `unmoved`
    budgeted = True  # whether pulses have an endurance budget here
    READS = 4

    @pytest.fixture
    def crosspoints(self) -> Iterator[Crosspoints]:
        raise AssertionError("the backend gives its own fixture")

    def forbidden(self, crosspoints: Crosspoints) -> PulsePair | None:
        """A pulse pair that this block must refuse; None where there is none."""
        return None

    def level(self, crosspoints: Crosspoints) -> np.ndarray[Any, Any]:
        return crosspoints.read(self.READS).conductance.mean(axis=0)

    def assert_unmoved(self, crosspoints: Crosspoints, before: np.ndarray[Any, Any]) -> None:
        assert np.all(np.abs(self.level(crosspoints) - before) < self.unmoved)

    # What a block says of itself

    def test_a_block_says_what_it_is(self, crosspoints: Crosspoints) -> None:
        rows, columns = crosspoints.shape
        assert rows >= 1
        assert columns >= 1
        assert crosspoints.unit in ("S", "normalised")
        assert crosspoints.name
        assert crosspoints.origin.kind
        assert crosspoints.pulses.up != crosspoints.pulses.down

    # Reading

    def test_a_reading_has_a_number_for_every_crosspoint(self, crosspoints: Crosspoints) -> None:
        readings = crosspoints.read(3)
        self.assert_well_formed(crosspoints, readings, 3)
        assert len(crosspoints.read()) == 1

    def test_reading_moves_nothing(self, crosspoints: Crosspoints) -> None:
        before = self.level(crosspoints)
        crosspoints.read(20)
        self.assert_unmoved(crosspoints, before)

    def test_reading_no_times_is_refused(self, crosspoints: Crosspoints) -> None:
        with pytest.raises(InputError):
            crosspoints.read(0)

    # Pulsing

    def test_up_raises_and_down_lowers(self, crosspoints: Crosspoints) -> None:
        start = self.level(crosspoints)
        crosspoints.pulse(self.visible)
        high = self.level(crosspoints)
        crosspoints.pulse(-self.visible)
        low = self.level(crosspoints)
        assert np.all(high > start + self.unmoved)
        assert np.all(low < high - self.unmoved)

    def test_no_pulses_move_nothing(self, crosspoints: Crosspoints) -> None:
        before = self.level(crosspoints)
        crosspoints.pulse(0)
        crosspoints.pulse(np.zeros(crosspoints.shape, dtype=np.int64))
        self.assert_unmoved(crosspoints, before)

    @pytest.mark.parametrize("counts", [1.5, np.nan, np.inf, np.ones((1, 2, 3, 4))])
    def test_counts_that_are_none_are_refused_and_nothing_moves(self, crosspoints: Crosspoints, counts: Any) -> None:
        before = self.level(crosspoints)
        with pytest.raises(InputError):
            crosspoints.pulse(counts)
        self.assert_unmoved(crosspoints, before)

    def test_a_forbidden_pulse_is_refused_and_nothing_moves(self, crosspoints: Crosspoints) -> None:
        pair = self.forbidden(crosspoints)
        if pair is None:
            pytest.skip("this backend refuses no pulse")
        before = self.level(crosspoints)
        with pytest.raises(InputError):
            crosspoints.pulse(self.visible, pair)
        with pytest.raises(InputError):
            crosspoints.trace(np.full(3, self.visible), pair)
        self.assert_unmoved(crosspoints, before)

    # What is asked for is looked at before a byte is sent

    @pytest.fixture
    def sent(self, crosspoints: Crosspoints, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Every message from now on to an instrument, if there are any."""
        messages: list[str] = []
        real = Wire.write

        def write(wire: Wire, command: str, **more: Any) -> None:
            messages.append(command)
            real(wire, command, **more)

        monkeypatch.setattr(Wire, "write", write)
        return messages

    @nothing_but_refusals
    @given(counts=not_numbers.no_counts, verb=st.sampled_from(["pulse", "stream", "trace"]))
    def test_what_is_no_count_of_pulses_is_refused_before_a_byte(
        self, crosspoints: Crosspoints, sent: list[str], counts: Any, verb: str
    ) -> None:
        with pytest.raises(InputError):
            next(iter(getattr(crosspoints, verb)(counts) or ()), None)
        assert sent == []

    @nothing_but_refusals
    @given(
        repeats=not_numbers.no_readings,
        seconds=not_numbers.no_seconds,
        pair=not_numbers.no_pairs,
        index=not_numbers.no_index,
    )
    def test_other_arguments_that_are_none_are_refused_before_a_byte(
        self, crosspoints: Crosspoints, sent: list[str], repeats: Any, seconds: Any, pair: Any, index: Any
    ) -> None:
        for act in (
            lambda: crosspoints.read(repeats),
            lambda: crosspoints.wait(seconds),
            lambda: crosspoints.pulse(1, pair),
            lambda: crosspoints.trace([1], pair),
            lambda: crosspoints[index],
        ):
            with pytest.raises(InputError):
                act()
        assert sent == []

    @nothing_but_refusals
    @given(volts=not_numbers.no_voltages, bad=not_numbers.no_seconds, which=st.integers(0, 2))
    def test_a_sweep_of_what_is_no_number_is_refused_before_a_byte(
        self, crosspoints: Crosspoints, sent: list[str], volts: Any, bad: Any, which: int
    ) -> None:
        bad = np.nan if isinstance(bad, (list, np.ndarray)) else bad
        asked = [(volts, 5e-5, 0.0), ([0.05], bad, 0.0), ([0.05], 5e-5, bad)][which]
        with pytest.raises(InputError):
            list(crosspoints.sweep(*asked))
        assert sent == []

    @nothing_but_refusals
    @given(bad=not_numbers.no_voltages)
    def test_lines_take_numbers_and_slots_of_one_pulse(
        self, crosspoints: Crosspoints, sent: list[str], bad: Any
    ) -> None:
        rows, columns = crosspoints.shape
        whole = PulseTrains(np.ones((columns, 4), dtype=np.int8))
        two = PulseTrains(np.full((rows, 4), 2))
        for act in (
            lambda: crosspoints.forward(bad),
            lambda: crosspoints.backward(bad),
            lambda: crosspoints.coincide(PulseTrains(bad), whole),
            lambda: crosspoints.coincide(two, whole),
            lambda: crosspoints.coincide(PulseTrains(np.ones((rows, 3), dtype=np.int8)), whole),
        ):
            with pytest.raises(InputError):
                act()
        assert sent == []

    def test_an_integer_of_any_kind_is_a_count(self, crosspoints: Crosspoints) -> None:
        for count in (np.int8(1), np.uint64(1), [1], range(1, 2), np.array(1, dtype=np.int32)):
            crosspoints.pulse(count)  # type: ignore[arg-type]
        assert len(crosspoints.read(np.int64(2))) == 2  # type: ignore[arg-type]

    def test_sums_of_counts_do_not_wrap_past_a_budget(self, crosspoints: Crosspoints, sent: list[str]) -> None:
        """Where there is a budget; a block without one has none to pass."""
        if not self.budgeted:
            pytest.skip("this backend has no budget")
        most = not_numbers.MOST
        for counts in ([most] * 5, [-most] * 5, [most, -most] * 3, [most] * 4 + [4, 5]):
            with pytest.raises(LimitError):
                crosspoints.trace(counts)
        with pytest.raises(LimitError):
            crosspoints.pulse(most)
        assert sent == []

    # Views

    def test_a_view_is_the_same_device(self, crosspoints: Crosspoints) -> None:
        corner = crosspoints[-1, -1]
        assert corner.shape == (1, 1)
        before = self.level(crosspoints)
        corner.pulse(self.visible)
        moved = self.level(crosspoints) - before
        assert moved[-1, -1] > self.unmoved
        moved[-1, -1] = 0
        assert np.all(np.abs(moved) < self.unmoved)
        assert corner.read().conductance[0, 0, 0] == pytest.approx(self.level(crosspoints)[-1, -1], abs=self.unmoved)

    def test_a_view_of_everything_is_everything(self, crosspoints: Crosspoints) -> None:
        assert crosspoints[:, :].shape == crosspoints.shape
        assert crosspoints[0].shape == (1, crosspoints.shape[1])

    def test_a_view_of_nothing_is_refused(self, crosspoints: Crosspoints) -> None:
        with pytest.raises(InputError):
            crosspoints[crosspoints.shape[0], 0]

    # Streams and traces

    def test_a_trace_reads_after_every_step(self, crosspoints: Crosspoints) -> None:
        counts = np.concatenate([np.full(4, self.visible), np.zeros(2), np.full(4, -self.visible)]).astype(np.int64)
        readings = crosspoints.trace(counts)
        self.assert_well_formed(crosspoints, readings, 10)
        g = readings.conductance
        assert np.all(g[3] > g[0])
        assert np.all(np.abs(g[5] - g[3]) < 2 * self.unmoved)
        assert np.all(g[9] < g[5])

    def test_a_stream_yields_the_steps_in_order(self, crosspoints: Crosspoints) -> None:
        parts = list(crosspoints.stream(np.full((5, *crosspoints.shape), self.visible)))
        joined = Readings.join(parts)
        self.assert_well_formed(crosspoints, joined, 5)
        assert np.all(joined.conductance[-1] > joined.conductance[0])

    def test_a_trace_of_no_steps_is_empty(self, crosspoints: Crosspoints) -> None:
        assert crosspoints.trace(np.zeros((0, *crosspoints.shape), dtype=np.int64)).conductance.shape == (
            0,
            *crosspoints.shape,
        )

    def test_a_trace_refuses_other_shapes(self, crosspoints: Crosspoints) -> None:
        with pytest.raises(InputError):
            crosspoints.trace(np.ones((2, 2), dtype=np.int64))

    # Sweeps

    def swept(self, crosspoints: Crosspoints, voltages: Any, compliance: float = 5e-5) -> tuple[Any, Any]:
        """Voltage and conductance of crosspoints at the levels they were held at: (levels, rows, columns), NaN else."""
        parts = list(crosspoints.sweep(voltages, compliance))
        assert all(part.conductance.shape == (1, *crosspoints.shape) for part in parts)
        readings = Readings.join(parts)
        rows, columns = crosspoints.shape
        wanted = np.asarray(voltages, dtype=float)
        levels = np.broadcast_to(wanted.reshape(-1, 1, 1) if wanted.ndim == 1 else wanted, (len(wanted), rows, columns))
        volts, g = np.full(levels.shape, np.nan), np.full(levels.shape, np.nan)
        for row, column in np.ndindex(rows, columns):
            held = np.isfinite(readings.time[:, row, column])
            asked = np.isfinite(levels[:, row, column])
            assert np.count_nonzero(held) == np.count_nonzero(asked)
            assert np.all(np.diff(readings.time[held, row, column]) >= 0)
            volts[asked, row, column] = readings.voltage[held, row, column]
            g[asked, row, column] = readings.conductance[held, row, column]
        return volts, g

    def test_a_sweep_measures_at_every_level_in_order_and_at_these_moves_nothing(
        self, crosspoints: Crosspoints
    ) -> None:
        before = self.level(crosspoints)
        asked = np.array([0.02, 0.05, 0.1, 0.05, -0.05, -0.1])
        volts, g = self.swept(crosspoints, asked)
        assert volts == pytest.approx(np.broadcast_to(asked[:, None, None], volts.shape), rel=1e-2)
        # noise of one reading in place of a mean, at half of the read voltage and more
        assert np.all(np.abs(g[1:] - before) < 2 * self.unmoved * np.sqrt(self.READS))
        self.assert_unmoved(crosspoints, before)

    def test_a_sweep_leaves_alone_what_is_given_no_voltage(self, crosspoints: Crosspoints) -> None:
        levels = np.full((3, *crosspoints.shape), np.nan)
        levels[:, -1, -1] = [0.05, 0.1, 0.05]
        volts, _ = self.swept(crosspoints, levels)
        assert np.array_equal(np.isfinite(volts), np.isfinite(levels))

    def test_a_sweep_may_be_left_at_any_level(self, crosspoints: Crosspoints) -> None:
        before = self.level(crosspoints)
        sweep = crosspoints.sweep(np.linspace(0.02, 0.1, 9), 5e-5)
        next(sweep)
        sweep.close()
        self.assert_unmoved(crosspoints, before)

    @pytest.mark.parametrize(
        ("voltages", "compliance", "dwell"),
        [
            ([np.inf], 1e-6, 0.0),
            ([0.1], 0.0, 0.0),
            ([0.1], np.nan, 0.0),
            ([0.1], 1e-6, -1.0),
            (np.ones((1, 9)), 1e-6, 0.0),
        ],
    )
    def test_a_sweep_that_is_none_is_refused(
        self, crosspoints: Crosspoints, voltages: Any, compliance: float, dwell: float
    ) -> None:
        with pytest.raises(InputError):
            list(crosspoints.sweep(voltages, compliance, dwell))

    def test_a_sweep_beyond_the_limits_is_refused_and_nothing_moves(self, crosspoints: Crosspoints) -> None:
        before = self.level(crosspoints)
        with pytest.raises(InputError):
            list(crosspoints.sweep([0.05, 1000.0], 5e-5))
        self.assert_unmoved(crosspoints, before)

    # Arrays

    def test_coincidences_pulse(self, crosspoints: Crosspoints) -> None:
        rows, columns = crosspoints.shape
        row_slots = np.zeros((rows, self.visible), dtype=np.int8)
        row_slots[0] = 1
        before = self.level(crosspoints)
        crosspoints.coincide(PulseTrains(row_slots), PulseTrains(np.ones((columns, self.visible), dtype=np.int8)))
        moved = self.level(crosspoints) - before
        assert np.all(moved[0] > self.unmoved)
        assert np.all(np.abs(moved[1:]) < self.unmoved)

    def test_forward_and_backward_are_ohm_and_kirchhoff(self, crosspoints: Crosspoints) -> None:
        rows, columns = crosspoints.shape
        g = self.level(crosspoints)
        volts, row_volts = np.linspace(0.1, 0.2, columns), np.linspace(0.1, 0.2, rows)
        # one reading in place of a mean: sqrt(READS) noisier, and the errors of a line add up
        tolerance = self.unmoved * np.sqrt(self.READS) * 0.2 * max(rows, columns)
        assert crosspoints.forward(volts) == pytest.approx(g @ volts, abs=tolerance)
        assert crosspoints.backward(row_volts) == pytest.approx(g.T @ row_volts, abs=tolerance)

    # Time and safety

    def test_time_never_runs_backwards(self, crosspoints: Crosspoints) -> None:
        times = [crosspoints.read().time.max()]
        crosspoints.pulse(1)
        times.append(crosspoints.read().time.min())
        crosspoints.wait(0.01)
        times.append(crosspoints.read().time.min())
        times.extend(crosspoints.trace(np.ones(3, dtype=np.int64)).time.max(axis=(1, 2)))
        assert np.all(np.diff(times) >= 0)
        assert times[2] - times[1] >= 0.01 * 0.999

    def test_safe_is_idempotent_and_ends_a_context(self, crosspoints: Crosspoints) -> None:
        crosspoints.safe()
        crosspoints.safe()
        with crosspoints as block:
            assert block is crosspoints

    def assert_well_formed(self, crosspoints: Crosspoints, readings: Readings, length: int) -> None:
        for name in ("conductance", "voltage", "current", "time", "status"):
            assert getattr(readings, name).shape == (length, *crosspoints.shape), name
        assert np.all(np.isfinite(readings.conductance))
        assert np.all(np.isfinite(readings.time))
        assert np.all(readings.status == 0)
        assert readings.status.dtype == np.uint8
        assert np.all(np.diff(readings.time.max(axis=(1, 2))) >= 0)
