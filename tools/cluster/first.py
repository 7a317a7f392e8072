"""The first machine of a cluster: without it Ray waits for a minute, and then ends the driver's process."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from tools.errors import ClusterError

CLIENT = "ray://"  # begins the address of a cluster that this machine is no node of
FRAME = 9  # bytes of a frame's head in HTTP/2
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
REACH_S = 2.0  # how long it may need to answer
GONE_S = 5.0  # without an answer, after which it counts as gone
RESUME = "--resume goes on with what is kept"


def answer(address: str, seconds: float) -> bytes:
    """The first bytes of what answers HTTP/2's greeting at an address; an OSError where nobody does."""
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(GREETING)
        return connection.recv(FRAME, socket.MSG_WAITALL)


class First:
    """Asked again and again whether it is there. It is no use to call Ray meanwhile where it is not."""

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        """address: that of `--ray`."""
        self._clock = clock
        self._address = address if address.startswith(CLIENT) else _of_this_process()
        self._answered_s = clock()

    def answers(self) -> bool:
        """Whether it answers now.

        Raises:
            ClusterError: it has not answered for some seconds.
        """
        try:
            answer(self._address, REACH_S)
        except OSError as error:
            if self._clock() - self._answered_s < GONE_S:
                return False
            raise ClusterError(f"the cluster's first machine is gone: nobody answers at {self._address} any more ({error})", where="--ray",
                               remedy=f"start the cluster again; {RESUME}") from error
        self._answered_s = self._clock()
        return True


def _of_this_process() -> str:
    """Where the cluster that this process has joined keeps its list of nodes: on its first machine."""
    import ray

    return str(ray.get_runtime_context().gcs_address)
