"""``labshd virtual-bench STATION``: serve the virtual instruments over TCP to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labshd.cli import common

if TYPE_CHECKING:
    from sim_device.virtual_bench.reach.server import BenchServer

LOOPBACK = ("127.0.0.1", "localhost")


@click.command(short_help="Serve the virtual instruments of a station over TCP.")
@click.argument("station", type=common.FILE)
@click.option("--host", default=LOOPBACK[0], show_default=True, help="Address to listen on.")
@click.option(
    "--first-port", default=5025, show_default=True, help="TCP port of the first one; with 0 the system chooses."
)
@click.option("--allow-remote", is_flag=True, help="Allow connections from other machines.")
@click.option("--seed", type=int, help="Which devices, and their noise  [default: that of the station].")
@common.as_json
def command(station: Path, host: str, first_port: int, allow_remote: bool, seed: int | None, as_json: bool) -> int:
    """Serve the virtual twins of STATION until Ctrl-C, and print the resource name of each.

    Each listens on a raw socket, where messages end in a line feed, and all of them by HiSLIP on the port after those.
    What instruments do takes no time here, but their clock moves on as if it did.
    """
    from instruments.errors import InputError

    if host not in LOOPBACK and not allow_remote:
        raise InputError(
            f"--host {host} lets other machines reach the virtual bench, which asks nobody who they are; "
            "add --allow-remote if that is meant, or leave --host away"
        )
    if host not in LOOPBACK:
        click.echo(f"warning: anyone who reaches {host} can use this virtual bench", err=True)
    with _opened(station, seed, host, first_port) as server:
        _print(server, as_json)
        try:
            server.serve()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
    return 0


def _opened(station: Path, seed: int | None, host: str, first_port: int) -> BenchServer:
    """The server, listening; `InputError` for a simulated station or a port that is taken."""
    from instruments.errors import InputError
    from labshd.station.boxes import boxes, named_roles
    from labshd.station.rehearsal import virtual_bench
    from labshd.station.schema import BenchFile
    from labshd.station.station_file import read_station_file
    from sim_device.virtual_bench.reach.server import BenchServer, SkippingClock

    file, toml = read_station_file(station)
    if not isinstance(file, BenchFile):
        raise InputError(f"{station} is simulated: it has no instruments to serve")
    ports = virtual_bench(file, toml.path.parent, seed=seed, clock=SkippingClock()).ports()
    by_role = {role: ports[box.resource] for box in boxes(named_roles(file.instruments)) for role in box.roles}
    try:
        return BenchServer(by_role, host, first_port)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}, ports {first_port} to {first_port + len(by_role)}: {error.strerror}; "
            "choose another with --first-port, or 0 to let the system choose"
        ) from error


def _print(server: BenchServer, as_json: bool) -> None:
    sockets, hislip = server.resources(), server.hislip_resources()
    if as_json:
        common.print_json({"resources": sockets, "hislip": hislip})
        return
    common.print_facts((role, f"{sockets[role]}  or  {hislip[role]}") for role in sockets)
    click.echo("Ctrl-C ends it.")
