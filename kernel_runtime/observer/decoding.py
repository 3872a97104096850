"""Messages of a pipeline, decoded in the kernel: with which classes, and which not."""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

from ..errors import UnsafePayloadError

_BUILTINS = {
    *("complex", "set", "frozenset", "bytearray", "range", "slice", "int", "float", "str"),
    *("list", "tuple", "dict", "bytes", "bool"),
}
_ALLOWED = {
    ("collections", "OrderedDict"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("uuid", "UUID"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *(
        (f"numpy.{core}.multiarray", name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    ),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}
_ALLOWED_MODULE = "ezmsg.util.messages."


class _MessageUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        own = module == "__main__" and isinstance(
            getattr(sys.modules["__main__"], name.partition(".")[0], None), type
        )
        if (
            own
            or (module == "builtins" and name in _BUILTINS)
            or (module, name) in _ALLOWED
            or (module.startswith(_ALLOWED_MODULE) and "." not in name and name[:1].isupper())
        ):
            return super().find_class(module, name)
        raise UnsafePayloadError(
            f"The messages are, or have in them, a {module}.{name}, and making one could run "
            f"code of whoever sent it. Tap with trust=True where you trust this pipeline."
        )


def decode_message(payload: bytes, *, trust: bool) -> Any:
    """Decode a message.

    Parameters
    ----------
    trust
        Whether any class may be imported and made. Without it: plain values, arrays, ezmsg's
        own messages, and classes of this process' ``__main__``.

    Raises
    ------
    UnsafePayloadError
        It needs another class.
    """
    if trust:
        return pickle.loads(payload)
    return _MessageUnpickler(io.BytesIO(payload)).load()
