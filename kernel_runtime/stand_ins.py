"""Values of classes that are not imported here, kept as data."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar, cast

MAX_COMPARISONS = 200_000


class Sealed(type):
    """Metaclass of everything that a pickle may hold a class reference to."""

    def __setattr__(cls, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"the message tries to change the class {cls.__name__}")

    def __delattr__(cls, name: str) -> None:
        raise pickle.UnpicklingError(f"the message tries to change the class {cls.__name__}")


class Reading:
    """Whether the message that stand-ins came with is still being read, and how they compare then.

    A dict or set that is read compares keys of equal hash. Until its end, a stand-in equals
    only itself, whatever it holds, and that many comparisons are too many.
    """

    __slots__ = ("comparisons_left", "is_over")

    def __init__(self) -> None:
        self.is_over = False
        self.comparisons_left = MAX_COMPARISONS

    def compare(self, one: object, other: object) -> bool:
        self.comparisons_left -= 1
        if self.comparisons_left < 0:
            raise pickle.UnpicklingError("too many of its keys are of the same foreign class")
        return one is other


class StandIn(metaclass=Sealed):
    """A value whose class is not on the allow-list, kept as data.

    Attributes
    ----------
    module, qualname
        Where its class, or the function that would have made it, says it lives.
    args, kwargs
        The arguments that it would have been made with.
    state
        What its pickle would have set on it, None where nothing.
    items
        What would have been appended or stored in it, in order; pairs for key and value.
    """

    module = ""
    qualname = ""
    _reading: ClassVar[Reading | None] = None

    def __init__(self, *args: object, **kwargs: object) -> None:
        # The pickle may skip __init__ (NEWOBJ); __new__ below makes the fields first.
        self.args = args
        self.kwargs = kwargs

    def __new__(cls, *args: object, **kwargs: object) -> StandIn:
        made = object.__new__(cls)
        made.args = args
        made.kwargs = kwargs
        made.state = None
        made.items = []
        return made

    args: tuple[object, ...]
    kwargs: dict[str, object]
    state: Any
    items: list[object]

    def __setstate__(self, state: object) -> None:
        object.__setattr__(self, "state", state)

    def append(self, item: object) -> None:
        self.items.append(item)

    def extend(self, items: list[object]) -> None:
        self.items.extend(items)

    def add(self, item: object) -> None:
        self.items.append(item)

    def __setitem__(self, key: object, value: object) -> None:
        self.items.append((key, value))

    def __getattr__(self, name: str) -> Any:
        # Lets metadata classes of another ezmsg version be read like those of this one.
        state = self.__dict__.get("state")
        if isinstance(state, dict) and name in state:
            return state[name]
        raise AttributeError(f"{type(self).qualname!r} stand-in has no attribute {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StandIn):
            return NotImplemented
        reading = type(self)._reading
        if reading is not None and not reading.is_over:
            return reading.compare(self, other)
        return (self.module, self.qualname, self.args, self.kwargs, self.state, self.items) == (
            other.module,
            other.qualname,
            other.args,
            other.kwargs,
            other.state,
            other.items,
        )

    def __hash__(self) -> int:
        return hash((self.module, self.qualname))

    def __reduce__(self) -> tuple[object, ...]:
        return (
            _restore_stand_in,
            (self.module, self.qualname, self.args, self.kwargs, self.state, self.items),
        )

    def __repr__(self) -> str:
        shown = ", ".join(
            [
                *(repr(arg) for arg in self.args),
                *(f"{name}={value!r}" for name, value in self.kwargs.items()),
            ]
        )
        return f"<{self.module}.{self.qualname}({shown}), not imported here>"


def stand_in_class(module: str, qualname: str, reading: Reading | None = None) -> type[StandIn]:
    made = Sealed(
        qualname.rpartition(".")[2] or "StandIn",
        (StandIn,),
        {"module": module, "qualname": qualname, "__module__": __name__, "_reading": reading},
    )
    return cast(type[StandIn], made)


def _restore_stand_in(
    module: str,
    qualname: str,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    state: object,
    items: list[object],
) -> StandIn:
    made = stand_in_class(module, qualname)(*args, **kwargs)
    made.state = state
    made.items = items
    return made
