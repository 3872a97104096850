"""What our live widgets share: whether somebody looks, their status, and what they send."""

from __future__ import annotations

import threading
import time
from typing import Any, Final, Literal

import anywidget
import traitlets

from .front_end import PROTOCOL
from .subshells import hear_while_cells_run

ConnectionState = Literal["connected", "reconnecting", "closed", "lost"]

VIEW_EXPIRY_S: Final = 12.0
"""A visible view says so every 4 s; one that has been silent for this long is gone."""


class BrowserTraffic:
    """Messages that the widgets of this kernel have sent to browsers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages = 0

    @property
    def messages(self) -> int:
        """Since the kernel began."""
        return self._messages

    def count(self) -> None:
        with self._lock:
            self._messages += 1


browser_traffic: Final = BrowserTraffic()


class WatchedWidget(anywidget.AnyWidget):
    """A widget that knows whether anybody can see a view of it. Thread-safe.

    Attributes
    ----------
    watching
        Whether anybody can see a view of this widget: it is on screen, in a visible tab.
        Whoever feeds the widget may rest while this is False.
    """

    _protocol = traitlets.Int(PROTOCOL).tag(sync=True)
    _status = traitlets.Dict().tag(sync=True)
    watching = traitlets.Bool(False, read_only=True)

    def __init__(self, **kw: Any) -> None:
        self._lock = threading.RLock()
        self._views: dict[str, float] = {}
        self._expiry: threading.Timer | None = None
        self._is_closed = False
        super().__init__(_status={"state": "connecting", "text": ""}, **kw)
        self.on_msg(self._on_message)

    def show_status(self, state: ConnectionState, text: str = "") -> None:
        """Say how the connection to the graph is.

        Parameters
        ----------
        state
            While it isn't ``"connected"``, what is shown is the last that was known.
        text
            What happened, or with what there is a connection.
        """
        self._publish("_status", {"state": state, "text": text})

    def open(self) -> None:
        super().open()
        hear_while_cells_run(self.comm)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._views.clear()
            expiry, self._expiry = self._expiry, None
        if expiry is not None:
            expiry.cancel()
        self.set_trait("watching", False)
        super().close()

    # -- for the widgets ----------------------------------------------------------------------

    def _seen_anew(self) -> None:
        """Called when another view of this can be seen."""

    def _unseen(self) -> None:
        """Called when no view can be seen any more."""

    def _take(self, message: dict[str, Any]) -> None:
        """Called with what a page says, but for its views."""

    def _is_watched(self) -> bool:
        now = time.monotonic()
        with self._lock:
            return any(expiry > now for expiry in self._views.values())

    def _publish(self, name: str, value: object) -> None:
        """Set a private synced trait from any thread.

        The ordinary way may lose the value when the browser sets another trait at the same
        moment (ipywidgets holds sends back meanwhile); sending it ourselves never does.
        """
        with self._lock:
            if self._trait_values.get(name) == value:
                return
            self._trait_values[name] = value
            self.send_state(name)

    # -- inside -------------------------------------------------------------------------------

    def _send(self, msg: Any, buffers: Any = None) -> None:
        browser_traffic.count()
        super()._send(msg, buffers)

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        if content.get("type") == "view":
            self._on_view(str(content.get("view")), visible=content.get("visible") is True)
            self.send({"type": "pong"})
        else:
            self._take(content)

    def _on_view(self, view: str, *, visible: bool) -> None:
        with self._lock:
            is_new = visible and view not in self._views
            if visible and not self._is_closed:
                self._views[view] = time.monotonic() + VIEW_EXPIRY_S
            else:
                self._views.pop(view, None)
            watched = self._is_watched()
            if watched and self._expiry is None:
                self._start_expiry()
        # Without the lock: who is told may call this widget from wherever they are.
        self._tell(watched)
        if is_new:
            self._seen_anew()

    def _tell(self, watched: bool) -> None:
        self.set_trait("watching", watched)
        if not watched:
            self._unseen()

    def _start_expiry(self) -> None:
        wait = max(0.05, min(self._views.values()) - time.monotonic())
        self._expiry = threading.Timer(wait, self._expire_views)
        self._expiry.daemon = True
        self._expiry.start()

    def _expire_views(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._views = {view: at for view, at in self._views.items() if at > now}
            self._expiry = None
            watched = bool(self._views) and not self._is_closed
            if watched:
                self._start_expiry()
        self._tell(watched)
