"""A real kernel that cells are run in, and what they print or raise."""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

START_S = 40.0
CELL_S = 60.0
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class CellError(Exception):
    """What a cell raised: ``name``, and its message with the traceback."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


@dataclass
class CellOutput:
    text: str = ""
    data: list[dict[str, Any]] = field(default_factory=list)


class Kernel:
    """An ipykernel; a context manager that shuts it down."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel()
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=START_S)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=not self.manager.is_alive())
        self.manager.cleanup_resources()

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.pid)  # type: ignore[union-attr]

    def run(self, code: str, timeout_s: float = CELL_S) -> CellOutput:
        """Run a cell and wait for its end.

        Raises
        ------
        CellError
            The cell raised.
        """
        output = CellOutput()
        message_id = self.client.execute(code, stop_on_error=False)
        deadline = time.monotonic() + timeout_s
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") != message_id:
                continue
            content = message["content"]
            kind = message["msg_type"]
            if kind == "stream":
                output.text += content["text"]
            elif kind in ("execute_result", "display_data"):
                output.data.append(content["data"])
            elif kind == "error":
                text = _COLORS.sub("", "\n".join([content["evalue"], *content["traceback"]]))
                raise CellError(content["ename"], text)
            elif kind == "status" and content["execution_state"] == "idle":
                return output

    def complete(self, code: str) -> list[str]:
        """What the Tab key offers at the end of a text."""
        reply = self.client.complete(code, len(code), reply=True, timeout=CELL_S)
        matches: list[str] = reply["content"]["matches"]
        return matches

    def restart(self) -> None:
        self.manager.restart_kernel(now=False)
        self.client.wait_for_ready(timeout=START_S)

    def kill(self) -> None:
        """End it as the kernel of the machine does when memory is short."""
        os.kill(self.pid, signal.SIGKILL)
