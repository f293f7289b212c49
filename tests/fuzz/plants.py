"""The planted bugs, each of a kind that codecs and protocols really have had."""

from tests.fuzz.plant import Plant

CBOR = "gateway/cbor.py"
MESSAGE = "gateway/coap/message.py"
BLOCK = "gateway/coap/block.py"
OPTION = "gateway/oscore/option.py"
WINDOW = "gateway/oscore/replay_window.py"
CCM = "gateway/oscore/ccm.py"
PROTECTION = "gateway/oscore/protection.py"
SLIPMUX = "gateway/slipmux.py"
SIGNAL = "gateway/can/signal.py"
PAYLOAD = "gateway/can/last_payload.py"
RECEIVED = "gateway/can/received_message.py"
STATE = "gateway/vehicle/state.py"
RELIABILITY = "gateway/coap/reliability.py"
ENDPOINT = "gateway/endpoint.py"
PLAIN = "gateway/plain.py"
ECHOES = "gateway/echoes.py"
LIMITS = "gateway/limits.py"
KEYS = "gateway/vault/keys.py"
KEY_RING = "gateway/vault/key_ring.py"
PAIRING = "gateway/vault/pairing.py"
PRINCIPALS = "gateway/vault/principals.py"
ROOT = "gateway/vault/root.py"
STORED_KEYS = "gateway/vault/stored_keys.py"
SENML = "gateway/resources/signals.py"

PLANTS = (
    # ---- CBOR
    Plant(
        "cbor",
        CBOR,
        "arrays nest as deep as they like",
        "self.items(n, levels - 1)",
        "self.items(n, levels)",
    ),
    Plant(
        "cbor",
        CBOR,
        "bytes may follow the item",
        "if reader.offset != len(reader.data):",
        "if reader.offset > len(reader.data):",
    ),
    Plant("cbor", CBOR, "a key may come twice", " or key in result:", ":"),
    Plant("cbor", CBOR, "undefined is looked up", "if 20 <= n <= 22:", "if 20 <= n <= 23:"),
    Plant("cbor", CBOR, "a small half is too large", "126 - exponent", "125 - exponent"),
    Plant("cbor", CBOR, "keys are sorted by length", "sorted(values)", "sorted(values, key=len)"),
    Plant("cbor", CBOR, "255 takes two bytes", "elif 0 <= n < 0x100:", "elif 0 <= n < 0xFF:"),
    # ---- CoAP
    Plant(
        "coap",
        MESSAGE,
        "an extended length is one short",
        "length = data[offset] + 13",
        "length = data[offset] + 12",
    ),
    Plant(
        "coap",
        MESSAGE,
        "a delta of two bytes begins at 255",
        "delta = (data[offset] << 8 | data[offset + 1]) + 269",
        "delta = (data[offset] << 8 | data[offset + 1]) + 255",
    ),
    Plant(
        "coap",
        MESSAGE,
        "a cut option is an IndexError",
        "except IndexError:",
        "except KeyError:",
    ),
    Plant(
        "coap",
        MESSAGE,
        "a token may be cut short",
        "if token_end > 12 or token_end > size:",
        "if token_end > 12:",
    ),
    Plant(
        "coap",
        MESSAGE,
        "a marker needs no payload",
        "if delta & length != 15 or offset == size:",
        "if delta & length != 15:",
    ),
    Plant(
        "coap",
        MESSAGE,
        "options are numbered as high as they like",
        " or number > MAX_OPTION_NUMBER:\n                raise",
        ":\n                raise",
    ),
    Plant(
        "coap",
        MESSAGE,
        "268 takes two more bytes",
        "13 if n < 269 else 14",
        "13 if n < 268 else 14",
    ),
    Plant("coap", BLOCK, "a last block says that more follow", "end < len", "end <= len"),
    # ---- OSCORE
    Plant(
        "oscore",
        OPTION,
        "reserved flags are ignored",
        "if flags == 0 or flags & _RESERVED_FLAGS:",
        "if flags == 0:",
    ),
    Plant(
        "oscore",
        OPTION,
        "a Partial IV may have leading zeros",
        "if piv_bytes > 1 and piv[0] == 0:",
        "if piv_bytes > 5:",
    ),
    Plant(
        "oscore",
        WINDOW,
        "the window is one too short",
        "age > _REMEMBERED",
        "age >= _REMEMBERED",
    ),
    Plant(
        "oscore",
        WINDOW,
        "a step of 31 forgets the number before it",
        "elif ahead <= _REMEMBERED:",
        "elif ahead < _REMEMBERED:",
    ),
    Plant(
        "oscore",
        CCM,
        "one byte of the tag counts",
        "difference |= tag[i]",
        "difference = tag[i]",
    ),
    Plant(
        "oscore",
        PROTECTION,
        "a nonce is lent twice",
        "        self._nonce = None\n",
        "        self._nonce = nonce\n",
    ),
    Plant(
        "oscore",
        PROTECTION,
        "a forgery moves the window",
        "    nonce = client.nonce(sequence)\n",
        "    nonce = client.nonce(sequence); window.accept(sequence)\n",
    ),
    # ---- slipmux
    Plant(
        "slipmux",
        SLIPMUX,
        "any escape is taken",
        "if escapes != content.count",
        "if escapes < content.count",
    ),
    Plant(
        "slipmux",
        SLIPMUX,
        "escapes are undone in the wrong order",
        "content.replace(ESCAPED_END, END).replace(ESCAPED_ESCAPE, ESCAPE)",
        "content.replace(ESCAPED_ESCAPE, ESCAPE).replace(ESCAPED_END, END)",
    ),
    Plant(
        "slipmux",
        SLIPMUX,
        "a frame grows as long as it likes",
        "if len(self._held) + len(piece) <= 2",
        "if len(self._held) <= 2",
    ),
    Plant(
        "slipmux",
        SLIPMUX,
        "no checksum is checked",
        "fcs(content) != GOOD_FCS",
        "fcs(content) < 0",
    ),
    # ---- the profile's decoder
    Plant(
        "frames",
        STATE,
        "a negative value is half as far below zero",
        "raw -= sign << 1\n        _, lowest",
        "raw -= sign\n        _, lowest",
    ),
    Plant("frames", SIGNAL, "all signals are Intel's", "step = -1 if", "step = 1 if"),
    Plant(
        "frames",
        RECEIVED,
        "a frame may be too short",
        "if len(data) != self._length:",
        "if len(data) > self._length:",
    ),
    Plant(
        "frames",
        RECEIVED,
        "a counter may repeat itself",
        "if skipped == maximum:",
        "if skipped > maximum:",
    ),
    Plant(
        "frames",
        RECEIVED,
        "a counter may be any",
        "if counter > maximum:",
        "if counter < 0:",
    ),
    Plant(
        "frames",
        STATE,
        "a named value is a number",
        " or (named is not None and raw in named):",
        ":",
    ),
    Plant(
        "frames",
        PAYLOAD,
        "only a first byte that changes is told",
        "elif differs(data, self.data, self._masks):",
        "elif data[0] != self.data[0]:",
    ),
    Plant(
        "frames",
        SENML,
        "a record has one pair too many",
        "3 + (unit is not None)",
        "4 + (unit is not None)",
    ),
    # ---- what storage holds
    Plant(
        "records",
        STORED_KEYS,
        "nobody looks into the copy of the keys",
        "        if copy is None:\n",
        "        if copy is not records:\n",
    ),
    Plant(
        "records",
        STORED_KEYS,
        "a gateway whose keys are lost is open",
        "            if name.startswith(sign):\n                return True",
        "            if name.startswith(sign):\n                return False",
    ),
    Plant(
        "records",
        STORED_KEYS,
        "a strange name ends the boot",
        "except ValueError:",
        "except KeyError:",
    ),
    Plant(
        "records",
        ROOT,
        "a key of any length will do",
        " or len(key) != _KEY_BYTES:",
        ":",
    ),
    # ---- the datagram door
    Plant(
        "door",
        PROTECTION,
        "a request is taken twice",
        "if is_known and not window.is_new(sequence):",
        "if is_known and sequence < 0:",
    ),
    Plant(
        "door",
        PROTECTION,
        "a nonce is lent that may have been lent before the reboot",
        "nonce if is_known else None",
        "nonce",
    ),
    Plant(
        "door",
        KEYS,
        "numbers begin again at each boot",
        "SenderSequence(limit or 0),",
        "SenderSequence(0),",
    ),
    Plant(
        "door",
        ECHOES,
        "the last Echo value stays fresh for ever",
        "return 0 <= second - last_second < _SECONDS",
        "return second >= last_second",
    ),
    Plant(
        "door",
        ENDPOINT,
        "roles are not asked for",
        "if not principal.may(segments[0], request.code, least_role, request.now_ms):",
        "if least_role > 9:",
    ),
    Plant(
        "door",
        ENDPOINT,
        "a malformed option inside is nobody's concern",
        "        except DecodeError as error:\n            self._proof",
        "        except ReplayError as error:\n            self._proof",
    ),
    Plant(
        "door",
        PLAIN,
        "errors are as long as they like",
        "        if request.source is not None:\n            room",
        "        if request.source is None:\n            room",
    ),
    Plant(
        "door",
        PAIRING,
        "pairing is always open",
        "return self._is_unpaired or now_ms < self._open_until_ms",
        "return self._open_until_ms >= 0",
    ),
    Plant(
        "door",
        PRINCIPALS,
        "a guest's uses are not counted",
        "        self.left -= 1\n",
        "        self.left -= 0\n",
    ),
    Plant(
        "door",
        RELIABILITY,
        "requests are remembered for ever",
        "is_full = len(newer) >= _GENERATION or self._bytes > _GENERATION_BYTES",
        "is_full = len(newer) >= 1000",
    ),
    Plant(
        "door",
        LIMITS,
        "as many hosts are kept apart as there are",
        "if len(sources) == MAX_SOURCES:",
        "if len(sources) == 1000:",
    ),
)


def plants_of(target: str) -> list[Plant]:
    """Return the bugs that a target must notice."""
    return [plant for plant in PLANTS if plant.target == target]
