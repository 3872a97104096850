"""Which GraphServer the host runs: ours where ezmsg is built as ours relies on, else ezmsg's.

All that ours relies on in ``ezmsg.core.graphserver`` is listed here, as it is in ezmsg 3.9
and 3.10. ezmsg makes no promise about these names, so they are checked once, when this
module is imported.
"""

from __future__ import annotations

import dataclasses
import inspect
import logging
import warnings

from ezmsg.core import __version__, graphserver, netprotocol
from ezmsg.core.graphserver import GraphServer
from ezmsg.core.shm import SHMInfo

logger = logging.getLogger("ezmsg")

_METHODS = {
    "start": "address",
    "stop": "",
    "run": "",
    "_setup": "",
    "_shutdown_async": "",
    "_amain": "",
    "api": "reader, writer",
    "_handle_client": "client_id, reader, writer",
    "_handle_session": "session_id, reader, writer",
    "_process_info": "process_client_id",
    "_process_key": "process_client_id",
    "_handle_process": "process_client_id, reader, writer",
    "_write_process_response": "process_client_id, fallback_writer, response",
    "_read_pickled_payload": "reader",
    "_read_typed_payload": "reader, expected_type, log_prefix",
    "_queue_stream_event": "queue, event",
    "_stream_sender": "subscriber_id, queue, writer, label",
    "_handle_event_subscriber": (
        "subscriber_id, after_seq, reader, writer, queue, subscribers, events, label"
    ),
    "_handle_settings_subscriber": "subscriber_id, after_seq, reader, writer",
    "_handle_topology_subscriber": "subscriber_id, after_seq, reader, writer",
    "_read_profiling_stream_control": "reader",
    "_collect_profiling_trace_stream_batch": "stream_control, last_seq_by_process",
    "_handle_profiling_subscriber": "subscriber_id, stream_control, reader, writer",
    "_handle_process_profiling_trace_update_request": "process_client_id, reader",
    "_handle_process_register_request": "process_client_id, reader",
    "_handle_process_update_ownership_request": "process_client_id, reader",
    "_handle_process_settings_update_request": "process_client_id, reader",
    "_handle_process_route_response_request": "process_client_id, reader",
    "_process_for_unit": "unit_address",
    "_process_owner_for_unit": "unit_address",
    "_metadata_collisions": "session_id, metadata",
    "_route_process_request": "unit_address, operation, payload, timeout",
    "_handle_session_process_request": "writer, reader",
    "_connect_owner": "from_topic, to_topic, owner",
    "_disconnect_owner": "from_topic, to_topic, owner",
    "_session_info": "session_id",
    "_append_settings_event_locked": (
        "event_type, component_address, value, source_session_id, source_process_id, timestamp"
    ),
    "_append_topology_event_locked": (
        "event_type, changed_topics, source_session_id, source_process_id, timestamp"
    ),
    "_remove_settings_for_session_locked": "session_id",
    "_session_owner_for_component_locked": "component_address",
    "_initial_settings_for_component_locked": "session_id, component_address",
    "_remove_settings_for_process_locked": "process_client_id",
    "_apply_session_metadata_settings_locked": "session_id, metadata",
    "_handle_session_edge_request": "session_id, req, reader",
    "_handle_session_clear_request": "session_id",
    "_handle_session_register_request": "session_id, reader",
    "_handle_session_snapshot_request": "writer",
    "_handle_session_settings_snapshot_request": "writer",
    "_handle_session_settings_events_request": "writer, after_seq",
    "_clear_session_state": "session_id",
    "_drop_session": "session_id",
    "_snapshot": "",
    "_notify_downstream_for_topic": "topic",
    "_notify_subscriber": "sub",
    "_publishers": "",
    "_subscribers": "",
    "_channels": "",
    "_upstream_pubs": "topic",
    "_downstream_subs": "topic",
}

_ATTRIBUTES = (
    "_address _client_tasks _command_lock _loop _pending_process_requests "
    "_profiling_trace_buffers _profiling_trace_process_meta _profiling_trace_seq "
    "_retention_policy _server_up _settings_event_seq _settings_events "
    "_settings_owned_by_session _settings_state _settings_subscribers _shutdown _sock "
    "_topology_event_seq _topology_events _topology_subscribers clients graph shms"
)

_COMMANDS = (
    "COMPLETE PUBLISH SUBSCRIBE CONNECT DISCONNECT CYCLIC PAUSE SYNC RESUME UPDATE DAG TX_LOCAL "
    "TX_SHM TX_TCP RX_ACK SHM_CREATE SHM_ATTACH SHUTDOWN CHANNEL SHM_OK SHM_ATTACH_FAILED "
    "SESSION SESSION_CONNECT SESSION_DISCONNECT SESSION_CLEAR SESSION_REGISTER "
    "SESSION_SNAPSHOT SESSION_SETTINGS_SNAPSHOT SESSION_SETTINGS_EVENTS "
    "SESSION_SETTINGS_SUBSCRIBE SESSION_TOPOLOGY_SUBSCRIBE SESSION_PROFILING_SUBSCRIBE "
    "SESSION_PROCESS_REQUEST PROCESS PROCESS_REGISTER PROCESS_UPDATE_OWNERSHIP "
    "PROCESS_SETTINGS_UPDATE PROCESS_PROFILING_TRACE_UPDATE PROCESS_ROUTE_REQUEST "
    "PROCESS_ROUTE_RESPONSE ERROR"
)

_COMMANDS_BETWEEN_CLIENTS = "ELIDE_OK AXIS_RESEND"
"""Of 3.10: never sent to a server."""

_FIELDS = {
    netprotocol.ClientInfo: "id writer _pending",
    netprotocol.PublisherInfo: "id writer _pending topic address",
    netprotocol.SubscriberInfo: "id writer _pending topic",
    netprotocol.ChannelInfo: "id writer _pending pub_id",
    netprotocol.SessionInfo: "id writer _pending edges metadata",
    netprotocol.ProcessInfo: "id writer _pending pid host units write_lock",
    SHMInfo: "shm leases",
}

_MODULE_NAMES = ("PERSISTENT_EDGE_OWNER", "SUBSCRIBER_UPDATE_TIMEOUT_SEC", "_RetentionPolicy")


def differences() -> list[str]:
    """What of the installed ezmsg is not as `HostGraphServer` relies on, in words."""
    found = []
    methods = {
        name: ", ".join(list(inspect.signature(method).parameters)[1:])
        for name, method in vars(GraphServer).items()
        if inspect.isfunction(method) and name != "__init__"
    }
    for name in sorted(_METHODS.keys() | methods.keys()):
        expected, actual = _METHODS.get(name), methods.get(name)
        if actual is None:
            found.append(f"GraphServer.{name} is gone")
        elif expected is None:
            found.append(f"GraphServer.{name} is new")
        elif expected != actual:
            found.append(f"GraphServer.{name} takes ({actual}), not ({expected})")
    attributes = set(GraphServer.__annotations__)
    if attributes != set(_ATTRIBUTES.split()):
        changed = sorted(attributes ^ set(_ATTRIBUTES.split()))
        found.append(f"attributes of GraphServer differ: {', '.join(changed)}")
    commands = [command.name for command in netprotocol.Command]
    known = _COMMANDS.split()
    if commands[: len(known)] != known:
        found.append("the commands have other numbers")
    new = set(commands) - set(known) - set(_COMMANDS_BETWEEN_CLIENTS.split())
    if new:
        found.append(f"there are new commands: {', '.join(sorted(new))}")
    for kind, names in _FIELDS.items():
        if [field.name for field in dataclasses.fields(kind)] != names.split():
            found.append(f"{kind.__name__} has other fields")
    found += [
        f"graphserver.{name} is gone" for name in _MODULE_NAMES if not hasattr(graphserver, name)
    ]
    return found


DIFFERENCES = differences()


def create_graph_server(name: str = "GraphServer") -> GraphServer:
    """Make the GraphServer for the installed ezmsg, not started yet.

    Where ezmsg is not built as ours relies on, it is ezmsg's own, with a warning that says
    what differs.
    """
    if DIFFERENCES:
        text = (
            f"ezmsg {__version__} is not known to this version of ezmsg-nb "
            f"({'; '.join(DIFFERENCES[:3])}), so the graph runs with ezmsg's own GraphServer: "
            "a stopped process or a stuck client can freeze it. Update ezmsg-nb, or install "
            "ezmsg 3.9 or 3.10."
        )
        logger.warning(text)
        warnings.warn(text, stacklevel=2)
        return GraphServer(name=name)
    # Only now: it could not be imported where the check has failed.
    from .graph_server import HostGraphServer

    return HostGraphServer(name=name)
