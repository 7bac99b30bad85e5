"""Settings of a channel of the 2600B twin: names, defaults, bounds and ranges.

Source: Series 2600B System SourceMeter Reference Manual, 2600BS-901-01, section 7, and the 2636B data sheet for ranges.
"""

from __future__ import annotations

from typing import Final

VOLTAGE_RANGES: Final = (0.2, 2.0, 20.0, 200.0)  # [V]
CURRENT_RANGES: Final = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1.5)  # [A]
OUT_OF_RANGE: Final = 1102  # "Parameter too big"
VOLTAGE_LIMIT, CURRENT_LIMIT = 1.0, 2.0  # bits of status.measurement.instrument.smuX
CONSTANTS: Final = {
    "OUTPUT_OFF": 0.0, "OUTPUT_ON": 1.0, "OUTPUT_HIGH_Z": 2.0, "OUTPUT_DCAMPS": 0.0, "OUTPUT_DCVOLTS": 1.0,
    "OUTPUT_NORMAL": 0.0, "OUTPUT_ZERO": 2.0, "SENSE_LOCAL": 0.0, "SENSE_REMOTE": 1.0,
    "AUTORANGE_OFF": 0.0, "AUTORANGE_ON": 1.0, "AUTOZERO_OFF": 0.0, "AUTOZERO_ONCE": 1.0, "AUTOZERO_AUTO": 2.0,
    "FILTER_OFF": 0.0, "FILTER_ON": 1.0,
}  # fmt: skip
DEFAULTS: Final = {
    "source.func": 1.0, "source.output": 0.0, "source.offmode": 0.0, "source.levelv": 0.0, "source.leveli": 0.0,
    "source.limitv": 20.0, "source.limiti": 0.1, "source.rangev": 0.2, "source.rangei": 1e-9, "source.autorangev": 1.0,
    "source.autorangei": 1.0, "source.delay": 0.0, "source.settling": 0.0, "sense": 0.0, "measure.nplc": 1.0,
    "measure.count": 1.0, "measure.autozero": 2.0, "measure.autorangei": 1.0, "measure.autorangev": 1.0,
    "measure.rangei": 1e-9, "measure.rangev": 0.2, "measure.delay": 0.0, "measure.interval": 0.0,
    "measure.filter.enable": 0.0, "measure.filter.count": 1.0,
}  # fmt: skip
BOUNDS: Final = {
    "source.levelv": (-210.0, 210.0), "source.leveli": (-1.515, 1.515), "source.limitv": (2e-2, 210.0),
    "source.limiti": (1e-10, 1.515), "measure.nplc": (0.001, 25.0), "measure.count": (1.0, 60_000.0),
    "source.output": (0.0, 2.0), "source.func": (0.0, 1.0), "source.delay": (0.0, 1e4), "measure.delay": (0.0, 1e4),
}  # fmt: skip
RANGED: Final = {
    "source.rangev": ("source.autorangev", VOLTAGE_RANGES), "source.rangei": ("source.autorangei", CURRENT_RANGES),
    "measure.rangev": ("measure.autorangev", VOLTAGE_RANGES), "measure.rangei": ("measure.autorangei", CURRENT_RANGES),
}  # fmt: skip
