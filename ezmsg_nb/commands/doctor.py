"""``ezmsg-nb doctor``: what is wrong at an address, and what to do about it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator

from kernel_runtime.doctor import ExaminedProcess, ExaminedSession, Report, end_orphans, examine
from kernel_runtime.local_processes import is_alive
from kernel_runtime.shared_memory import can_be_listed, remove_segment

from . import addresses

SHOWN_NAMES = 6
SHOWN_SEGMENTS = 10


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "doctor", help="look at a GraphServer, its processes and what they left behind"
    )
    parser.add_argument(
        "address",
        nargs="?",
        metavar="HOST:PORT",
        help=addresses.HELP,
    )
    parser.add_argument(
        "--timeout", type=float, default=3.0, metavar="SECONDS", help="for connecting (default 3)"
    )
    parser.add_argument(
        "--end-orphans",
        action="store_true",
        help="end unit processes of this machine whose pipeline has ended, after asking",
    )
    parser.add_argument(
        "--remove-shared-memory",
        action="store_true",
        help="remove shared memory of ezmsg that no process of this machine uses",
    )
    parser.add_argument("--yes", action="store_true", help="end orphans without asking")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; returns 0 where all is well, and 1 where something is not."""
    try:
        address = addresses.chosen_address(arguments.address)
        report = asyncio.run(examine(address, timeout=arguments.timeout))
    except ValueError as error:
        print(f"ezmsg-nb: {error}", file=sys.stderr)
        return 2
    for line in _lines(report):
        print(line)
    if report.trouble:
        print(*addresses.servers_elsewhere(address), sep="\n")
    mended = True
    if arguments.end_orphans:
        mended &= _end_orphans(report, ask=not arguments.yes)
    if arguments.remove_shared_memory:
        mended &= _remove_segments(report)
    wanted = arguments.end_orphans or arguments.remove_shared_memory
    return 0 if report.is_well or (wanted and mended and not report.trouble) else 1


def _lines(report: Report) -> Iterator[str]:
    if report.trouble:
        yield f"{report.address}: not reachable"
        yield f"  {report.trouble.partition(' `ezmsg-nb doctor')[0]}"
    else:
        yield f"{report.address}: reachable"
        yield f"  ezmsg {report.server_version} there, {report.kernel_version} here"
        for warning in report.warnings:
            yield f"  ! {warning}"
        yield from _process_lines(report)
        yield from _session_lines(report)
    yield from _lost_lines(report)
    yield from _segment_lines(report)
    if report.is_well:
        yield "All is well."
    elif not report.trouble:
        yield "Marked with ! above: what needs a look."


def _process_lines(report: Report) -> Iterator[str]:
    answering = sum(process.rtt_s is not None for process in report.processes)
    yield f"Processes: {len(report.processes)}, of which {answering} answer"
    for process in report.processes:
        mark = " " if process.is_well else "!"
        yield f"{mark} {_whose(process)} ({_names(process.units)}): {_state(process)}"
        if process.advice:
            yield f"    {process.advice}"


def _whose(process: ExaminedProcess) -> str:
    return f"pid {process.pid} on {process.host}"


def _state(process: ExaminedProcess) -> str:
    life = {True: "lives", False: "has ended", None: "not to be seen from here"}[process.alive]
    if process.rtt_s is not None:
        answer = f"answers in {process.rtt_s * 1e3:.1f} ms"
        return f"orphaned, {answer}" if process.orphan else answer
    if not process.units:
        return f"owns no units; {life}"
    return f"no answer; {'orphaned, ' if process.orphan else ''}{life}"


def _session_lines(report: Report) -> Iterator[str]:
    yield f"Sessions that hold something: {len(report.sessions)}"
    for session in report.sessions:
        mark = "!" if session.blocks else " "
        yield f"{mark} {session.session_id}: {_holds(session)}"
        for runner in session.runners:
            state = "orphaned" if runner.orphan else _life(runner)
            yield f"    run by {_whose(runner)} ({_names(runner.units)}), {state}"
        if session.advice:
            yield f"    {session.advice}"


def _lost_lines(report: Report) -> Iterator[str]:
    if report.lost:
        yield f"! Processes whose GraphServer at {report.address} has ended: {len(report.lost)}"
    for process in report.lost:
        yield f"    pid {process.pid}: {process.command}"
        yield f"        {process.advice}"


def _holds(session: ExaminedSession) -> str:
    parts = []
    if session.components:
        parts.append(f"{len(session.components)} addresses ({_names(session.components)})")
    if session.edges:
        parts.append(f"{session.edges} connections")
    return ", ".join(parts)


def _life(process: ExaminedProcess) -> str:
    return {True: "lives", False: "ended", None: "elsewhere"}[is_alive(process.pid, process.host)]


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:SHOWN_NAMES])
    return f"{shown} and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else shown


def _segment_lines(report: Report) -> Iterator[str]:
    if not can_be_listed():
        yield "Shared memory: can't be listed on this platform"
        return
    total = sum(segment.size for segment in report.segments)
    if not report.segments:
        yield "Shared memory: nothing left over"
        return
    yield f"! Shared memory: {len(report.segments)} segments ({total / 1e6:.1f} MB) left over"
    for segment in report.segments[:SHOWN_SEGMENTS]:
        yield f"    /dev/shm/{segment.name}, {segment.size / 1e6:.1f} MB"
    if len(report.segments) > SHOWN_SEGMENTS:
        yield f"    and {len(report.segments) - SHOWN_SEGMENTS} more"
    yield "    No process of this machine uses them: --remove-shared-memory removes them."


def _end_orphans(report: Report, *, ask: bool) -> bool:
    if not report.orphans:
        print("There are no orphans to end.")
        return True
    pids = ", ".join(str(process.pid) for process in report.orphans)
    if ask:
        if not sys.stdin.isatty():
            print("ezmsg-nb: nobody can be asked here; give --yes to end them", file=sys.stderr)
            return False
        if input(f"End the processes {pids}? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was ended.")
            return False
    outcome = end_orphans(report.orphans)
    for pid, how in sorted(outcome.items()):
        print(f"pid {pid}: {how}")
    return all(how.startswith(("ended", "killed", "had ended")) for how in outcome.values())


def _remove_segments(report: Report) -> bool:
    for segment in report.segments:
        gone = remove_segment(segment)
        print(f"/dev/shm/{segment.name}: {'removed' if gone else 'in use after all, or gone'}")
    return True
