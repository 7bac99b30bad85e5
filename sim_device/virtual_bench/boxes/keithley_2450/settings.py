"""Settings of the 2450 twin: names, bounds and defaults, and which headers set them.

Source: Model 2450 Reference Manual, 2450-901-01 Rev. B, section 6, and the data sheet for ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sim_device.virtual_bench.boxes.common.meter import HEADROOM
from sim_device.virtual_bench.languages.scpi_settings import Choice, Flag, Number, Setting, SettingsTwin

VOLTAGE_RANGES: Final = (0.02, 0.2, 2.0, 20.0, 200.0)  # [V]
CURRENT_RANGES: Final = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # [A]
RESISTANCE_RANGES: Final = tuple(2.0 * 10.0**decade for decade in range(1, 9))  # [ohm]
RANGES: Final = {"VOLT": VOLTAGE_RANGES, "CURR": CURRENT_RANGES, "RES": RESISTANCE_RANGES}


def _most_current(twin: SettingsTwin, _: int) -> float:
    """1.05 A up to 20 V, 105 mA on the 200 V range."""
    return 1.05 if twin.value("VOLT source range") <= 20 else 0.105


def _end(name: str, sign: float) -> Any:
    """End of a source range, or of the largest one while the range follows the level."""

    def bound(twin: SettingsTwin, _: int) -> float:
        auto, largest = twin.value(f"{name} source auto"), RANGES[name][-1]
        return sign * HEADROOM * (largest if auto else twin.value(f"{name} source range"))

    return bound


def _source_settings(function: str, name: str, unit: str, limit: Setting) -> tuple[Setting, ...]:
    at, full = f":SOURce#1:{function}", RANGES[name][-1] * HEADROOM
    return (
        Number(f"{at}:RANGe", f"{name} source range", unit, -full, full, RANGES[name][0]),
        Flag(f"{at}:RANGe:AUTO", f"{name} source auto", True),
        Number(f"{at}[:LEVel][:IMMediate][:AMPLitude]", f"{name} level", unit, _end(name, -1), _end(name, 1), 0),
        Flag(f"{at}:READ:BACK", f"{name} readback", True),
        Number(f"{at}:DELay", f"{name} delay", "S", 0, 1e4, 0),
        Flag(f"{at}:DELay:AUTO", f"{name} delay auto", True),
        limit,
    )


def _sense_settings(function: str, name: str, unit: str) -> tuple[Setting, ...]:
    at, ranges = f":SENSe#1:{function}", RANGES[name]
    return (
        Number(f"{at}:RANGe[:UPPer]", f"{name} range", unit, 0, ranges[-1] * HEADROOM, ranges[0]),
        Flag(f"{at}:RANGe:AUTO", f"{name} auto", True),
        Number(f"{at}:NPLCycles", f"{name} nplc", "", 0.01, 10, 1),
        Flag(f"{at}:AZERo[:STATe]", f"{name} autozero", True),
        Flag(f"{at}:RSENse", f"{name} four wire", False),
        Flag(f"{at}:AVERage[:STATe]", f"{name} filter", False),
        Number(f"{at}:AVERage:COUNt", f"{name} filter count", "", 1, 100, 10, whole=True),
        Choice(f"{at}:AVERage:TCONtrol", f"{name} filter kind", ("REPeat", "MOVing")),
    )


@dataclass(frozen=True)
class SenseFunction(Choice):
    """What is measured, kept as VOLT, CURR or RES and answered as ``"CURR:DC"``."""

    def parse(self, twin: SettingsTwin, channel: int, text: str) -> str:
        """Either form, with or without ``:DC``."""
        return super().parse(twin, channel, text).split(":")[0]

    def show(self, value: str) -> str:
        """As the instrument answers."""
        return '"RES"' if value == "RES" else f'"{value}:DC"'


SENSED: Final = ("CURRent", "CURRent:DC", "VOLTage", "VOLTage:DC", "RESistance")
SETTINGS: Final[tuple[Setting, ...]] = (
    Choice("[:SOURce#1]:FUNCtion[:MODE]", "source", ("VOLTage", "CURRent")),
    *_source_settings(
        "VOLTage",
        "VOLT",
        "V",
        Number(":SOURce#1:VOLTage:ILIMit[:LEVel]", "VOLT limit", "A", 1e-9, _most_current, 1.05e-4),
    ),
    *_source_settings(
        "CURRent", "CURR", "A", Number(":SOURce#1:CURRent:VLIMit[:LEVel]", "CURR limit", "V", 0.02, 210, 0.21)
    ),
    SenseFunction(":SENSe#1:FUNCtion[:ON]", "sense", SENSED, quoted=True),
    *_sense_settings("VOLTage[:DC]", "VOLT", "V"),
    *_sense_settings("CURRent[:DC]", "CURR", "A"),
    *_sense_settings("RESistance", "RES", "OHM"),
    Number(":SENSe#1:COUNt", "count", "", 1, 300_000, 1, whole=True),
    Flag(":OUTPut#1[:STATe]", "output", False),
    Choice(":OUTPut#1[:VOLTage]:SMODe", "VOLT off state", ("NORMal", "HIMPedance", "ZERO", "GUARd")),
    Choice(":OUTPut#1:CURRent:SMODe", "CURR off state", ("NORMal", "HIMPedance", "ZERO", "GUARd")),
    Choice(":ROUTe:TERMinals", "terminals", ("FRONt", "REAR")),
    Choice(":FORMat[:DATA]", "format", ("ASCii", "REAL", "SREal")),
    Number(":FORMat:ASCii:PRECision", "precision", "", 0, 16, 0, whole=True),
)
