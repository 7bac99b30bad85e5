"""The mainframe of the twin of a Keysight B1500A: its modules, switches and pulses. See `keysight_b1500a`.

Source: B1500A Programming Guide, chapter 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from sim_device.virtual_bench.boxes.keysight_b1500a.smu import Converters, Smu
from sim_device.virtual_bench.boxes.keysight_b1500a.spgu import Spgu
from sim_device.virtual_bench.boxes.keysight_b1500a.sweep import Staircase
from sim_device.virtual_bench.circuit.surroundings import Circuit
from sim_device.virtual_bench.languages.flex import (
    CHANNEL,
    CHANNELS,
    Command,
    FlexError,
    FlexTwin,
    bounded,
    whole,
)

SLOTS: Final = 10
PULSE_GENERATOR, UNIT, EMPTY = "B1525A", "B1517A", "0"
MOST_CHANNELS: Final = 15


class KeysightB1500AMainframe(FlexTwin):
    """A B1500A around a circuit: SPGU in slot 1 and SMUs in slots 2 to 4, unless the cabled channels are elsewhere.

    Parameters
    ----------
    generator
        The SPGU channel that is cabled; None where none is.
    smus
        The circuit as each cabled SMU sees it, by slot; those in other slots are left open.
    """

    def __init__(
        self, circuit: Circuit, generator: int | None, smus: Mapping[int, Circuit], serial: str = "MY51140345"
    ) -> None:
        self.circuit = circuit
        self.identity = f"Keysight Technologies,B1500A,{serial},A.06.02.2023.0401"
        self.modules = _installed(None if generator is None else generator // 100, smus)
        self.converters, self.staircase = Converters(), Staircase()
        spgu = [slot for slot, model in self.modules.items() if model == PULSE_GENERATOR]
        channels = tuple(100 * slot + sub for slot in spgu for sub in (1, 2))
        self.spgu = Spgu(circuit, channels, generator)
        self.smus = {
            slot: Smu(smus.get(slot, circuit), slot, self.converters, cabled=slot in smus)
            for slot, model in self.modules.items()
            if model == UNIT
        }
        super().__init__()
        self.start()

    def start(self) -> None:
        """Settings of measurements and formats to their initial values; time is 0."""
        self.style, self.with_source = 1, False
        self.staircase.reset()
        self.flags = {"AZ": 0, "CM": 0, "TSC": 0}
        self.mode, self.spot = 1, tuple[int, ...]()
        self.zero = self.circuit.clock.now()

    def reset(self) -> None:
        """Initial settings: every output switch open."""
        self.spgu.reset()
        for smu in self.smus.values():
            smu.reset()
        self.converters.fast, self.converters.fine = Converters().fast, Converters().fine
        self.start()

    @property
    def output_on(self) -> bool:
        """Whether any output switch is closed."""
        return bool(self.closed())

    def closed(self) -> list[int]:
        """Channels whose output switch is closed."""
        smus = [number for number, smu in self.smus.items() if smu.on]
        return smus + [number for number, channel in self.spgu.channels.items() if channel.on]

    def close_interlock(self, *, closed: bool = True) -> None:
        """What the lid of a test fixture does."""
        for smu in self.smus.values():
            smu.interlock_closed = closed

    def status_byte(self) -> int:
        """As every FLEX instrument, and whether the interlock is open (8)."""
        is_open = not all(smu.interlock_closed for smu in self.smus.values())
        return super().status_byte() | (8 if is_open else 0)

    # -- commands --------------------------------------------------------------------------------------------------

    def _own_commands(self) -> Mapping[str, Command]:
        return {**self._mainframe(), **self._pulsing()}

    def _mainframe(self) -> dict[str, Command]:
        return {
            "UNT?": Command(self._units, 0, 1),
            "CN": Command(partial(self._switch, True), 0, MOST_CHANNELS + 1),
            "CL": Command(partial(self._switch, False), 0, MOST_CHANNELS + 1),
            "DZ": Command(partial(self._each, Smu.zero), 0, MOST_CHANNELS + 1),
            "RZ": Command(partial(self._each, Smu.restore), 0, MOST_CHANNELS + 1),
            "AB": Command(self.spgu.stop),
            "PA": Command(self._pause, 1, 1),
        }

    def _pulsing(self) -> dict[str, Command]:
        spgu = self.spgu
        return {
            "SIM": Command(spgu.set_operation, 1, 1),
            "SIM?": Command(lambda: "0"),
            "SPRM": Command(spgu.set_run, 1, 2),
            "SPRM?": Command(lambda: f"{spgu.run_mode}" + (f",{spgu.condition:g}" if spgu.run_mode else "")),
            "SPPER": Command(spgu.set_period, 1, 1),
            "SPPER?": Command(lambda: f"{spgu.period:.6E}"),
            "SPM": Command(spgu.set_mode, 2, 2),
            "SPM?": Command(spgu.shown_mode, 1, 1),
            "SPT": Command(spgu.set_timing, 5, 6),
            "SPT?": Command(spgu.shown_timing, 2, 2),
            "SPV": Command(spgu.set_levels, 3, 4),
            "SPV?": Command(spgu.shown_levels, 2, 2),
            "SER": Command(spgu.set_load, 2, 2),
            "SER?": Command(spgu.shown_load, 1, 1),
            "ODSW": Command(spgu.set_switch, 2, 5),
            "ODSW?": Command(spgu.shown_switch, 1, 1),
            "SPUPD": Command(spgu.update, 0, SLOTS),
            "SRP": Command(spgu.start),
            "SPP": Command(spgu.stop),
            "SPST?": Command(lambda: "1" if spgu.running() else "0"),
        }

    # -- mainframe -------------------------------------------------------------------------------------------------

    def _units(self, mode: float = 0) -> str:
        whole(mode, 0, 0)
        return ";".join(f"{self.modules[slot]},0" for slot in range(1, SLOTS + 1))

    def _switch(self, on: bool, *numbers: float) -> None:
        if len(numbers) > MOST_CHANNELS:
            raise FlexError(CHANNELS)
        chosen = [self._numbered(number) for number in numbers] or [*self.smus, *self.spgu.channels]
        for number in chosen:
            if number in self.smus:
                self.smus[number].switch(on=on)
            else:
                self.spgu.switch(number, on=on)

    def _numbered(self, number: float) -> int:
        """The channel that a number means: 2 or 201 is the SMU in slot 2, 1 or 101 an SPGU channel in slot 1."""
        given = int(number) if number == int(number) else 0
        slot, sub = (given, 1) if given <= SLOTS else divmod(given, 100)
        if slot in self.smus and sub == 1:
            return slot
        if 100 * slot + sub in self.spgu.channels:
            return 100 * slot + sub
        raise FlexError(CHANNEL)

    def smu(self, number: float) -> Smu:
        """The source-measure unit that a number means; error 121 where there is none."""
        found = self._numbered(number)
        if found not in self.smus:
            raise FlexError(CHANNEL)
        return self.smus[found]

    def _each(self, act: Callable[[Smu], None], *numbers: float) -> None:
        chosen = [self.smu(number) for number in numbers] or [smu for smu in self.smus.values() if smu.on]
        for smu in chosen:
            act(smu)

    def _pause(self, seconds: float) -> None:
        self.circuit.clock.wait(bounded(seconds, 0, 99.9999))

    def finish(self) -> None:
        """Wait for the pulses."""
        remaining = self.spgu.remaining()
        if remaining:
            self.circuit.clock.wait(remaining)


def _installed(pulses: int | None, units: Iterable[int]) -> dict[int, str]:
    """Modules by slot: as in the cabling, the rest as usual."""
    modules = dict.fromkeys(range(1, SLOTS + 1), EMPTY)
    if pulses is not None:
        modules[pulses] = PULSE_GENERATOR
    for slot in (*units, 2, 3, 4):
        if modules[slot] == EMPTY:
            modules[slot] = UNIT
    return modules
