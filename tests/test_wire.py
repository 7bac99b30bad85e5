"""The wire: what is recorded, what a silent or missing instrument becomes, and that no late reply answers a query."""

import json
import socket
import threading

import pytest

from instruments.clock import VirtualClock
from instruments.errors import InputError, InstrumentError, NotAnswering
from instruments.wire import Wire
from instruments.wire_log import Message, WireLog
from sim_device.virtual_bench.reach.visa import Port, VirtualVisaLibrary

NAME = "TCPIP0::smu::inst0::INSTR"


class Echo:
    """An instrument that answers a query with itself, and nothing to a command."""

    def __init__(self):
        self.received = []
        self.replies = []
        self.cleared = 0

    def receive(self, message):
        self.received.append(message)
        if message.endswith("?"):
            self.replies.append(f"reply to {message}")

    def transmit(self):
        return self.replies.pop(0) if self.replies else None

    def clear(self):
        self.cleared += 1
        self.replies.clear()

    def status_byte(self):
        return 0


class Late(Port):
    """The first reply is ready only after it was waited for in vain."""

    late = True

    def reply(self):
        if self.late:
            self.late = False
            return None
        return super().reply()


def wire_to(twin, port=Port, name=NAME, **options):
    clock = VirtualClock()
    return Wire(name, VirtualVisaLibrary.around({name: port(twin)}, clock), instrument="smu", clock=clock, **options)


def test_messages_pass_whole_and_without_termination():
    twin = Echo()
    wire = wire_to(twin)
    wire.write("*RST")
    wire.write("*IDN?")
    assert wire.read() == "reply to *IDN?"
    assert twin.received == ["*RST", "*IDN?"]


def test_every_message_is_recorded_in_order_with_time_and_direction():
    record = []
    wire = wire_to(Echo(), sink=record.append)
    wire.write("A")
    wire.clock.wait(0.5)
    wire.write("B?")
    wire.read()
    assert record == [
        Message(0.0, "smu", "write", "A"),
        Message(0.5, "smu", "write", "B?"),
        Message(0.5, "smu", "read", "reply to B?"),
    ]


@pytest.mark.parametrize("name", [NAME, "TCPIP0::smu::5025::SOCKET"])
def test_a_late_reply_never_answers_the_next_query(name):
    wire = wire_to(Echo(), Late, name, timeout=0.25)
    wire.write("FIRST?")
    with pytest.raises(NotAnswering, match=rf"smu at {name} did not answer 'FIRST\?' within 250 ms"):
        wire.read()
    wire.write("SECOND?")
    assert wire.read() == "reply to SECOND?"
    assert wire.clock.now() == pytest.approx(0.25)  # the timeout was waited for, on the clock of the bench


def test_nothing_is_sent_twice_after_a_timeout():
    twin = Echo()
    wire = wire_to(twin, Late)
    wire.write("*TRG;*OPC?")
    with pytest.raises(NotAnswering):
        wire.read()
    assert twin.received == ["*TRG;*OPC?"]
    assert twin.cleared == 1


@pytest.mark.parametrize("name", [NAME, "TCPIP0::smu::5025::SOCKET"])
def test_the_reply_to_a_query_that_was_interrupted_never_answers_the_next(name):
    class Interrupting(Port):
        first = True

        def reply(self):
            if self.first:
                self.first = False
                raise KeyboardInterrupt
            return super().reply()

    twin = Echo()
    wire = wire_to(twin, Interrupting, name)
    wire.write("FIRST?")
    with pytest.raises(KeyboardInterrupt):
        wire.read()
    wire.write(":OUTP OFF")  # at once, and without asking anything
    assert twin.received == ["FIRST?", ":OUTP OFF"]
    wire.write("SECOND?")
    assert wire.read() == "reply to SECOND?"


def test_a_resource_that_is_not_there_is_named():
    library = VirtualVisaLibrary.around({NAME: Port(Echo())}, VirtualClock())
    with pytest.raises(NotAnswering, match="gen at TCPIP0::gen::inst0::INSTR cannot be opened"):
        Wire("TCPIP0::gen::inst0::INSTR", library, instrument="gen")


def test_what_is_no_resource_name_is_wrong_input():
    library = VirtualVisaLibrary.around({NAME: Port(Echo())}, VirtualClock())
    with pytest.raises(InputError, match=r"'COFFEE' is not a VISA resource name; write it like 'TCPIP0::"):
        Wire("COFFEE", library)


def test_bytes_that_are_no_text_are_no_value():
    class Garbage(Port):
        def reply(self):
            return b"\xff\xfe\x00\n"

    wire = wire_to(Echo(), Garbage)
    wire.write("READ?")
    with pytest.raises(InstrumentError, match="bytes that are no text"):
        wire.read()


@pytest.mark.parametrize("broken", [b"1.2", b"1.2\xff\n"], ids=["half", "no text"])
def test_after_a_broken_reply_the_instrument_is_cleared_before_the_next_question(broken):
    class Broken(Port):
        def reply(self):
            reply = super().reply()
            return broken if reply == b"reply to first?\n" else reply

    twin = Echo()
    wire = wire_to(twin, Broken)
    wire.write("first?")
    with pytest.raises(InstrumentError):
        wire.read()
    assert twin.cleared == 1
    wire.write("second?")
    assert wire.read() == "reply to second?"


def test_half_a_reply_is_no_reply():
    class Half(Port):
        def reply(self):
            return b"1.00" if super().reply() else None

    wire = wire_to(Echo(), Half)
    wire.write("READ?")
    with pytest.raises(InstrumentError, match="half a reply"):
        wire.read()


def test_a_reply_longer_than_a_chunk_arrives_whole():
    class Long(Echo):
        def transmit(self):
            return "1.234567E-06," * 20_000

    wire = wire_to(Long())
    wire.write("DATA?")
    assert wire.read() == "1.234567E-06," * 20_000


def test_closing_twice_is_harmless():
    wire = wire_to(Echo())
    wire.close()
    wire.close()
    with pytest.raises(NotAnswering):
        wire.write("*IDN?")


def test_the_log_is_one_json_object_a_line(tmp_path):
    path = tmp_path / "wire.jsonl"
    with WireLog(path) as log:
        log(Message(0.25, "smu", "write", ':SENS:FUNC "CURR"'))
        log(Message(1.5, "smu", "read", "µ\n"))
    first, second = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert first == {"time_s": 0.25, "instrument": "smu", "direction": "write", "text": ':SENS:FUNC "CURR"'}
    assert second == {"time_s": 1.5, "instrument": "smu", "direction": "read", "text": "µ\n"}


def test_flushed_messages_are_in_the_file_while_it_is_open(tmp_path):
    path = tmp_path / "wire.jsonl"
    with WireLog(path) as log:
        log(Message(0.0, "smu", "write", "*RST"))
        log.flush()
        assert json.loads(path.read_text(encoding="utf-8"))["text"] == "*RST"


class Server:
    """A TCP instrument on loopback; `silent` queries get no answer until the connection is opened anew."""

    def __init__(self, silent=frozenset()):
        self.silent = silent
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.name = f"TCPIP0::127.0.0.1::{self._socket.getsockname()[1]}::SOCKET"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                link, _ = self._socket.accept()
            except OSError:
                return
            with link, link.makefile("rb") as lines:
                for line in lines:
                    text = line.decode().strip()
                    if text == "BYE":
                        self._socket.close()
                        return
                    if text.endswith("?") and text not in self.silent:
                        link.sendall(b"reply to " + line)

    def join(self):
        self._thread.join(5)
        assert not self._thread.is_alive()


def test_a_raw_socket_sends_at_once_and_is_opened_anew_after_a_timeout():
    server = Server(silent={"SILENT?"})
    wire = Wire(server.name, "@py", instrument="smu", timeout=0.2)
    link = wire.connection.visalib.sessions[wire.connection.session].interface
    assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    wire.write("SILENT?")
    with pytest.raises(NotAnswering, match="within 200 ms"):
        wire.read()
    anew = wire.connection.visalib.sessions[wire.connection.session].interface
    assert anew is not link
    assert anew.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    wire.write("*IDN?")
    assert wire.read() == "reply to *IDN?"
    wire.write("BYE")
    wire.close()
    server.join()


def test_a_port_where_nobody_listens_is_not_answering():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    def open_and_ask():
        wire = Wire(f"TCPIP0::127.0.0.1::{port}::SOCKET", "@py", instrument="smu", timeout=0.2)
        wire.write("*IDN?")
        wire.read()

    with pytest.raises(NotAnswering, match=f"smu at TCPIP0::127.0.0.1::{port}::SOCKET"):
        open_and_ask()
