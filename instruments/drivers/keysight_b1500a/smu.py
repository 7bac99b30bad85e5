"""Source-measure units of a Keysight B1500A: HRSMU (B1517A), MPSMU (B1511A/B) and HPSMU (B1510A).

Commands: Programming Guide as in `keysight_b1500a`, chapter 4 (``CN``, ``DV``, ``AAD``, ``AIT``, ``TTIV``, ``*LRN?``),
chapter 1 (data with status letter, channel and kind), tables 4-3 to 4-7 (ranges and compliance). Every reading comes
with its status and with the time of the box since it was prepared. Never tried on the real instrument.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, ClassVar, Final, NamedTuple

from pymeasure.adapters import Adapter

from instruments.crosspoints import Status
from instruments.drivers.common.fixed_ranges import check_compliance, check_count, check_least, measurement
from instruments.drivers.keysight_b1500a.mainframe import KeysightB1500A, flex, slot_of
from instruments.errors import InputError, InstrumentError, LimitError
from instruments.limits import Limits
from instruments.roles import Measurement, SourceMeasureUnit
from instruments.units import text

SAMPLES: Final = 128  # of the high-speed converter in one power line cycle
MOST_SAMPLES: Final = 1023  # in manual mode
MOST_CYCLES: Final = 100
MOST_READINGS: Final = 10_000
LEAST_COMPLIANCE: Final = 1e-9  # [A] of the smallest range that is used
CURRENT_CODES: Final = {
    1e-9: 11, 1e-8: 12, 1e-7: 13, 1e-6: 14, 1e-5: 15, 1e-4: 16, 1e-3: 17, 1e-2: 18, 0.1: 19, 1.0: 20,
}  # fmt: skip


class OutputRange(NamedTuple):
    """One output range: up to `span` [V], its `code`, and the `most` [A] of compliance."""

    span: float
    code: int
    most: float


_MEDIUM: Final = tuple(
    OutputRange(*one)
    for one in ((0.5, 5, 0.1), (2, 20, 0.1), (5, 50, 0.1), (20, 200, 0.1), (40, 400, 0.05), (100, 1000, 0.02))
)
_HIGH: Final = tuple(
    OutputRange(*one) for one in ((2, 20, 1.0), (20, 200, 1.0), (40, 400, 0.5), (100, 1000, 0.125), (200, 2000, 0.05))
)
MODULES: Final = {"B1517A": _MEDIUM, "B1511A": _MEDIUM, "B1511B": _MEDIUM, "B1510A": _HIGH}
STATUS: Final = {
    "N": Status.OK,
    "T": Status.OK,  # another channel of the box was limiting
    "C": Status.COMPLIANCE,
    "V": Status.OVERRANGE | Status.INVALID,
    "X": Status.INVALID,  # oscillating, or not settled
    "F": Status.INVALID,  # force saturation
}
_DATUM: Final = re.compile(r"([A-Z])([A-Za-z])([ITV])([+-]?\d+\.?\d*(?:E[+-]?\d+)?)$")


class KeysightB1500ASmu(KeysightB1500A, SourceMeasureUnit):
    """One SMU: sources voltage with compliance, measures current and voltage in one high-speed spot measurement."""

    models: ClassVar[tuple[str, ...]] = tuple(MODULES)

    def __init__(
        self, adapter: Adapter, limits: Limits, name: str = "B1500A SMU", channel: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(adapter, limits, name, channel, **kwargs)

    def forget(self) -> None:
        """No bias and no compliance are set, the output is off."""
        self.on = False
        self._configured = False
        self._force: str | None = None  # the command that sources the bias
        self._measure = ""
        self._asked = 0.0  # [A] compliance, to be read back
        self._verified = False

    def _setup(self) -> list[str]:
        """13 digits with status, channel and kind; the box's clock at zero."""
        return ["FMT 11,0", "TSR"]

    def _output_on(self) -> None:
        """Switch closed at 0 V, then the bias with its compliance in the same message: an SMU takes none before."""
        if self._force is None:
            raise InputError("no bias is configured, so no compliance is set; configure one before the output goes on")
        self.closes_output([f"CN {self.channel}", self._force])
        self._verify()

    def _configure(self, voltage: float, compliance: float, integration: float) -> None:
        """Checked before a byte; the bias itself goes out when the output is on."""
        source, measure = self._ranges(voltage, compliance)
        adc = _integration(integration)
        self._verified, self._asked = False, compliance
        self._force = self._forced(source, voltage, compliance, measure)
        self._measure = f"TTIV {self.channel},{-measure},{-source}"
        self._source, self._limit_code = source, measure
        self.settle([f"AAD {self.channel},0", adc, *([self._force] if self.on else [])])
        if self.on:
            self._verify()

    def _level(self, voltage: float) -> None:
        """The same range and compliance at another level."""
        self._force = self._forced(self._source, voltage, self._asked, self._limit_code)
        if self.on:
            self.settle([self._force])

    def _forced(self, source: int, voltage: float, compliance: float, measure: int) -> str:
        return f"DV {self.channel},{source},{flex(voltage)},{flex(compliance)},0,{measure}"

    def _ranges(self, voltage: float, compliance: float) -> tuple[int, int]:
        """Codes of the smallest ranges that hold voltage and compliance; `LimitError` where none does."""
        ranges = MODULES.get(self.box.modules.get(slot_of(self.channel), ""), _MEDIUM)
        check_least(compliance, LEAST_COMPLIANCE)
        source = next((one for one in ranges if abs(voltage) <= one.span), None)
        if source is None:
            raise LimitError(f"{text(voltage, 'V')} is beyond this module, {text(ranges[-1].span, 'V')}")
        if compliance > source.most:
            raise LimitError(
                f"a compliance of {text(compliance, 'A')} is too much on the {text(source.span, 'V')} range of this "
                f"module, at most {text(source.most, 'A')}"
            )
        return source.code, next(number for full, number in CURRENT_CODES.items() if compliance <= full * (1 + 1e-9))

    def _verify(self) -> None:
        """Read the compliance back, once a configuration; switches off if the box limits elsewhere."""
        if self._verified:
            return
        answer = self.ask(f"*LRN? {slot_of(self.channel)}").strip()
        found = re.match(r"DV\d+,[^,]+,[^,]+,([+-]?\d+\.?\d*(?:E[+-]?\d+)?)", answer)
        if found is None:
            self.off()
            raise InstrumentError(f"{self.name} says of its channel {answer!r}, where DV and a compliance belong")
        try:
            check_compliance(self.name, self._asked, float(found[1]))
        except InstrumentError:
            self.off()
            raise
        self._verified = True

    def measure(self, count: int = 1) -> list[Measurement]:
        """`count` high-speed spot measurements of current and voltage, each with its status."""
        return [one for _, one in self.measure_timed(count)]

    def measure_timed(self, count: int = 1) -> list[tuple[float, Measurement]]:
        """`count` measurements, each with the time of its start [s] on the clock of the box, 0.1 ms fine."""
        check_count(count, MOST_READINGS)
        if not self.on:
            raise InputError("a B1500A measures nothing while its output is off; switch it on before measuring")
        return [self._read(self.ask(self._measure).strip()) for _ in range(count)]

    def _read(self, reply: str) -> tuple[float, Measurement]:
        """One block of data such as ``NBT+0.00120E+00,NBI+1.234567E-06,NBV+100.0001E-03``."""
        found: dict[str, float] = {}
        status = Status.OK
        letter = chr(ord("A") + slot_of(self.channel) - 1)
        for datum in reply.split(","):
            parts = _DATUM.match(datum.strip())
            if parts is None or (parts[2] != letter and parts[3] != "T") or parts[3] in found:
                raise InstrumentError(
                    f"{self.name} answered {self._measure!r} with {reply!r}, where time, current and voltage belong"
                )
            found[parts[3]] = float(parts[4])
            if parts[3] != "T":
                status |= STATUS.get(parts[1], Status.INVALID)
        if found.keys() != {"T", "I", "V"}:
            raise InstrumentError(f"{self.name} answered {self._measure!r} with {reply!r}: something is missing")
        one = measurement(found["V"], found["I"], limited=bool(status & Status.COMPLIANCE))
        return found["T"], replace(one, status=one.status | status)


def _integration(cycles: float) -> str:
    """``AIT``: whole power line cycles, or samples of the converter where there is a fraction of one."""
    whole = round(cycles) if 0 < cycles <= MOST_CYCLES else 0
    if whole >= 1 and abs(cycles - whole) < 1e-9:
        return f"AIT 0,2,{whole}"
    samples = round(cycles * SAMPLES) if 0 < cycles <= MOST_CYCLES else 0
    if not 1 <= samples <= MOST_SAMPLES:
        raise InputError(
            f"an integration of {cycles:g} power line cycles is beyond this instrument: 1/{SAMPLES} to 7.99, "
            f"or a whole number up to {MOST_CYCLES}"
        )
    return f"AIT 0,1,{samples}"
