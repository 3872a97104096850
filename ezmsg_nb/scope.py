"""`Scope`: a live view of the messages of one topic.

The browser side is ``frontend/src/scope``. An observer process of ours reduces the samples;
here they are joined to the columns of the picture, and sent at most ten times a second, as
one binary message, while somebody looks.
"""

from __future__ import annotations

import html
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import traitlets

from kernel_runtime.errors import GraphError
from kernel_runtime.observer.scope_chunks import ScopeChunk, StreamShape
from kernel_runtime.observer.scope_feed import ScopeFeed
from kernel_runtime.observer.scope_source import FLUSH_S

from .front_end import bundle
from .scope_columns import ScopeColumns
from .scope_picture import most_columns, rows_html, rows_text, scope_svg, svg_url
from .stored_display import Bundle, StoredDisplay
from .watched_widget import WatchedWidget

DEFAULT_WIDTH: Final = 1000
MAX_WIDTH: Final = 4096
SHORTEST_WINDOW_S: Final = 0.1
LONGEST_WINDOW_S: Final = 60.0
MOST_SELECTED: Final = 256
_SEND_EVERY_S: Final = 0.11
"""With the answers to what a page says, it makes less than ten messages a second."""
_MOST_CHUNKS: Final = 400
_FIRST_DATA_S: Final = 2.0


class Scope(WatchedWidget):
    """What a topic carries, live: traces of an array's channels, or a message's parts.

    Made by `LiveGraph.scope`.

    Parameters
    ----------
    topic
        Whose messages.
    open_feed
        Makes a new feed of them; called again where the graph was started again.
    window_s
        Duration of a sweep, in s.
    channels
        Names or places of the channels to show; the first 256 by default.
    height
        Height of the widget, in px.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _stream = traitlets.Dict().tag(sync=True)
    _picture = traitlets.Unicode().tag(sync=True)
    _rows: traitlets.List[Any] = traitlets.List().tag(sync=True)
    height = traitlets.Int(380).tag(sync=True)

    def __init__(
        self,
        topic: str,
        open_feed: Callable[[], ScopeFeed],
        *,
        window_s: float = 4.0,
        channels: Sequence[str | int] | None = None,
        height: int = 380,
        **kw: Any,
    ) -> None:
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scope", daemon=True)
        self._topic = topic
        self._open_feed = open_feed
        self._feed: ScopeFeed | None = None
        self._wanted = None if channels is None else list(channels)
        self._width = DEFAULT_WIDTH
        self._columns: ScopeColumns | None = None
        self._revision = 0
        self._paused = False
        self._counts = (0, 0)
        self._shape: StreamShape | None = None
        self._last_seen = {"text/plain": f"Nothing has come on {topic}."}
        self._has_page = False
        self._stored = StoredDisplay(self._bundle, lambda: self.received, lambda: self._has_page)
        stream = {"kind": "waiting", "revision": 0, "topic": topic}
        super().__init__(height=height, _stream=stream, **kw)
        try:
            self._window_s = _checked_window(window_s)
            self._feed = open_feed()
        except BaseException:
            super().close()
            raise
        self._thread.start()

    @traitlets.default("_esm")
    def _default_esm(self) -> str:
        return bundle("scope").read_text(encoding="utf-8")

    # -- what a person may ask and set ----------------------------------------------------------

    @property
    def topic(self) -> str:
        """Whose messages are shown."""
        return self._topic

    @property
    def received(self) -> int:
        """How many messages the observer has got."""
        self._newest()
        return self._counts[0]

    @property
    def dropped(self) -> int:
        """How many messages the observer was too slow for."""
        self._newest()
        return self._counts[1]

    @property
    def pid(self) -> int | None:
        """Process id of the observer; None where there is none any more."""
        feed = self._feed
        return feed.pid if feed is not None else None

    @property
    def window_s(self) -> float:
        """Duration of a sweep, in s; may be set."""
        return self._window_s

    @window_s.setter
    def window_s(self, seconds: float) -> None:
        self._window_s = _checked_window(seconds)
        self._begin_anew()

    @property
    def channels(self) -> list[str]:
        """Names of the channels that are shown; names or places may be set, None for all."""
        shape = self._seen_shape()
        return [] if shape is None else [shape.channels[at] for at in self._selected(shape)]

    @channels.setter
    def channels(self, wanted: Sequence[str | int] | None) -> None:
        shape = self._seen_shape()
        for one in wanted or ():
            if shape is not None and _place_of(shape, one) is None:
                raise ValueError(
                    f"{self._topic} has no channel {one!r}. It has {len(shape.channels)}: "
                    f"{', '.join(shape.channels[:10])}"
                    f"{', ...' if len(shape.channels) > 10 else ''}."
                )
        self._wanted = None if wanted is None else list(wanted)
        self._begin_anew()

    def pause(self) -> None:
        """Hold the picture; messages are received, and counted, all the same."""
        self._set_paused(True)

    def resume(self) -> None:
        """Go on with what comes now."""
        self._set_paused(False)

    # -- what the graph tells -------------------------------------------------------------------

    def end_feed(self) -> None:
        """Hold the last picture: the graph is over, or left."""
        with self._lock:
            newest = self._newest()
            if self._feed is not None and newest is not None:
                self._last_seen = self._fallback()
                # For views that are opened from now on, and to be stored with the notebook.
                self._publish("_picture", svg_url(self._last_seen.get("image/svg+xml", "")))
                self._publish("_rows", list(newest.rows))
            feed, self._feed = self._feed, None
        if feed is not None:
            feed.close()
            self._stored.settle()

    def go_on(self) -> None:
        """Follow the same topic of the graph that was started in the place of the old one."""
        with self._lock:
            if self._is_closed or self._feed is not None:
                return
            try:
                self._feed = self._open_feed()
            except GraphError as error:
                self.show_status("lost", str(error))
                return
            self._columns = None

    def close(self) -> None:
        self.end_feed()
        super().close()
        # What is left of it where it was shown is its last picture.
        self._stored.update()
        self._stored.close()
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2.0)

    def __repr__(self) -> str:
        messages, dropped = self._counts
        return f"Scope of {self._topic}: {messages} messages, {dropped} dropped"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        live = super()._repr_mimebundle_(**kwargs)
        data, metadata = live if isinstance(live, tuple) else (live or {}, {})
        return {**data, **self._fallback()}, metadata

    def _bundle(self) -> Bundle:
        if self._is_closed:
            return self._fallback(), {}
        data, metadata = self._repr_mimebundle_()
        return data, metadata

    def _ipython_display_(self) -> None:
        self._stored.show()

    # -- for where no front end is live -----------------------------------------------------------

    def _fallback(self) -> dict[str, str]:
        """What is known of the last sweep; waits a little for the first message."""
        give_up = time.monotonic() + _FIRST_DATA_S
        while self._newest() is None and self._feed is not None and time.monotonic() < give_up:
            time.sleep(0.02)
        with self._lock:
            if self._feed is None:
                return self._last_seen
            newest = self._newest()
            if newest is None:
                words = f"Nothing has come on {self._topic} yet."
                return {"text/plain": words, "text/html": f"<p>{html.escape(words)}</p>"}
            if newest.shape is None:
                return {
                    "text/plain": f"{self!r}\n{rows_text(newest.rows)}",
                    "text/html": rows_html(newest.rows),
                }
            picture = self._svg(self._feed, newest.shape)
        return {
            "text/plain": repr(self),
            "image/svg+xml": picture,
            "text/html": f'<div style="max-width:100%;overflow:auto">{picture}</div>',
        }

    def _svg(self, feed: ScopeFeed, shape: StreamShape) -> str:
        chunks = feed.recent(min(_MOST_CHUNKS, math.ceil(self._window_s / FLUSH_S) + 2))
        selected = self._selected(shape)
        columns = ScopeColumns(shape, self._window_s, most_columns(len(selected)), selected)
        parts = [columns.add(chunk)[1] for chunk in chunks if chunk.shape == shape]
        drawn = np.concatenate(parts)[-columns.columns :]
        seconds = len(drawn) * columns.seconds_per_column
        return scope_svg(self._topic, shape, selected, drawn, seconds)

    def _newest(self) -> ScopeChunk | None:
        with self._lock:
            found = self._feed.recent(1) if self._feed is not None else []
            if found:
                self._counts = (found[-1].messages, found[-1].dropped)
                self._shape = found[-1].shape
            return found[-1] if found else None

    def _seen_shape(self) -> StreamShape | None:
        self._newest()
        return self._shape

    def _selected(self, shape: StreamShape) -> list[int]:
        if self._wanted is None:
            return list(range(min(MOST_SELECTED, len(shape.channels))))
        places = [_place_of(shape, one) for one in self._wanted]
        return [place for place in places if place is not None][:MOST_SELECTED]

    # -- to the browser ---------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._is_closed:
            if self._paused or not self._is_watched():
                self._wake.wait()
                self._wake.clear()
                continue
            self._send_new()
            time.sleep(_SEND_EVERY_S)

    def _send_new(self) -> None:
        with self._lock:
            feed = self._feed
            if feed is None or self._is_closed:
                return
            chunks = feed.read(_MOST_CHUNKS)
            if not chunks:
                return
            last = chunks[-1]
            self._counts = (last.messages, last.dropped)
            if last.shape is None:
                self._send_message(last)
            else:
                self._send_columns([one for one in chunks if one.shape == last.shape], last.shape)

    def _send_message(self, chunk: ScopeChunk) -> None:
        if self._stream.get("kind") != "message":
            self._revision += 1
            self._columns = None
            stream = {"kind": "message", "revision": self._revision, "topic": self._topic}
            self._publish("_stream", stream)
        self.send({"type": "message", **self._told(), "rows": list(chunk.rows)})

    def _send_columns(self, chunks: Sequence[ScopeChunk], shape: StreamShape) -> None:
        made = self._columns
        if made is None or made.shape != shape:
            made = self._columns = self._new_columns(shape)
        found = [made.add(chunk) for chunk in chunks]
        parts = [part for _, part in found if len(part)]
        if not parts:
            return
        first = next(first for first, part in found if len(part))
        columns = np.concatenate(parts)
        self.send({"type": "columns", **self._told(), "first": first}, [columns.tobytes()])

    def _told(self) -> dict[str, int]:
        return {
            "revision": self._revision,
            "received": self._counts[0],
            "dropped": self._counts[1],
        }

    def _new_columns(self, shape: StreamShape) -> ScopeColumns:
        selected = self._selected(shape)
        made = ScopeColumns(shape, self._window_s, self._width, selected)
        self._revision += 1
        self._publish(
            "_stream",
            {
                "kind": "samples",
                "revision": self._revision,
                "topic": self._topic,
                "fs_hz": shape.fs_hz,
                "unit": shape.unit,
                "channels": list(shape.channels),
                "shown": selected,
                "columns": made.columns,
                "seconds_per_column": made.seconds_per_column,
                "window_s": self._window_s,
            },
        )
        return made

    # -- from the browser -------------------------------------------------------------------------

    def _seen_anew(self) -> None:
        # What nobody saw is not sent afterwards.
        self._begin_anew()

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        self._has_page = True
        super()._on_message(_widget, content, _buffers)

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "width":
            width = min(MAX_WIDTH, max(0, int(message["px"])))
            if width not in (0, self._width):
                self._width = width
                self._begin_anew()
        elif kind == "window":
            self.window_s = min(LONGEST_WINDOW_S, max(SHORTEST_WINDOW_S, float(message["s"])))
        elif kind == "channels":
            places = message.get("places")
            self._wanted = None if places is None else [int(place) for place in places]
            self._begin_anew()
        elif kind == "pause":
            self._set_paused(message.get("paused") is True)

    def _begin_anew(self) -> None:
        """Begin a new sweep, with what was set meanwhile."""
        with self._lock:
            self._columns = None
        self._wake.set()

    def _set_paused(self, paused: bool) -> None:
        begins = self._paused and not paused
        self._paused = paused
        if begins:
            self._begin_anew()


def _checked_window(seconds: float) -> float:
    if not SHORTEST_WINDOW_S <= seconds <= LONGEST_WINDOW_S:
        raise ValueError(
            f"window_s must be from {SHORTEST_WINDOW_S:g} to {LONGEST_WINDOW_S:g} s, "
            f"not {seconds!r}."
        )
    return float(seconds)


def _place_of(shape: StreamShape, channel: str | int) -> int | None:
    if isinstance(channel, str):
        return shape.channels.index(channel) if channel in shape.channels else None
    return channel if 0 <= channel < len(shape.channels) else None
