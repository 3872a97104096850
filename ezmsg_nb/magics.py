"""``%ezmsg``, ``%%ezmsg_run``, and what the Tab key knows of graphs."""

# IPython is typed in part.
# mypy: disallow-untyped-calls=false

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)
from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from kernel_runtime.host.definition import GraphDefinition

from .live_graph import LiveGraph
from .start import connect, run

DEFAULT_NAME = "g"
_ARGUMENTS = {
    "COMPONENTS": "components",
    "CONNECTIONS": "connections",
    "PROCESS_COMPONENTS": "process_components",
    "ROOT_NAME": "root_name",
}
_USAGE = "%ezmsg shows the graphs of this notebook; %ezmsg attach ADDRESS [NAME] opens one."
# A graph's method up to an open quote: g.trace(["A", "B
_IN_STRING = re.compile(
    r"(?P<graph>[A-Za-z_]\w*)\.(?P<method>trace|tap|scope|logs|connect|disconnect)"
    r"\((?P<before>[^()]*)(?P<quote>['\"])(?P<text>[^'\"]*)$"
)
_IN_KEY = re.compile(r"(?P<graph>[A-Za-z_]\w*)\.settings\[(?P<quote>['\"])(?P<text>[^'\"]*)$")
_IN_FIELD = re.compile(
    r"(?P<graph>[A-Za-z_]\w*)\.settings\[['\"](?P<unit>[^'\"]*)['\"]\]"
    r"\[(?P<quote>['\"])(?P<text>[^'\"]*)$"
)
_IN_MAGIC = re.compile(r"^%ezmsg\s+(?P<text>\w*)$")


@magics_class
class EzmsgMagics(Magics):
    """The magics of this package."""

    shell: InteractiveShell

    @line_magic
    def ezmsg(self, line: str) -> LiveGraph | None:
        """``%ezmsg``: what graphs there are. ``%ezmsg attach ADDRESS [NAME]``: open one."""
        command, *arguments = line.split() or ["status"]
        if command == "attach" and 1 <= len(arguments) <= 2:
            name = arguments[1] if len(arguments) == 2 else DEFAULT_NAME
            graph = connect(arguments[0])
            self.shell.push({name: graph})
            return graph
        if command != "status" or arguments:
            raise UsageError(_USAGE)
        for text in _status(self.shell.user_ns):
            print(text)
        return None

    @cell_magic
    def ezmsg_run(self, line: str, cell: str) -> LiveGraph | None:
        """``%%ezmsg_run [NAME]``: run the cell, then the graph that it defines.

        The cell assigns ``COMPONENTS``, a mapping of names to units, and where wanted
        ``CONNECTIONS``, ``PROCESS_COMPONENTS`` and ``ROOT_NAME``. The graph is then `g`, or
        NAME. Run again, the cell starts its graph in the place of the one before, with the
        settings that were edited meanwhile.
        """
        name = line.strip() or DEFAULT_NAME
        if not name.isidentifier():
            raise UsageError(f"%%ezmsg_run takes the name of a variable, not {name!r}.")
        for variable in _ARGUMENTS:
            self.shell.user_ns.pop(variable, None)
        outcome = self.shell.run_cell(cell)
        if not outcome.success:
            # The cell's own traceback has been shown.
            return None
        found = self.shell.user_ns
        if not isinstance(found.get("COMPONENTS"), dict):
            raise UsageError(
                "The cell defines no COMPONENTS. Assign a dict, such as "
                'COMPONENTS = {"SOURCE": source, "SINK": sink}.'
            )
        arguments = {
            argument: found[variable]
            for variable, argument in _ARGUMENTS.items()
            if variable in found
        }
        graph = found.get(name)
        if isinstance(graph, LiveGraph) and graph.can_restart:
            graph.restart_as(
                GraphDefinition.define(
                    **{"connections": None, "process_components": None, "root_name": None}
                    | arguments
                )
            )
        else:
            graph = run(**arguments)
            self.shell.push({name: graph})
        return graph


def _graphs(namespace: dict[str, Any]) -> Iterator[tuple[str, LiveGraph]]:
    for name, value in list(namespace.items()):
        # What IPython keeps as output has a name with an underscore.
        if isinstance(value, LiveGraph) and not name.startswith("_"):
            yield name, value


def _status(namespace: dict[str, Any]) -> Iterator[str]:
    found = False
    for name, graph in _graphs(namespace):
        found = True
        trouble = "" if graph.status == "connected" else f" {graph.status_text}"
        yield f"{name}: {graph!r}{trouble}"
        yield from (f"    {warning}" for warning in graph.warnings)
    if not found:
        yield "No graph in this notebook. Start one with ezmsg_nb.run(...), or attach to one:"
        yield "    %ezmsg attach HOST:PORT"


# -- the Tab key ------------------------------------------------------------------------------


@context_matcher(identifier="ezmsg_nb")  # type: ignore[untyped-decorator]
def graph_matcher(context: CompletionContext) -> SimpleMatcherResult:
    """Units, topics and fields inside strings that are given to a graph."""
    shell = get_ipython()
    line = context.line_with_cursor[: context.cursor_position]
    namespace = shell.user_ns if shell is not None else {}
    found = [
        # IPython replaces its own idea of the word, which may begin within the name.
        SimpleCompletion(name[max(0, len(text) - len(context.token)) :], type="graph")
        for text, name in _offers(line, namespace)
        if name.startswith(text)
    ]
    return {"completions": found, "suppress": bool(found)}


def _offers(line: str, namespace: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Pairs of what is typed so far and a name that may be meant."""
    if match := _IN_MAGIC.search(line):
        yield from ((match["text"], command) for command in ("attach", "status"))
        return
    match = _IN_FIELD.search(line) or _IN_KEY.search(line) or _IN_STRING.search(line)
    graph = namespace.get(match["graph"]) if match else None
    if match is None or not isinstance(graph, LiveGraph):
        return
    names: Iterable[str]
    if match.re is _IN_FIELD:
        names = graph.settings.get(match["unit"], ())
    elif match.re is _IN_KEY:
        names = graph.settings
    elif match["method"] == "logs":
        names = graph.unit_names
    else:
        names = graph.topic_names
    yield from ((match["text"], name) for name in names)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext ezmsg_nb``: the magics, and completion in strings."""
    shell.register_magics(EzmsgMagics)
    if graph_matcher not in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.append(graph_matcher)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """``%unload_ext ezmsg_nb``: without the completion; magics stay, as IPython has it."""
    if graph_matcher in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(graph_matcher)
