"""``ezmsg-nb status``: a graph on one screen: units, rates, problems."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict

from kernel_runtime.address import Address
from kernel_runtime.context import KernelGraphContext
from kernel_runtime.errors import GraphError, GraphServerUnavailableError
from kernel_runtime.graph_status import GraphStatus, UnitStatus, graph_status
from kernel_runtime.profiling.rates import Counts, count_messages

from . import addresses

WINDOW_S = 1.0
SHORTEST_S = 0.2
CLEAR_SCREEN = "\x1b[H\x1b[2J"
COLUMNS = ("unit", "type", "process", "in /s", "out /s", "buffers")
LEFT_ALIGNED = 3


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "status",
        help="one screen of a running graph: units, rates, problems",
        description="Shows the units of a running graph with their messages per second, and "
        "what is wrong. Only reads. Exits with 0 where nothing is wrong, else with 1.",
    )
    parser.add_argument(
        "address",
        nargs="?",
        metavar="HOST:PORT",
        help=addresses.HELP,
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=WINDOW_S,
        metavar="SECONDS",
        help="go on, with new rates every SECONDS (1 where not given), until Ctrl-C",
    )
    parser.add_argument(
        "--json", action="store_true", help="print a JSON object; with --watch one a line"
    )
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not SHORTEST_S <= value <= 3600:
        raise argparse.ArgumentTypeError(f"from {SHORTEST_S:g} to 3600 seconds, not {text}")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Print the status once, or until interrupted; returns 0 where nothing is wrong."""
    try:
        address = addresses.chosen_address(arguments.address)
    except ValueError as error:
        print(f"ezmsg-nb: {error}", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_show(address, arguments.watch, as_json=arguments.json))
    except KeyboardInterrupt:
        return 0
    except GraphError as error:
        print(f"ezmsg-nb: {error}", file=sys.stderr)
        if isinstance(error, GraphServerUnavailableError):
            print(*addresses.servers_elsewhere(address), sep="\n", file=sys.stderr)
        return 1


async def _show(address: Address, every_s: float | None, *, as_json: bool) -> int:
    on_terminal = every_s is not None and not as_json and sys.stdout.isatty()
    async for status in _statuses(address, every_s or WINDOW_S):
        if as_json:
            text = json.dumps(asdict(status), indent=None if every_s else 2)
        else:
            text = page(status, shutil.get_terminal_size().columns)
        print((CLEAR_SCREEN if on_terminal else "") + text, flush=True)
        if every_s is None:
            return 1 if status.problems else 0
    return 0


async def _statuses(address: Address, every_s: float) -> AsyncIterator[GraphStatus]:
    async with KernelGraphContext(address) as context:
        before: Counts | None = None
        while True:
            snapshot = await context.snapshot()
            after = await count_messages(context, snapshot)
            if before is not None:
                yield graph_status(
                    str(address),
                    context.server_version,
                    context.warnings,
                    snapshot,
                    before,
                    after,
                )
            before = after
            await asyncio.sleep(every_s)


def page(status: GraphStatus, width: int) -> str:
    """The status as lines no longer than a width."""
    lines = [
        f"{status.address}  ezmsg {status.server_version}  {time.strftime('%H:%M:%S')}",
        f"{len(status.units)} units in {status.processes} processes, {status.edges} connections; "
        f"rates of the last {status.window_s:.1f} s",
        "",
        *_table([COLUMNS, *map(_row, status.units)]),
        "",
    ]
    if status.problems:
        lines.append("Problems:")
        lines.extend(f"! {problem}" for problem in status.problems)
        lines.append(f"`ezmsg-nb doctor {status.address}` says what to do.")
    else:
        lines.append("No problems seen.")
    return "\n".join(line[:width].rstrip() if "!" not in line[:1] else line for line in lines)


def _row(unit: UnitStatus) -> tuple[str, ...]:
    process = f"{unit.pid}@{unit.host}" if unit.pid is not None else "none"
    return (
        unit.unit,
        unit.type,
        process if unit.answers else f"{process} (no answer)",
        _hz(unit.in_hz),
        _hz(unit.out_hz),
        "" if unit.buffers is None else f"{unit.buffers:.0%}",
    )


def _hz(rate_hz: float | None) -> str:
    return "" if rate_hz is None else f"{rate_hz:,.1f}"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    return [
        "  ".join(
            cell.ljust(width) if place < LEFT_ALIGNED else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
