"""A small process that subscribes in a kernel's place, and the kernel's window into it."""

from .tap import Tap

__all__ = ["Tap"]
