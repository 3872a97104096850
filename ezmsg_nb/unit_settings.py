"""Settings of one unit, as a mapping that checks, sends and confirms."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from kernel_runtime.errors import SettingsRejectedError
from kernel_runtime.settings.outcomes import EditOutcome
from kernel_runtime.settings.schema import FieldSpec
from kernel_runtime.settings.store import same_value

from .frames import settings_frame

if TYPE_CHECKING:
    from .graph_settings import GraphSettings


class UnitSettings(MutableMapping[str, Any]):
    """Settings of one unit: dotted field path -> value.

    Assigning sends the value and returns once the unit holds it (a graph of our host) or
    its owner has reported it (elsewhere); else it raises.
    """

    def __init__(self, graph: GraphSettings, unit: str) -> None:
        self._graph = graph
        self._unit = unit

    @property
    def schema(self) -> tuple[FieldSpec, ...]:
        """What is known of each field."""
        return self._graph.known.fields(self._unit)

    def __getitem__(self, path: str) -> Any:
        values = self._graph.known.values_of(self._unit)
        if path not in values:
            raise KeyError(f"{self._unit!r} has no setting {path!r}. It has: {', '.join(values)}.")
        return values[path]

    def __setitem__(self, path: str, value: object) -> None:
        self._graph.apply({self._unit: {path: value}})

    def __delitem__(self, path: str) -> None:
        raise TypeError("A setting can't be removed; `reset` puts its initial value back.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.known.values_of(self._unit))

    def __len__(self) -> int:
        return len(self._graph.known.values_of(self._unit))

    def update(  # type: ignore[override]
        self, *args: Any, **fields: object
    ) -> dict[str, EditOutcome]:
        """Set several fields, given as a mapping of dotted paths or by name.

        All are checked before anything is sent. They are one published value in a graph of our
        host, and elsewhere where their class may be used (``connect(..., use_classes=True)``).
        Else they go one by one, and those sent are put back when one fails.

        Returns
        -------
        dict
            Field path -> what became of it; its ``note`` says where this was not atomic, and why.
        """
        return self._graph.apply({self._unit: dict(*args, **fields)}).get(self._unit, {})

    def reset(self, *paths: str) -> None:
        """Put fields, or all of them, back to what the unit was registered with."""
        initial, now = (
            self._graph.known.initial(self._unit),
            self._graph.known.values_of(self._unit),
        )
        unknown = [path for path in paths if path not in initial]
        if unknown or not initial:
            raise SettingsRejectedError(
                f"The initial values of {self._unit!r} are not known here"
                + (f" for {', '.join(unknown)}." if unknown else "."),
                unit=self._unit,
            )
        wanted = {
            path: initial[path]
            for path in (paths or initial)
            if not same_value(now.get(path), initial[path])
        }
        self._graph.apply({self._unit: wanted})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def __repr__(self) -> str:
        shown = ", ".join(f"{path}={value!r}" for path, value in self.items())
        return f"<settings of {self._unit}: {shown}>"

    def _repr_html_(self) -> str:
        frame = settings_frame({self._unit: dict(self)})[["field", "value"]]
        return str(frame.to_html(index=False))
