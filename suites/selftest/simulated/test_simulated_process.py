"""A process on the simulated NPU lives and dies like one on the real one."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.simulated.npu import Variant
from suites.selftest.simulated.trials import BATCH, COPY, GENERAL, PARAMETER, UNKNOWN, WEIGHTS, Host, gone, program, start


def until(path: Path, text: str, timeout_s: float = 20) -> None:
    """Wait until a file contains a text."""
    end = time.monotonic() + timeout_s
    while text not in path.read_text():
        assert time.monotonic() < end, f"{text!r} did not come"
        time.sleep(0.02)


def test_words_wait_in_the_c_buffer(host: Host) -> None:
    """What the module says goes to fd 1 by C alone: a killed process loses it, one that ends writes it."""
    assert "acl init success" not in host.try_("s = opened(); os.kill(os.getpid(), signal.SIGKILL)").output
    assert "acl init success" not in host.try_("s = opened(); os._exit(0)").output
    assert "acl init success" in host.try_("s = opened(); os._exit(0)", PYTHONUNBUFFERED="1").output
    assert "acl init success" in host.try_("import io; sys.stdout = io.StringIO(); s = opened()").output


def test_a_run_holds_the_interpreter(host: Host) -> None:
    """No other thread and no signal handler runs during an execution."""
    host.npu.fault("slow", ms=400)
    late_ms, frozen_ms = host.value("""
s, ticks, handled = opened(), [], []
tensor = fed()
signal.signal(signal.SIGALRM, lambda *_: handled.append(time.time()))
def tick():
    while True:
        ticks.append(time.time())
        time.sleep(0.005)
threading.Thread(target=tick, daemon=True).start()
signal.setitimer(signal.ITIMER_REAL, 0.1)
begin = time.time()
run(s, [tensor])
time.sleep(0.1)
report([1000 * (handled[0] - begin), 1000 * max(late - early for early, late in zip(ticks, ticks[1:]))])
""")
    assert late_ms >= 400
    assert frozen_ms >= 395


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_hang_ends_with_the_process(host: Host, number: signal.Signals) -> None:
    """A hanging run ignores Ctrl-C, is ended by a signal nobody handles, and nothing stays behind."""
    host.npu.fault("hang")
    output = host.npu.root / "hang.txt"
    process = start(host.npu, host.model, "s = opened(); t = fed()\n"
                    "os.write(1, f'child {s._execution._process.pid} '.encode())\nrun(s, [t])", output)
    try:
        until(output, " ")
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        alive = process.poll() is None
    finally:
        process.send_signal(number)
        process.communicate(timeout=10)
    assert alive
    assert -number == process.returncode
    child = int(output.read_text().split()[1])
    end = time.monotonic() + 5
    while not gone(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert gone(child)
    assert "No running processes found in NPU 4" in program(host.npu, "npu-smi", "info").stdout


def test_an_open_session_shows_in_the_table(host: Host) -> None:
    """While a session lives, its process holds memory on its device."""
    code = "import subprocess; s = opened(1); report([os.getpid(), subprocess.check_output(['npu-smi', 'info']).decode()])"
    pid, table = host.value(code)
    assert f"| 6       0               | {pid}" in table
    assert "No running processes found in NPU 4" in table


def test_repetitions_follow_the_live_options(host: Host) -> None:
    """options() is the session's own: its loop counts from the next run on."""
    done = host.try_("s = opened(); s.options().loop = 3; run(s, [fed()]); report(len(s.sumary().exec_time_list))")
    assert 3 == done.value
    assert "loop inference exec: (3/3)" in done.output


def test_shutdown_is_final(host: Host) -> None:
    """After finalize no session opens in this process."""
    done = host.try_("s = opened(); s.free_resource(); acl.InferenceSession.finalize(); report(error(opened))")
    assert UNKNOWN.format(100002) == done.value


def test_old_builds_shut_down_through_a_session(host: Host) -> None:
    """In 2023 finalize is a method of a session."""
    host.npu.change(variant="2023-06")
    value = host.value("s = opened(); report([error(acl.InferenceSession.finalize), s.finalize(), error(run, s, []), error(opened)])")
    assert "missing 1 required positional argument" in value[0]
    assert [0, GENERAL, UNKNOWN.format(100002)] == value[1:]


@pytest.mark.parametrize(("variant", "value"), [("2023-06", GENERAL), ("2024-05", None)])
def test_old_sessions_belong_to_their_thread(host: Host, variant: Variant, value: str | None) -> None:
    """The build of 2023 runs only where the session was opened; that of 2024 binds its context itself."""
    host.npu.change(variant=variant)
    assert [value] == host.value("""
s, found = opened(), []
t = fed()
thread = threading.Thread(target=lambda: found.append(error(run, s, [t])))
thread.start()
thread.join()
report(found)
""")


def test_a_forked_child_has_no_device(host: Host) -> None:
    """After fork nothing works in the child."""
    assert UNKNOWN.format(107002) == host.value("""
s = opened()
child = os.fork()
if not child:
    report(error(opened))
    os._exit(0)
os.waitpid(child, 0)
""")


def test_a_freed_first_session_ends_copies(host: Host) -> None:
    """to_device uses the first context, which dies with the first session; base tensors do not care."""
    assert [PARAMETER, None] == host.value("""
first = opened(); first.free_resource(); second = opened()
report([error(fed), error(run, second, [acl.BaseTensor(BATCH.ctypes.data, BATCH.nbytes)])])
""")


def test_outputs_die_with_their_session(host: Host) -> None:
    """An output that is still on the device cannot be fetched once its session is freed."""
    assert COPY == host.value("s = opened(); out = run(s, [fed()])[0]; s.free_resource(); opened(); report(error(out.to_host))")


@pytest.mark.parametrize(("visible", "values"), [
    (None, [None, None, UNKNOWN.format(107001)]), ("1", [None, UNKNOWN.format(107001)]), ("1,0", [UNKNOWN.format(107001)]),
])
def test_device_ids_are_logical(host: Host, visible: str | None, values: list[str | None]) -> None:
    """Ids count the visible devices; an unordered list shows none."""
    environment = {} if visible is None else {"ASCEND_RT_VISIBLE_DEVICES": visible}
    assert values == host.value(f"report([error(opened, device) for device in range({len(values)})])", **environment)


@pytest.mark.parametrize(("variant", "code"), [
    ("2022-06", """s.run_setinputs([fed()]); s.run_execute(2); fetched(s.run_getoutputs([s.get_outputs()[0].name])); run(s, [fed()])
m = s.sumary(); report(m.exec_count == 3 and m.exec_time > 0 and not hasattr(acl, 'BaseTensor'))"""),
    ("2023-06", "run(s, [fed()]); report(isinstance(s.sumary().exec_time_list[0], float) and not hasattr(s, 'free_resource'))"),
    ("2024-05", "run(s, [fed()]); b, e = s.sumary().exec_time_list[0]; report(e > b >= 0 and float(np.float32(b)) == b)"),
    ("2026-08", """run(s, [fed()]); s.summary().exec_time_list[0][1]; s.reset_summaryinfo(); old = hasattr(s, 'reset_sumaryinfo')
report(type(s.summary()).__name__ == 'Summary' and not s.sumary().exec_time_list and not old)"""),
])
def test_builds_tell_time_their_own_way(host: Host, variant: Variant, code: str) -> None:
    """A sum and a count, durations, pairs of single precision, pairs under another name."""
    host.npu.change(variant=variant)
    assert host.value(f"s = opened(); {code}") is True


def test_the_library_must_be_known_at_the_start(host: Host) -> None:
    """Setting LD_LIBRARY_PATH inside the process is too late."""
    done = host.try_("", LD_LIBRARY_PATH="")
    assert 1 == done.status
    assert "ImportError: libascendcl.so: cannot open shared object file" in done.errors


def test_rounding_is_that_of_half_precision(host: Host) -> None:
    """On request the device computes with inputs and outputs of float16."""
    host.npu.change(rounding=True)
    half = (BATCH.astype(np.float16).astype(np.float32) @ WEIGHTS).astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(half, np.array(host.value("s = opened(); report(fetched(run(s, [fed()])))"), np.float32))
