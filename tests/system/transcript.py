"""What was said on a wire, read with the keys of those who said it."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.coap import block, message
from gateway.coap.message import Message, decode_uint
from gateway.coap.numbers import BLOCK2, CONTENT_FORMAT, EMPTY, ETAG, OSCORE, URI_PATH
from gateway.oscore import option
from gateway.oscore.ccm import open_
from gateway.oscore.client import SentRequest, unprotect_response
from gateway.oscore.context import Context
from gateway.oscore.protection import decode_inner
from gateway.oscore.replay_window import ReplayWindow
from gateway.oscore.sender_sequence import SenderSequence
from tests.aes import AES
from tests.system.taps import Passed


class Said(NamedTuple):
    """A request or, put together if it came in blocks, a response to it.

    method and path: what was asked for. content_format: None if it tells none.
    """

    is_request: bool
    method: int
    path: str
    code: int
    content_format: int | None
    payload: bytes


class _Asked(NamedTuple):
    """A request, and what it takes to read its responses; context is None in plain text."""

    method: int
    path: str
    context: Context | None
    associated_data: bytes = b""
    nonce: bytes = b""


def read(passed: Iterable[Passed], contexts: Iterable[Path]) -> Iterator[Said]:
    """Yield what was said; contexts are the hosts' folders, as aiocoap reads them.

    Empty messages say nothing.

    Raises:
        KeyError: nobody of the hosts has this key, or nobody asked for this.
        gateway.errors.Error: a message is not what its sender should have sent.
    """
    keys = {context.sender.id: context for context in map(_load, contexts)}
    asked: dict[tuple[object, bytes], _Asked] = {}
    blocks: dict[tuple[_Asked, bytes], dict[int, bytes]] = {}
    for is_request, host, data in passed:
        outer = message.decode(data)
        if outer.code == EMPTY:
            continue
        if is_request:
            inner, asked[host, outer.token] = _read_request(outer, keys)
            request = asked[host, outer.token]
        else:
            request = asked[host, outer.token]
            inner = _read_response(outer, request)
        options = dict(inner.options)
        payload = inner.payload
        if not is_request and BLOCK2 in options:
            about = request._replace(associated_data=b"", nonce=b"")
            num, more, _ = block.decode(options[BLOCK2])
            parts = blocks.setdefault((about, options.get(ETAG, b"")), {})
            parts[num] = payload
            if more:
                continue
            payload = b"".join(parts[each] for each in sorted(parts))
        content_format = options.get(CONTENT_FORMAT)
        yield Said(
            is_request,
            request.method,
            request.path,
            inner.code,
            None if content_format is None else decode_uint(content_format),
            payload,
        )


def _read_request(outer: Message, keys: dict[bytes, Context]) -> tuple[Message, _Asked]:
    value = dict(outer.options).get(OSCORE)
    if value is None:
        return outer, _Asked(outer.code, _path(outer), None)
    piv, _, kid = option.decode(value)
    assert piv is not None
    assert kid is not None
    context = keys[kid]
    client = context.sender
    nonce = client.nonce(int.from_bytes(piv))
    associated_data = client.associated_data(piv)
    plaintext = open_(client.cipher, nonce, associated_data, outer.payload)
    code, options, payload = decode_inner(plaintext)
    inner = Message(outer.type, code, outer.message_id, outer.token, options, payload)
    return inner, _Asked(code, _path(inner), context, associated_data, nonce)


def _read_response(outer: Message, request: _Asked) -> Message:
    value = dict(outer.options).get(OSCORE)
    if value is None:
        return outer
    assert request.context is not None
    sent = SentRequest(request.associated_data, request.nonce)
    code, options, payload = unprotect_response(request.context, sent, value, outer.payload)
    return Message(outer.type, code, outer.message_id, outer.token, options, payload)


def _path(request: Message) -> str:
    return "/".join(value.decode() for number, value in request.options if number == URI_PATH)


def _load(folder: Path) -> Context:
    settings = json.loads((folder / "settings.json").read_text())
    secret, salt, sender_id, recipient_id = (
        bytes.fromhex(settings[f"{name}_hex"])
        for name in ("secret", "salt", "sender-id", "recipient-id")
    )
    return Context(
        AES, secret, salt, sender_id, recipient_id, None, SenderSequence(0), ReplayWindow(True)
    )
