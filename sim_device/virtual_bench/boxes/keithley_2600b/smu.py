"""Twin of a Keithley 2636B: TSP commands of channels A and B, one of which is cabled.

Source: Series 2600B System SourceMeter Reference Manual, 2600BS-901-01, section 7, and the 2636B data sheet for ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from sim_device.virtual_bench.boxes.common.meter import HEADROOM, LINE_FREQUENCY, Measured, Meter, smallest
from sim_device.virtual_bench.boxes.keithley_2600b.buffers import PARTS, ReadingBuffer
from sim_device.virtual_bench.boxes.keithley_2600b.settings import (
    BOUNDS,
    CONSTANTS,
    CURRENT_LIMIT,
    DEFAULTS,
    OUT_OF_RANGE,
    RANGED,
    VOLTAGE_LIMIT,
)
from sim_device.virtual_bench.circuit.smu_alone import SmuAlone
from sim_device.virtual_bench.circuit.surroundings import Circuit, Drive
from sim_device.virtual_bench.languages.safety_entries import CALIBRATED_AT, DUE_AT
from sim_device.virtual_bench.languages.tsp import Attribute, TspTwin
from sim_device.virtual_bench.languages.tsp_scripts import RunningScript
from sim_device.virtual_bench.languages.tsp_values import Path, TspError, Value

if TYPE_CHECKING:
    from sim_device.virtual_bench.boxes.twins import Cabled


class Channel:
    """One source-measure channel: its attributes and buffers. `cabled` says whether the circuit is at its terminals."""

    def __init__(self, circuit: Circuit, name: str, *, cabled: bool) -> None:
        self.circuit = circuit
        self.name = name
        self.cabled = cabled
        self.state: dict[str, float] = dict(DEFAULTS)
        self.buffers = {"nvbuffer1": ReadingBuffer(), "nvbuffer2": ReadingBuffer()}
        self._meter = Meter(circuit, seed=ord(name[-1]))

    @property
    def output_on(self) -> bool:
        """Whether the output is on."""
        return self.state["source.output"] == 1.0

    def reset(self) -> None:
        """``smuX.reset()``."""
        self.state = dict(DEFAULTS)
        for buffer in self.buffers.values():
            buffer.clear()
        self._drive()

    def put(self, key: str, value: Value) -> None:
        """Set an attribute as the instrument would, ranges to the smallest that holds the value."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TspError(1100, f"Parameter error: {self.name}.{key}")
        low, high = BOUNDS.get(key, (-1e30, 1e30))
        if not low <= value <= high:
            raise TspError(OUT_OF_RANGE, "Parameter too big" if value > high else "Parameter too small")
        self.state[key] = self._ranged(key, float(value))
        if key in ("source.levelv", "source.leveli"):
            self._fit(key)
        self._drive()

    def _ranged(self, key: str, value: float) -> float:
        if key not in RANGED:
            return value
        auto, ranges = RANGED[key]
        found = smallest(ranges, value)
        if found is None:
            raise TspError(OUT_OF_RANGE, "Parameter too big")
        self.state[auto] = 0.0
        return found

    def _fit(self, key: str) -> None:
        """A level moves an automatic range, and is refused beyond a fixed one."""
        range_key = key.replace("level", "range")
        auto, ranges = RANGED[range_key]
        if self.state[auto]:
            self.state[range_key] = smallest(ranges, self.state[key]) or ranges[-1]
        elif abs(self.state[key]) > HEADROOM * self.state[range_key] * (1 + 1e-9):
            self.state[key] = 0.0
            raise TspError(OUT_OF_RANGE, "Source level is beyond the source range")

    def _drive(self) -> None:
        if not self.cabled:
            return
        s = self.state
        current = s["source.func"] == 0.0
        drive = Drive(
            current,
            s["source.leveli" if current else "source.levelv"],
            s["source.limitv" if current else "source.limiti"],
        )
        self.circuit.smu_drives(drive if self.output_on else None)

    def take(self) -> Measured:
        """One measurement of current and voltage at once."""
        s = self.state
        integrations = (3 if s["measure.autozero"] == 2.0 else 1) * (
            int(s["measure.filter.count"]) if s["measure.filter.enable"] else 1
        )
        if not self.cabled:
            self.circuit.clock.wait(integrations * s["measure.nplc"] / LINE_FREQUENCY)
            level = s["source.levelv"] if self.output_on and s["source.func"] == 1.0 else 0.0
            return Measured(level, 0.0, False, self.circuit.clock.now())
        voltage_range = s["source.rangev"] if s["source.func"] == 1.0 else 200.0
        current_range = None if s["measure.autorangei"] and s["source.func"] == 1.0 else s["measure.rangei"]
        if s["source.func"] == 0.0:
            current_range = s["source.rangei"]
        delay = s["measure.delay"] + s["source.delay"]
        return self._meter.take(s["measure.nplc"], voltage_range, current_range, integrations=integrations, delay=delay)

    def measure(self, what: str, *buffers: Value) -> Value:
        """``smuX.measure.<what>(buffers)``: the last of ``measure.count`` readings; all go to the buffers."""
        stores = [self._buffer(buffer) for buffer in buffers]
        for store in stores:
            store.begin()
        for _ in range(int(self.state["measure.count"]) - 1):
            self._take_into(what, stores)
        first, *others = self._take_into(what, stores)
        return (first, *others) if others else first

    def _take_into(self, what: str, stores: list[ReadingBuffer]) -> tuple[float, ...]:
        found = self.take()
        values = _values(what, found)
        for store, value in zip(stores, values, strict=False):
            store.keep(value, limited=found.limited, time=found.time)
        return values

    def _buffer(self, value: Value) -> ReadingBuffer:
        name = value.name.rpartition(".")[2] if isinstance(value, Path) else ""
        if name not in self.buffers:
            raise TspError(1100, "Parameter error: a reading buffer is expected")
        return self.buffers[name]

    def condition(self) -> float:
        """Measurement condition register of the channel: voltage limit (1) or current limit (2)."""
        if not self.in_compliance():
            return 0.0
        return VOLTAGE_LIMIT if self.state["source.func"] == 0.0 else CURRENT_LIMIT

    def in_compliance(self) -> bool:
        """``smuX.source.compliance``."""
        return self.cabled and self.output_on and self.circuit.smu_reads()[2]


def _values(what: str, found: Measured) -> tuple[float, ...]:
    ohms = found.voltage / found.current if found.current else 9.91e37
    return {
        "iv": (found.current, found.voltage), "i": (found.current,), "v": (found.voltage,),
        "r": (ohms,), "p": (found.voltage * found.current,),
    }[what]  # fmt: skip


class Keithley2600BTwin(TspTwin):
    """A Keithley 2636B around a circuit; `cabled` is the circuit as each channel that is cabled sees it."""

    model = "2636B"

    def __init__(self, circuit: Circuit, cabled: Mapping[str, Circuit], serial: str = "4012345") -> None:
        self.circuit = circuit
        self.identity = f"Keithley Instruments Inc., Model 2636B, {serial}, 3.3.5"
        self._channels = {
            name: Channel(cabled.get(name, circuit), name, cabled=name in cabled) for name in ("smua", "smub")
        }
        self._format = {"format.data": 1.0, "format.asciiprecision": 6.0}
        self._script = RunningScript(circuit.clock)
        super().__init__()

    @property
    def output_on(self) -> bool:
        """Whether the output of a cabled channel is on."""
        self._advance()
        return any(channel.cabled and channel.output_on for channel in self._channels.values())

    # -- scripts: what comes while a loop runs waits for its end, except abort ---------------------------------------

    def receive(self, message: str) -> None:
        """As every TSP box; a loop goes on by itself."""
        if message.strip() == "abort":
            self._tell(self._script.abort)
            return
        self._tell(self._script.finish)
        super().receive(message)

    def transmit(self) -> str | None:
        """Who asks waits for what a loop prints."""
        if not self.replies:
            self._tell(self._script.finish)
        return super().transmit()

    def _go_on(self, statements: Iterator[None]) -> None:
        self._script.begin(statements)

    def _advance(self) -> None:
        self._tell(self._script.advance)

    def _tell(self, what: Callable[[], None]) -> None:
        """Let a script go on; its errors are queued."""
        try:
            what()
        except TspError as error:
            self.errors.append((error.code, error.text))

    def _delay(self, seconds: Value) -> Value:
        """``delay(seconds)``: not 0, up to 100 ks."""
        if not isinstance(seconds, float) or not 0 < seconds <= 1e5:
            raise TspError(OUT_OF_RANGE, "Parameter too big" if seconds else "Parameter too small")
        self._script.delay(seconds)
        return ()

    def reset(self) -> None:
        """``reset()``, ``*RST``: both channels."""
        for channel in self._channels.values():
            channel.reset()
        self._format = {"format.data": 1.0, "format.asciiprecision": 6.0}

    def digits(self) -> int:
        """Significant digits that `print` writes."""
        return int(self._format["format.asciiprecision"])

    def _own_functions(self) -> Mapping[str, Callable[..., Value]]:
        found: dict[str, Callable[..., Value]] = {
            "printbuffer": self._print_buffer,
            "delay": self._delay,
            "beeper.beep": lambda *_: None,
        }
        for name, channel in self._channels.items():
            found[f"{name}.reset"] = channel.reset
            for what in ("i", "v", "iv", "r", "p"):
                found[f"{name}.measure.{what}"] = partial(channel.measure, what)
            for buffer, store in channel.buffers.items():
                found[f"{name}.{buffer}.clear"] = store.clear
        return found

    def _own_attributes(self) -> Mapping[str, Attribute]:
        found = {"format.ASCII": Attribute(lambda: 1.0), "localnode.linefreq": Attribute(lambda: LINE_FREQUENCY)}
        for key in self._format:
            found[key] = Attribute(lambda k=key: self._format[k], lambda value, k=key: self._set_format(k, value))
        for name, channel in self._channels.items():
            found |= {f"{name}.{constant}": Attribute(lambda v=value: v) for constant, value in CONSTANTS.items()}
            for key in DEFAULTS:
                found[f"{name}.{key}"] = Attribute(
                    lambda c=channel, k=key: c.state[k], lambda value, c=channel, k=key: c.put(k, value)
                )
            found[f"{name}.cal.date"] = Attribute(lambda: CALIBRATED_AT)
            found[f"{name}.cal.due"] = Attribute(lambda: DUE_AT)
            found[f"{name}.source.compliance"] = Attribute(channel.in_compliance)
            found[f"status.measurement.instrument.{name}.condition"] = Attribute(channel.condition)
            for buffer, store in channel.buffers.items():
                found[f"{name}.{buffer}.n"] = Attribute(lambda s=store: float(len(s.entries)))
                for mode in store.modes:
                    found[f"{name}.{buffer}.{mode}"] = Attribute(
                        lambda s=store, m=mode: s.modes[m], partial(store.set_mode, mode)
                    )
                for part in PARTS:
                    place = f"{name}.{buffer}.{part}"
                    found[place] = Attribute(lambda p=place: Path(p))
        return found

    def _set_format(self, key: str, value: Value) -> None:
        if not isinstance(value, int | float) or not 1 <= value <= 16:
            raise TspError(OUT_OF_RANGE, "Parameter too big")
        self._format[key] = float(value)

    def _print_buffer(self, first: Value, last: Value, *buffers: Value) -> None:
        """``printbuffer(first, last, buffers...)``: entry by entry, separated by commas."""
        if not isinstance(first, float) or not isinstance(last, float):
            raise TspError(1100, "Parameter error: printbuffer")
        columns = [self._column(buffer) for buffer in buffers]
        if not 1 <= first <= last or any(len(column) < last for column in columns):
            raise TspError(OUT_OF_RANGE, "Parameter too big")
        rows = range(int(first) - 1, int(last))
        self.replies.append(", ".join(self.shown(column[row]) for row in rows for column in columns))

    def _column(self, buffer: Value) -> list[float]:
        name, place, part = (*(buffer.name if isinstance(buffer, Path) else "").split("."), "", "")[:3]
        if name not in self._channels or place not in self._channels[name].buffers:
            raise TspError(1100, "Parameter error: a reading buffer is expected")
        return self._channels[name].buffers[place].column(part)


def in_roles(circuit: Circuit, roles: Iterable[tuple[Cabled, Circuit]]) -> Keithley2600BTwin:
    """The twin with one channel in the circuit, or with both in different roles, or with one that takes turns."""
    cabled: dict[str, Circuit] = {}
    for role, seen in roles:
        name = "smua" if role.driver == "keithley-2600b" else "smub"
        cabled[name] = SmuAlone(circuit) if name in cabled else seen
    return Keithley2600BTwin(circuit, cabled)
