"""Backups and invitations: good for enrolling and nothing else, however often they are copied."""

from itertools import count

import pytest

from gateway.coap.numbers import (
    CHANGED,
    CONTENT,
    ECHO,
    FORBIDDEN,
    GET,
    POST,
    SERVICE_UNAVAILABLE,
    UNAUTHORIZED,
)
from tests.aes import RecordingAES
from tests.models.host import Credential, Host
from tests.models.shell import Shell

REQUEST = {"random": bytes(32)}


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def owner(shell: Shell) -> Host:
    return Host.pair(shell)


def reboot(credential: Credential, *hosts: Host) -> Shell:
    credential.shell = credential.shell.reboot()
    for host in hosts:
        host.shell = credential.shell
    return credential.shell


def test_a_backup_enrols_contexts_of_its_owner_as_often_as_it_is_used(
    shell: Shell, owner: Host
) -> None:
    backup = owner.make_dormant()
    for _ in range(3):
        restored = backup.wake().enrol()
        assert restored.principals()["ann"]["you"]
        reboot(backup)
    assert backup.wake().enrol().principals()["ann"]["contexts"] == 5


def test_an_invitation_is_spent_by_its_first_use(shell: Shell, owner: Host) -> None:
    invitation = owner.make_dormant(name="bob", role="driver")
    assert owner.principals()["bob"]["contexts"] == 0
    waking = invitation.wake()
    bob = waking.enrol()
    assert bob.request(GET, ["lock"]).code == CONTENT
    assert owner.principals()["bob"]["contexts"] == 1
    assert "invitations" not in owner.principals()["bob"]
    assert waking.request(POST, ["keys"], REQUEST).code == UNAUTHORIZED
    assert invitation.wake().request(POST, ["keys"], REQUEST).code == UNAUTHORIZED
    reboot(invitation, bob)
    assert invitation.wake().request(POST, ["keys"], REQUEST).code == UNAUTHORIZED
    assert bob.request(GET, ["lock"]).code == CONTENT


def test_an_invitation_that_was_revoked_is_unknown(shell: Shell, owner: Host) -> None:
    invitation = owner.make_dormant(name="bob", role="driver")
    waking = invitation.wake()
    waking.send(waking.protect(POST, ["keys"], REQUEST))
    owner.revoke("bob")
    assert waking.request(POST, ["keys"], REQUEST).code == UNAUTHORIZED
    assert list(owner.principals()) == ["ann"]


@pytest.mark.parametrize(
    "fields",
    [
        {"dormant": True},
        {"name": "eve", "role": "owner"},
        {"name": "eve", "role": "viewer", "dormant": True},
    ],
    ids=str,
)
def test_a_credential_makes_keys_for_nobody_else(
    shell: Shell, owner: Host, fields: dict[str, object]
) -> None:
    for credential in (owner.make_dormant(), owner.make_dormant(name="bob", role="owner")):
        waking = credential.wake()
        assert waking.request(POST, ["keys"], {**REQUEST, **fields}).code == FORBIDDEN
    assert list(owner.principals()) == ["ann", "bob"]


def test_a_recorded_enrolment_enrols_nobody_again(shell: Shell, owner: Host) -> None:
    backup = owner.make_dormant()
    waking = backup.wake()
    waking.send(waking.protect(POST, ["keys"], REQUEST))
    echo = waking.responses()[-1].option(ECHO)
    assert echo is not None
    recorded = waking.protect(POST, ["keys"], REQUEST, options=[(ECHO, echo)])
    waking.send(recorded)
    assert waking.responses()[-1].code == CHANGED
    contexts = owner.principals()["ann"]["contexts"]
    shell.receive_datagram(recorded, "elsewhere")
    shell.advance(5000)
    shell.receive_datagram(recorded, "elsewhere")
    reboot(backup, owner).receive_datagram(recorded, "elsewhere")
    assert owner.principals()["ann"]["contexts"] == contexts


def test_two_recorded_uses_that_push_each_other_out_enrol_nobody_again(
    shell: Shell, owner: Host
) -> None:
    backup = owner.make_dormant()
    recorded: list[tuple[bytes, str]] = []
    for _ in range(2):
        waking = backup.wake()
        waking.send(waking.protect(POST, ["keys"], REQUEST))
        echo = waking.responses()[-1].option(ECHO)
        assert echo is not None
        first = waking.protect(POST, ["keys"], REQUEST)
        second = waking.protect(POST, ["keys"], REQUEST, options=[(ECHO, echo)])
        waking.send(second)
        assert waking.responses()[-1].code == CHANGED
        recorded += [(first, waking.peer), (second, waking.peer)]
    contexts = owner.principals()["ann"]["contexts"]
    for message_id in range(3):
        for data, peer in recorded:
            shell.receive_datagram(data[:2] + bytes((0x77, message_id)) + data[4:], peer)
    assert owner.principals()["ann"]["contexts"] == contexts


def test_a_use_from_before_a_reboot_is_challenged_again(shell: Shell, owner: Host) -> None:
    backup = owner.make_dormant()
    waking = backup.wake()
    waking.enrol()
    reboot(backup, waking)
    waking.send(waking.protect(POST, ["keys"], REQUEST))
    assert waking.responses()[-1].option(ECHO) is not None
    assert waking.enrol().request(GET, ["lock"]).code == CONTENT


def test_strangers_who_name_a_credential_take_nothing_from_its_holder(
    shell: Shell, owner: Host
) -> None:
    backup = owner.make_dormant()
    waking = backup.wake()
    waking.send(waking.protect(POST, ["keys"], REQUEST))
    echo = waking.responses()[-1].option(ECHO)
    assert echo is not None
    for _ in range(5):
        stranger = Credential(shell, backup.kid, bytes(16)).wake()
        assert stranger.request(POST, ["keys"], REQUEST).code != CHANGED
    waking.send(waking.protect(POST, ["keys"], REQUEST, options=[(ECHO, echo)]))
    assert waking.responses()[-1].code == CHANGED


@pytest.mark.parametrize("size", [0, 1, 7, 9, 32])
def test_an_id_context_has_eight_bytes(shell: Shell, owner: Host, size: int) -> None:
    waking = owner.make_dormant().wake(bytes(size))
    assert waking.request(POST, ["keys"], REQUEST).code == UNAUTHORIZED


def test_a_copied_credential_makes_the_board_use_no_nonce_twice() -> None:
    ciphers: dict[bytes, RecordingAES] = {}

    def cipher(key: bytes) -> RecordingAES:
        return ciphers.setdefault(key, RecordingAES(key))

    shell = Shell(aes=cipher)
    owner = Host.pair(shell)
    backup = owner.make_dormant()
    id_context = bytes(range(8))
    copies = count()
    key = None
    for _ in range(8):
        for _ in range(2):  # two copies of the same file, restored with the same random bytes
            waking = backup.wake(id_context)
            waking.peer = f"copy {next(copies)}"
            waking.send(waking.protect(POST, ["keys"], REQUEST))
            key = shell.gateway._keys.find(backup.kid, id_context, shell.now_ms) or key
            echo = waking.responses()[-1].option(ECHO)
            if echo is not None:
                waking.send(waking.protect(POST, ["keys"], REQUEST, options=[(ECHO, echo)]))
        shell = Shell(shell.storage, aes=cipher)
        backup.shell = shell
    assert key is not None
    assert key.oscore is not None
    sealing = key.oscore.sender.cipher
    assert isinstance(sealing, RecordingAES)
    assert len(sealing.nonces) >= 8
    assert len(set(sealing.nonces)) == len(sealing.nonces)


def test_there_is_an_end_to_credentials(shell: Shell, owner: Host) -> None:
    for number in range(4):
        owner.make_dormant()
        owner.make_dormant(name=f"bob {number}", role="viewer")
    full = owner.request(POST, ["keys"], {**REQUEST, "dormant": True})
    assert full.code == SERVICE_UNAVAILABLE
    owner.revoke("ann", "backups")
    assert owner.make_dormant().wake().enrol().request(GET, ["lock"]).code == CONTENT


def test_a_backup_whose_sequence_record_is_lost_is_no_more(shell: Shell, owner: Host) -> None:
    backup = owner.make_dormant()
    del shell.storage["sequence-" + backup.kid.hex()]
    reboot(backup, owner)
    assert backup.wake().request(POST, ["keys"], REQUEST).code == UNAUTHORIZED
    assert owner.request(GET, ["lock"]).code == CONTENT


@pytest.mark.parametrize("cut", range(7))
def test_every_cut_leaves_an_invitation_whole_or_spent(cut: int) -> None:
    shell = Shell()
    owner = Host.pair(shell)
    invitation = owner.make_dormant(name="bob", role="driver")
    waking = invitation.wake()
    waking.send(waking.protect(POST, ["keys"], REQUEST))
    echo = waking.responses()[-1].option(ECHO)
    assert echo is not None
    shell.holds_saves = True
    waking.send(waking.protect(POST, ["keys"], REQUEST, options=[(ECHO, echo)]))
    assert waking.responses() == []
    for _, name, data in shell.gateway.saves()[:cut]:
        shell.save(name, data)
    reboot(invitation, owner)
    bob = owner.principals()["bob"]
    assert (bob["contexts"], bob.get("invitations", 0)) in ((0, 1), (1, 0))
    again = invitation.wake().request(POST, ["keys"], REQUEST)
    assert again.code == (CHANGED if bob["contexts"] == 0 else UNAUTHORIZED)
