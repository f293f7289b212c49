"""`carport can` on a hub: what is shown, sent, recorded, replayed, and said to be wrong."""

import base64
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import can
import pytest
from click.shell_completion import ShellComplete

from carport.cli.main import carport_command, run
from carport.traffic.sender import Sender
from tests.car_rig import command, load_database, sealed
from tests.hub import HubThread, running_hub

DATABASE = load_database()
FORMATS = [".asc", ".blf", ".csv", ".log", ".mf4", ".trc"]
Identity = tuple[int, bool, bytes]


@pytest.fixture
def hub(home: Path) -> Iterator[HubThread]:
    """A hub that no emulator has announced."""
    with running_hub() as running:
        yield running


@pytest.fixture
def on_hub(hub: HubThread) -> list[str]:
    """The options that name the hub, as somebody's socketcand."""
    where = {"interface": "socketcand", "host": "127.0.0.1", "port": hub.port, "channel": "can0"}
    return [word for name, value in where.items() for word in (f"--{name}", str(value))]


@pytest.fixture
def emulated(home: Path, hub: HubThread) -> HubThread:
    """The hub, announced as the bus of an emulator with the reference car."""
    registry = home / "run"
    registry.mkdir(parents=True)
    endpoint = {"interface": "socketcand", "host": "127.0.0.1", "port": hub.port}
    entry = {
        "pid": os.getpid(),
        "state": str(home),
        "control": str(home / "control.sock"),
        "car": "reference",
        "can": {**endpoint, "channels": ["can0", "can1"]},
    }
    (registry / "emulator-1.json").write_text(json.dumps(entry))
    return hub


class Ear:
    """A node that hears what is sent on a channel."""

    def __init__(self, hub: HubThread, channel: str = "can0") -> None:
        self.bus = hub.client(channel)

    def hear(self, count: int) -> list[can.Message]:
        """Return the next frames, so many."""
        frames: list[can.Message] = []
        while len(frames) < count:
            frame = self.bus.recv(60)
            assert frame is not None, f"{len(frames)} of {count} frames"
            frames.append(frame)
        return frames


@pytest.fixture
def ear(hub: HubThread) -> Iterator[Ear]:
    listening = Ear(hub)
    yield listening
    listening.bus.shutdown()


@contextmanager
def dumping(hub: HubThread, *words: str) -> Iterator[None]:
    """Run `carport can dump` meanwhile; it must end well by itself."""
    nodes = hub.counters().nodes
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(run(["can", "dump", *words])))
    thread.start()
    hub.wait_for(lambda counters: counters.nodes > nodes or not thread.is_alive())
    yield
    thread.join(60)
    assert ended == [0]


def identity(frame: can.Message) -> Identity:
    return frame.arbitration_id, frame.is_extended_id, bytes(frame.data)


def make_frames(count: int, seed: int = 1) -> list[can.Message]:
    """Return frames of all lengths and both kinds of ids, none of the reference car's."""
    source = random.Random(seed)
    frames = []
    for number in range(count):
        is_extended = source.random() < 0.3
        frames.append(
            can.Message(
                timestamp=1_700_000_000 + number * 0.0005,
                arbitration_id=source.randrange(1 << 29) if is_extended else 0x600 + number % 256,
                is_extended_id=is_extended,
                data=source.randbytes(number % 9),
                channel="can0",
            )
        )
    return frames


def write_log(path: Path, frames: list[can.Message]) -> Path:
    with can.Logger(path) as writer:
        for frame in frames:
            writer.on_message_received(frame)
    return path


def error_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command that fails, in one sentence; return its exit code and the sentence."""
    capsys.readouterr()
    code = run(words)
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    return code, printed.err.removeprefix("carport: ").strip()


@pytest.mark.parametrize("ending", FORMATS)
def test_what_was_recorded_is_what_was_carried_and_what_is_replayed(
    ending: str,
    hub: HubThread,
    on_hub: list[str],
    ear: Ear,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if ending == ".mf4":
        pytest.importorskip("asammdf")
    frames = make_frames(300)
    recorded = tmp_path / f"recorded{ending}"
    words = ["-o", str(recorded), "--json", "--count", "300"]
    with dumping(hub, *on_hub, *words), hub.client() as bus:
        for frame in frames:
            bus.send(frame)
        carried = ear.hear(300)
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [identity(each) for each in carried] == [identity(each) for each in frames]
    with can.LogReader(recorded) as reader:
        read = list(reader)
    assert [identity(each) for each in read] == [identity(each) for each in carried]
    assert [each.timestamp - read[0].timestamp for each in read] == pytest.approx(
        [each["time"] - shown[0]["time"] for each in shown], abs=0.00011
    )
    assert run(["can", "replay", str(recorded), "--speed", "0", "--yes", *on_hub]) == 0
    assert [identity(each) for each in ear.hear(300)] == [identity(each) for each in frames]
    assert hub.counters().pending == 0


def test_a_packed_log_is_read_too(on_hub: list[str], ear: Ear, tmp_path: Path) -> None:
    frames = make_frames(20)
    log = write_log(tmp_path / "log.asc.gz", frames)
    assert run(["can", "replay", str(log), "--yes", *on_hub]) == 0
    assert [identity(each) for each in ear.hear(20)] == [identity(each) for each in frames]


def test_2000_frames_at_full_speed_and_none_is_lost(
    hub: HubThread,
    on_hub: list[str],
    ear: Ear,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frames = make_frames(2000)
    log = write_log(tmp_path / "long.log", frames)
    words = ["can", "replay", str(log), "--speed", "0", "--yes", "--json", *on_hub]
    with dumping(hub, *on_hub, "-o", str(tmp_path / "heard.blf"), "--count", "2000"):
        assert run(words) == 0
    lines = capsys.readouterr().out.splitlines()
    (told,) = [json.loads(line) for line in lines if line.startswith("{")]
    assert (told["frames"], told["sent"], told["carried"]) == (2000, 2000, 2000)
    expected = [identity(each) for each in frames]
    assert [identity(each) for each in ear.hear(2000)] == expected
    with can.LogReader(tmp_path / "heard.blf") as reader:
        assert [identity(each) for each in reader] == expected
    assert (hub.counters().frames, hub.counters().errors) == (2000, 0)


@pytest.mark.parametrize("speed", [1, 1000])
def test_no_frame_is_sent_before_its_recorded_time_divided_by_the_speed(
    speed: int, on_hub: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    due_s = (0.0, 0.1, 0.15, 0.3, 0.4)
    frames = make_frames(len(due_s))
    for frame, at_s in zip(frames, due_s, strict=True):
        frame.timestamp = 1000 + at_s * speed
    log = write_log(tmp_path / "slow.log", frames)
    sent_s: list[float] = []
    send = Sender.send

    def timed(sender: Sender, frame: can.Message) -> None:
        sent_s.append(time.monotonic())
        send(sender, frame)

    monkeypatch.setattr(Sender, "send", timed)
    begin_s = time.monotonic()
    assert run(["can", "replay", str(log), "--speed", str(speed), "--yes", *on_hub]) == 0
    assert len(sent_s) == len(due_s)
    assert all(at_s - begin_s > due - 0.001 for at_s, due in zip(sent_s, due_s, strict=True))
    assert sent_s[-1] - begin_s < 60  # of 400 s that were recorded


def random_frame(name: str, source: random.Random) -> can.Message:
    definition = DATABASE.get_message_by_name(name)
    return can.Message(
        arbitration_id=definition.frame_id,
        is_extended_id=False,
        data=source.randbytes(definition.length),
    )


def test_decoded_lines_are_what_cantools_says(
    emulated: HubThread, capsys: pytest.CaptureFixture[str]
) -> None:
    source = random.Random(7)
    frames = [random_frame(each.name, source) for each in DATABASE.messages for _ in range(10)]
    with dumping(emulated, "--json", "--count", str(len(frames))), emulated.client() as bus:
        for frame in frames:
            bus.send(frame)
        emulated.wait_for(lambda counters: counters.frames == len(frames))
    for frame, line in zip(frames, capsys.readouterr().out.splitlines(), strict=True):
        told = json.loads(line)
        definition = DATABASE.get_message_by_frame_id(frame.arbitration_id)
        assert (told["channel"], told["id"]) == ("can0", f"{frame.arbitration_id:03X}")
        assert (told["name"], told["data"]) == (definition.name, frame.data.hex())
        decoded: Any = definition.decode(bytes(frame.data))
        signals = {name: each["value"] for name, each in told["signals"].items()}
        assert signals == {
            name: value if isinstance(value, int | float) else str(value)
            for name, value in decoded.items()
        }
        units = {name: each["unit"] for name, each in told["signals"].items()}
        assert units == {each.name: each.unit or None for each in definition.signals}


def dumped(
    hub: HubThread,
    frames: list[can.Message],
    capsys: pytest.CaptureFixture[str],
    *words: str,
) -> list[str]:
    """Return the lines of a dump that hears these frames and then one with the id 7FF."""
    end = can.Message(arbitration_id=0x7FF, is_extended_id=False)
    with dumping(hub, *words), hub.client() as bus:
        for frame in (*frames, end):
            bus.send(frame)
        hub.wait_for(lambda counters: counters.pending == 0 and counters.frames > len(frames))
    return capsys.readouterr().out.splitlines()


def test_a_line_has_time_channel_id_name_bytes_and_signals(
    emulated: HubThread, capsys: pytest.CaptureFixture[str]
) -> None:
    definition = DATABASE.get_message_by_name("DRV_Status")
    data = definition.encode(
        {"CRC": 1, "Counter": 2, "Gear": "Park", "PowerState": "Off", "Speed": 12.5}
    )
    speed = can.Message(arbitration_id=definition.frame_id, is_extended_id=False, data=data)
    short = can.Message(arbitration_id=definition.frame_id, is_extended_id=False, data=b"\1")
    strange = can.Message(arbitration_id=0x18FEF100, is_extended_id=True, data=b"\xab")
    first, second, third, _ = dumped(emulated, [speed, short, strange], capsys, "--count", "4")
    time_text, *rest = first.split()
    assert len(time_text) == len("12:34:56.123456")
    assert rest[:3] == ["can0", "130", "DRV_Status"]
    assert rest[3:11] == data.hex(" ").upper().split()
    assert rest[11:] == ["CRC=1", "Counter=2", "Gear=Park", "PowerState=Off", "Speed=12.5", "km/h"]
    assert "(" in second
    assert third.split()[1:] == ["can0", "18FEF100", "-", "AB"]


def test_signals_apart_are_a_line_each(
    emulated: HubThread, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = command(DATABASE, "GW_BodyCommand", 3, LockRequest="Lock")
    lines = dumped(emulated, [frame], capsys, "--signals", "--count", "2")
    assert lines[0].split()[-8:] == frame.data.hex(" ").upper().split()
    assert lines[2:4] == ["    Counter=3", "    LockRequest=Lock"]


def test_changed_looks_past_checksum_and_counter(
    emulated: HubThread, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [
        command(DATABASE, "GW_BodyCommand", counter, LockRequest=asked)
        for counter, asked in enumerate(["Lock", "Lock", "Unlock", "Unlock", "Lock"])
    ]
    lines = dumped(emulated, frames, capsys, "--changed", "--count", "4")
    assert [line.split("LockRequest=")[1] for line in lines[:-1]] == ["Lock", "Unlock", "Lock"]


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (["123"], [(0x123, False)]),
        (["120/7F0"], [(0x120, False), (0x123, False)]),
        (["123", "00000123"], [(0x123, False), (0x123, True)]),
        (["00000000/00000000"], [(0x123, True), (0x1FFFFFFF, True)]),
    ],
)
def test_filters(
    filters: list[str],
    wanted: list[tuple[int, bool]],
    hub: HubThread,
    on_hub: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    sent = [(0x120, False), (0x123, False), (0x123, True), (0x1FFFFFFF, True), (0x130, False)]
    options = [word for each in (*filters, "7FF") for word in ("--filter", each)]
    frames = [can.Message(arbitration_id=each, is_extended_id=ext) for each, ext in sent]
    count = str(len(wanted) + 1)
    lines = dumped(hub, frames, capsys, *on_hub, *options, "--json", "--count", count)
    told = [json.loads(line)["id"] for line in lines[:-1]]
    assert [(int(each, 16), len(each) == 8) for each in told] == wanted


def test_the_table_has_a_row_for_each_id(
    emulated: HubThread, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [command(DATABASE, "GW_BodyCommand", counter) for counter in range(3)]
    lines = dumped(emulated, frames, capsys, "--table", "--count", "4")
    assert lines[0].split() == ["id", "name", "frames", "rate", "bytes"]
    assert lines[1].split()[:3] == ["200", "GW_BodyCommand", "3"]
    assert lines[1].split()[-8:] == frames[-1].data.hex(" ").upper().split()
    assert lines[2].split()[:3] == ["7FF", "-", "1"]


def test_dump_ends_after_its_time(on_hub: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    begin_s = time.monotonic()
    assert run(["can", "dump", "--seconds", "0.2", *on_hub]) == 0
    assert 0.2 <= time.monotonic() - begin_s < 60
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200#0011223344556677", (0x200, False, bytes.fromhex("0011223344556677"))),
        ("7ff#", (0x7FF, False, b"")),
        ("00000200#AB.cd", (0x200, True, b"\xab\xcd")),
        ("1FFFFFFF#01", (0x1FFFFFFF, True, b"\x01")),
    ],
)
def test_send_in_candumps_notation(
    text: str, expected: Identity, emulated: HubThread, ear: Ear
) -> None:
    assert run(["can", "send", text]) == 0
    assert identity(ear.hear(1)[0]) == expected


def test_send_by_name_with_checksum_and_counter(emulated: HubThread, ear: Ear) -> None:
    words = ["can", "send", "GW_BodyCommand", "LockRequest=Lock", "Counter=14"]
    assert run([*words, "--repeat", "4", "--period-ms", "1"]) == 0
    wanted = [
        command(DATABASE, "GW_BodyCommand", each, LockRequest="Lock") for each in (14, 15, 0, 1)
    ]
    assert [identity(each) for each in ear.hear(4)] == [identity(each) for each in wanted]


@pytest.mark.parametrize("name", [each.name for each in DATABASE.messages])
def test_every_message_is_sent_soundly_and_asks_for_nothing(
    name: str, emulated: HubThread, ear: Ear
) -> None:
    assert run(["can", "send", name]) == 0
    (frame,) = ear.hear(1)
    definition = DATABASE.get_message_by_name(name)
    assert (frame.arbitration_id, len(frame.data)) == (definition.frame_id, definition.length)
    if "CRC" in definition.signal_tree:
        assert sealed(frame.arbitration_id, bytes(frame.data)) == bytes(frame.data)
    said: Any = definition.decode(bytes(frame.data))
    assert {str(value) for key, value in said.items() if key.endswith("Request")} <= {
        "NoRequest",
        "0",
    }


def test_named_in_full_a_checksum_is_sent_as_it_is(emulated: HubThread, ear: Ear) -> None:
    assert run(["can", "send", "GW_BodyCommand", "CRC=0", "Counter=0", "LockRequest=1"]) == 0
    assert bytes(ear.hear(1)[0].data) == bytes.fromhex("0000010000000000")


def test_a_physical_value_is_scaled(emulated: HubThread, ear: Ear) -> None:
    assert run(["can", "send", "CLIM_Temperatures", "CabinTemperature=21.3"]) == 0
    definition = DATABASE.get_message_by_name("CLIM_Temperatures")
    said: Any = definition.decode(bytes(ear.hear(1)[0].data))
    assert said["CabinTemperature"] == pytest.approx(21.3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["12#00"], "12 is no id"),
        (["800#00"], "800 is no id"),
        (["2FFFFFFF#00"], "2FFFFFFF is no id"),
        (["xyz#00"], "xyz is no id"),
        (["123#0"], "no whole bytes"),
        (["123#00.11."], "no whole bytes"),
        (["123#001122334455667788"], "9 bytes"),
        (["123#R"], "only data frames"),
        (["123##100"], "only data frames"),
        (["123#00", "Speed=1"], "takes no Speed=1"),
        (["BODY_DorStatus"], "did you mean BODY_DoorStatus?"),
        (["body_doorstatus"], "did you mean BODY_DoorStatus?"),
        (["zzz"], "it has BODY_DoorStatus, "),
        (["DRV_Status", "Sped=1"], "did you mean Speed?"),
        (["DRV_Status", "Gear=Prak"], "did you mean Park?"),
        (["BODY_DoorStatus", "HoodOpen=so"], "HoodOpen is a number, not so"),
        (["DRV_Status", "Speed=400"], "Speed's 0 to 300"),
        (["DRV_Status", "Speed=0.001"], "between the steps of Speed, 0.01 each"),
        (["DRV_Status", "Speed"], "not SIGNAL=VALUE"),
        (["DRV_Status", "Speed=1", "Speed=2"], "given twice"),
        (["DRV_Status", "--car", "Herbie"], "no car Herbie"),
        (["123#00", "--channel", "can7"], "use can0 or can1"),
        (["123#00", "--bitrate", "500000"], "leave --bitrate out"),
    ],
)
def test_what_cannot_be_sent_is_told_in_one_sentence(
    words: list[str],
    sentence: str,
    emulated: HubThread,
    ear: Ear,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, error = error_of(["can", "send", *words], capsys)
    assert code == 2
    assert sentence in error
    assert emulated.counters().frames == 0


def test_a_name_means_nothing_without_a_car(
    on_hub: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = error_of(["can", "send", "DRV_Status", "--yes", *on_hub], capsys)
    assert (code, "--car" in error) == (2, True)


def test_a_bus_that_may_be_a_real_cars_wants_yes(
    hub: HubThread, on_hub: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path / "log.log", make_frames(3))
    for words in (["send", "123#00"], ["replay", str(log)]):
        code, error = error_of(["can", *words, *on_hub], capsys)
        assert (code, "add --yes" in error) == (2, True)
    assert hub.counters().frames == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "carport emulate"),
        (["--state", "/nowhere"], "carport emulate --state /nowhere"),
        (["--interface", "slcan", "--channel", "/dev/nope"], "no bus at slcan /dev/nope"),
        (["--host", "127.0.0.1", "--port", "1", "--channel", "x"], "Connection refused"),
    ],
)
def test_nothing_there_is_exit_code_5(
    words: list[str], sentence: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for what in (["dump"], ["send", "123#00", "--yes"]):
        code, error = error_of(["can", *what, *words], capsys)
        assert code == 5
        assert sentence in error


def test_an_unknown_channel_of_a_server_is_told(
    hub: HubThread, on_hub: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = error_of(["can", "dump", *on_hub, "--channel", "can9"], capsys)
    assert (code, "no channel can9" in error) == (5, True)


def test_an_unknown_interface_is_told_with_a_suggestion(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = error_of(["can", "dump", "--interface", "soketcan"], capsys)
    assert (code, "did you mean socketcan" in error) == (2, True)


def test_python_cans_own_configuration_comes_before_the_emulator(
    emulated: HubThread, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_hub() as other:
        monkeypatch.setenv("CAN_INTERFACE", "socketcand")
        monkeypatch.setenv("CAN_CHANNEL", "can1")
        monkeypatch.setenv("CAN_CONFIG", json.dumps({"host": "127.0.0.1", "port": other.port}))
        assert run(["can", "send", "123#00", "--yes"]) == 0
        assert other.counters("can1").frames == 1
    monkeypatch.setenv("CAN_CONFIG", "{")
    code, error = error_of(["can", "dump"], capsys)
    assert (code, "CAN_CONFIG" in error) == (2, True)
    assert emulated.counters().frames == 0


@pytest.mark.parametrize(
    ("name", "text", "place", "reason"),
    [
        ("a.log", "(1.0) can0 123#00\n(1.1) can0 123#1\n", "a.log:2:", "0 bytes"),
        ("a.log", "(1.0) can0 123#00\n\n(1.1) can0 12", "a.log:3:", ""),
        ("a.log", "(1.0) can0 FFF#00\n", "a.log:1:", "above 7FF"),
        ("a.log", "(nan) can0 123#00\n", "a.log:1:", "its time"),
        ("a.log", "(1.0) can0 123#001122334455667788\n", "a.log:1:", "9 bytes are too many"),
        ("a.asc", "date x\nbase hex\n0.1 1 123 Rx d 8 00 11\n", "a.asc:3:", "2 of 8 bytes"),
        ("a.asc", "date x\nbase hex\n0.1 1 zz Rx d 1 00\n", "a.asc:3:", "zz"),
        ("a.csv", "timestamp,...\n1.0,0x123,0,0,0,1,AA==\n1.0,0x123\n", "a.csv:3:", "values"),
        ("a.csv", "timestamp,...\n1.0,0x123,0,0,0,2,AA==\n", "a.csv:2:", "1 of 2 bytes"),
        ("a.trc", "      1)      1.0  0123 2 00 11\n      2)      2.0  01\n", "a.trc:2:", "parse"),
    ],
)
def test_a_malformed_log_is_told_with_its_line_and_nothing_is_sent(
    name: str,
    text: str,
    place: str,
    reason: str,
    hub: HubThread,
    on_hub: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / name).write_text(text)
    code, error = error_of(["can", "replay", str(tmp_path / name), "--yes", *on_hub], capsys)
    assert code == 2
    assert place in error
    assert reason in error
    assert hub.counters().frames == 0


@pytest.mark.parametrize("ending", [".blf", ".mf4", ".asc.gz", ".db"])
def test_a_binary_log_that_is_cut_off_is_told_and_nothing_is_sent(
    ending: str,
    hub: HubThread,
    on_hub: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if ending == ".mf4":
        pytest.importorskip("asammdf")
    log = write_log(tmp_path / f"log{ending}", make_frames(2000))
    whole = log.read_bytes()
    for share in (0.0, 0.001, 0.3, 0.7, 0.99):
        log.write_bytes(whole[: int(len(whole) * share)])
        code, error = error_of(["can", "replay", str(log), "--yes", *on_hub], capsys)
        assert code == 2
        assert str(log) in error
        assert hub.counters().frames == 0


@pytest.mark.parametrize("name", ["log.pcap", "log", "log.blf.gz", "missing.log"])
def test_what_is_no_log_is_told(
    name: str, on_hub: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not name.startswith("missing"):
        (tmp_path / name).write_bytes(base64.b64decode("AAAA"))
    code, error = error_of(["can", "replay", str(tmp_path / name), "--yes", *on_hub], capsys)
    assert (code, name in error) == (2, True)


def test_an_empty_log_has_nothing_to_send(
    on_hub: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.log").write_text("")
    code, error = error_of(
        ["can", "replay", str(tmp_path / "empty.log"), "--yes", *on_hub], capsys
    )
    assert (code, "it has no frames" in error) == (2, True)


def test_a_log_of_an_unknown_ending_is_not_recorded(
    hub: HubThread, on_hub: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = error_of(["can", "dump", "-o", str(tmp_path / "log.foo"), *on_hub], capsys)
    assert (code, ".blf" in error) == (2, True)


def test_ids_of_the_car_are_pointed_out_and_left_out(
    emulated: HubThread, ear: Ear, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = make_frames(3)
    frames.insert(1, command(DATABASE, "GW_BodyCommand", 1, LockRequest="Unlock"))
    frames.append(can.Message(arbitration_id=0x601, is_extended_id=False, is_remote_frame=True))
    for frame in frames:
        frame.channel = "vcan3"
    log = write_log(tmp_path / "log.log", frames)
    assert run(["can", "replay", str(log), "--speed", "0", "--json"]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert "200 GW_BodyCommand" in printed.err
    assert told["collisions"] == {"200": "GW_BodyCommand"}
    assert (told["frames"], told["sent"], told["carried"]) == (5, 3, 3)
    assert sorted(told["left_out"].values()) == [1, 1]
    assert [each.arbitration_id for each in ear.hear(3)] == [
        each.arbitration_id for each in (frames[0], *frames[2:4])
    ]

    assert run(["can", "replay", str(log), "--speed", "0", "--with-collisions"]) == 0
    assert [identity(each) for each in ear.hear(4)] == [identity(each) for each in frames[:4]]


def test_channels_are_mapped(
    emulated: HubThread, ear: Ear, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = make_frames(30)
    for number, frame in enumerate(frames):
        frame.channel = number % 3
    log = write_log(tmp_path / "three.blf", frames)
    code, error = error_of(["can", "replay", str(log)], capsys)
    assert (code, "--map 0=can0 --map 1=can0 --map 2=can0" in error) == (2, True)
    other = Ear(emulated, "can1")
    words = ["can", "replay", str(log), "--map", "0=can1", "--map", "2=can0", "--speed", "0"]
    assert run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sent"], list(told["left_out"].values())) == (20, [10])
    assert [identity(each) for each in other.hear(10)] == [identity(each) for each in frames[::3]]
    assert [identity(each) for each in ear.hear(10)] == [identity(each) for each in frames[2::3]]
    other.bus.shutdown()


@pytest.mark.parametrize(
    ("maps", "sentence"),
    [
        (["can0"], "not FROM=TO"),
        (["can0=can0", "can0=can1"], "mapped twice"),
        (["can0=can5"], "use can0 or can1"),
        (["can9=can0"], "its channel is not in --map"),
    ],
)
def test_wrong_maps(
    maps: list[str],
    sentence: str,
    emulated: HubThread,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = write_log(tmp_path / "log.log", make_frames(3))
    options = [word for each in maps for word in ("--map", each)]
    code, error = error_of(["can", "replay", str(log), *options], capsys)
    assert (code, sentence in error) == (2, True)


def test_a_bus_that_takes_nothing_is_told(
    hub: HubThread, on_hub: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def stop() -> None:
        hub.wait_for(lambda counters: counters.frames > 0)
        hub.stop()

    stopping = threading.Thread(target=stop)
    stopping.start()
    words = ["can", "send", "123#00", "--repeat", "9999999", "--period-ms", "1", "--yes"]
    code = run([*words, *on_hub])
    stopping.join()
    assert (code, capsys.readouterr().err.count("\n")) == (5, 1)


def completions(words: list[str], incomplete: str) -> list[str]:
    complete = ShellComplete(carport_command, {}, "carport", "_CARPORT_COMPLETE")
    return [each.value for each in complete.get_completions(words, incomplete)]


def test_messages_and_signals_are_completed(emulated: HubThread) -> None:
    assert completions(["can", "send"], "GW_") == ["GW_BodyCommand", "GW_ClimateCommand"]
    assert completions(["can", "send", "GW_BodyCommand"], "L") == ["LockRequest="]
    assert completions(["can", "send", "GW_BodyCommand"], "LockRequest=U") == [
        "LockRequest=Unlock"
    ]
    assert "leaf-2013" in completions(["can", "dump", "--car"], "le")
    assert completions(["can", "send", "--car", "leaf-2013"], "TCU_C") == ["TCU_Command"]


def test_nothing_is_completed_where_no_emulator_runs(home: Path) -> None:
    assert completions(["can", "send"], "GW_") == []
