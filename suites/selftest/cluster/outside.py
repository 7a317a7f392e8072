"""A driver that is no node of the cluster: it runs a task, hears its event and cancels another."""

from __future__ import annotations

import sys
import time

from suites.selftest.cluster import stand_ins
from suites.selftest.cluster.stand_ins import ON_CPU, work
from tools.cluster.pool import Pool
from tools.cluster.ray_backend import RayBackend
from tools.cluster.session import connect
from tools.machine.event import Event
from tools.spec.settings import Settings


def main(address: str, artifacts: str) -> None:
    settings, told = Settings.parse({"ray": address, "artifacts": artifacts}), list[Event]()
    session = connect(settings, stand_ins.look, stand_ins.CODE)
    backend = RayBackend(session, stand_ins.run)
    pool = Pool(backend, told.append)
    answer = pool.wait(pool.submit(work("nap 0 outside", settings), ON_CPU, {"x": [backend.put(b"ab"), backend.put(b"c")]}))
    print(answer.files, [event["text"] for event in told if event["kind"] == "say"])
    handle = pool.submit(work("nap 60 outside", settings), ON_CPU, {})
    while handle.began is None:
        pool.pump(0.1)
    began_s = time.monotonic()
    pool.cancel()
    print("cancelled in time" if time.monotonic() - began_s < 5 else "cancelled late")
    session.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
