"""Connecting to what is not there: errors of one sentence, at once, and nothing of Ray's beside them."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from tools.cluster import session, undisturbed
from tools.cluster.values import Code
from tools.errors import ClusterError
from tools.spec.settings import Settings

CODE = Code("c", "1", "3.11", "2.60")


def refused(address: str) -> ClusterError:
    """The error of connecting there; it is one sentence, and says what was asked for."""
    with pytest.raises(ClusterError) as caught:
        session.connect(Settings.parse({"ray": address}), code=CODE)
    assert "\n" not in caught.value.what
    assert f"--ray {address}" == caught.value.where
    return caught.value


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray and grpcio are taken for installed, whether they are or not."""
    monkeypatch.setattr(session, "find_spec", lambda name: ModuleSpec(name, None))


@contextmanager
def listening(answer: bytes) -> Iterator[int]:
    """The port of a server that answers everybody with this."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer)
                connection.recv(100)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


@pytest.mark.parametrize(("missing", "address"), [("ray", "auto"), ("ray", "ray://head:10001"), ("grpc", "ray://head:10001")])
def test_without_ray_one_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, missing: str, address: str) -> None:
    """The same for grpcio, which only a ray:// address needs."""
    there = importlib.util.find_spec("json")
    monkeypatch.setattr(session, "find_spec", lambda name: None if name == missing else there)

    error = refused(address)

    assert error.what.startswith(f"{missing} is not installed here")
    assert "install it: ./tools/setup --ray" == error.remedy


@pytest.mark.usefixtures("installed")
def test_where_nobody_listens_the_remedy_starts_a_cluster() -> None:
    """Without Ray's own minutes of trying."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])

    error = refused(f"127.0.0.1:{port}")

    assert error.what.startswith(f"no Ray cluster answers at 127.0.0.1:{port}: ")
    assert "ray start --head" in str(error.remedy)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""], ids=["page", "nothing"])
@pytest.mark.parametrize("scheme", ["", "ray://"], ids=["node", "client"])
def test_what_is_no_cluster_is_told_from_one(scheme: str, answer: bytes) -> None:
    """As where the port is that of Ray's dashboard."""
    with listening(answer) as port:
        error = refused(f"{scheme}127.0.0.1:{port}")

    assert f"what answers at {scheme}127.0.0.1:{port} is no Ray cluster" == error.what


def test_ray_comes_and_goes_without_a_trace(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever is written meanwhile is gone; signals and the folder are as before, and an error passes."""
    folder, before = Path.cwd(), signal.getsignal(signal.SIGTERM)

    with pytest.raises(KeyError), undisturbed.coming_or_going():
        assert folder != Path.cwd()
        assert not list(Path.cwd().iterdir())
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is not signal.SIG_DFL else signal.SIG_IGN)
        print("Connecting to existing Ray cluster")
        print("and again", file=sys.stderr)
        os.write(1, b"from C++\n")
        os.write(2, b"from C++\n")
        warnings.warn("Ray Client connection timed out", stacklevel=1)
        raise KeyError

    assert (folder, before) == (Path.cwd(), signal.getsignal(signal.SIGTERM))
    print("as usual")
    os.write(2, b"as usual\n")
    assert ("as usual\n", "as usual\n") == tuple(capfd.readouterr())
