"""What twins say besides measuring: the safety interlock and the calibration date."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from sim_device.virtual_bench.languages.scpi_common import no_arguments
from sim_device.virtual_bench.languages.scpi_tree import CommandTree, Entry

if TYPE_CHECKING:
    from sim_device.virtual_bench.languages.scpi import ScpiTwin

CALIBRATED: Final = date(2025, 3, 12)
DUE: Final = date(2026, 3, 12)
CALIBRATED_AT: Final = datetime(2025, 3, 12, 9, 30, tzinfo=UTC).timestamp()
DUE_AT: Final = datetime(2026, 3, 12, 9, 30, tzinfo=UTC).timestamp()


def add_interlock(tree: CommandTree) -> CommandTree:
    """``:OUTPut[1]:INTerlock:TRIPped?``: 1 where the line is asserted and outputs may be used (`interlock_closed`)."""
    tree.add(":OUTPut#1:INTerlock:TRIPped", Entry(query=no_arguments(_closed)))
    return tree


def _closed(twin: ScpiTwin) -> str:
    return str(int(getattr(twin, "interlock_closed", True)))


def add_calibration_dates(tree: CommandTree) -> CommandTree:
    """``:CALibration:PROTected:DATE?`` and ``:NDUE?`` as year, month, day."""
    for keyword, when in (("DATE", CALIBRATED), ("NDUE", DUE)):
        said = f"{when:%Y,%m,%d}"
        tree.add(f":CALibration:PROTected:{keyword}", Entry(query=no_arguments(lambda _, said=said: said)))
    return tree
