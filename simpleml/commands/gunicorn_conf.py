"""How gunicorn serves SimpleML: gunicorn's settings, each with its reason, and its hooks.

`simpleml serve` names this module to gunicorn; in a checkout gunicorn.conf.py hands it on. It
reads the environment when it is imported, which gunicorn alone does. What is given on gunicorn's
command line goes before what stands here. The program's own settings (SIMPLEML_*) are in
simpleml/settings.py; docs/deployment.md has measured figures for sizing.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any

from simpleml.errors import SettingsError
from simpleml.files import try_lock
from simpleml.settings import Settings

# What runs when no application is named on the command line.
wsgi_app = "simpleml.commands.serve:application()"

# 8280 on every interface, as the first program listened; HOST and PORT change it.
bind = f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '8280')}"

# Greenlets: a request spends its life waiting for the engine, and a thousand may be open. The
# arithmetic is done by native threads of the worker (simpleml/generation/shard.py).
worker_class = "gevent"

# One worker that generates on all cores. All requests then share one batch, which reads the weights
# once for all of them, and one copy of the models. docs/deployment.md compares 1 x 2 with 2 x 1.
# Whatever the number, workers x their threads = cores (post_fork below).
workers = int(os.environ.get("WEB_CONCURRENCY") or 1)

# Every worker loads the application after its fork: threads that were started before it, the
# engine's and ONNX Runtime's, would not exist in the worker.
preload_app = False

# Connections per worker, idle ones included. Each is a greenlet and some 20 KB.
worker_connections = 4096

# Connections that the kernel holds while the worker is busy accepting others.
backlog = 2048

# Longer than the idle timeout of nginx (60 s) and of common load balancers, so that the proxy is
# the one that closes: a request can then not meet a connection that is just being closed here.
keepalive = 75

# A heartbeat under gevent, no limit for a request: the worker's loop reports every second whatever
# is being generated. A worker that did not for so long hangs and is replaced.
timeout = 60


def _seconds(name: str, default: float) -> float:
    try:
        return float(os.environ.get(name) or default)
    except ValueError:  # the application refuses to start and says which variable it is
        return default


# On SIGTERM running requests have so long to finish: what the server lets any request take
# (SIMPLEML_DEADLINE), and some time for slow readers of the answer.
graceful_timeout = int(_seconds("SIMPLEML_DEADLINE", 60.0)) + 30

# Seeds travel in the path of GET /<model>/g/<seed>/<size>; this is gunicorn's largest limit.
limit_request_line = 8190

# The heartbeat is a file's time stamp. On a disk under pressure touching it may take longer than
# the timeout; memory does not have that.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

# The application writes one line per request itself (with model, characters and queue time).
accesslog = None
errorlog = "-"

# Remote control through a socket in the home directory, which two servers would share.
control_socket_disable = True

# Seconds that an idle connection may still send a request after SIGTERM.
_LAST_CALL_SECONDS = 1.0

_METRICS_PREFIX = "simpleml-metrics-"
_LOCK = "lock"
_made_for_metrics: Path | None = None
_held: IO[bytes] | None = None


def on_starting(server: Any) -> None:
    """Look at the settings and prepare what is shared by all workers."""
    _check_settings(server.cfg.workers)
    _allow_many_files()
    _prepare_metrics(server.cfg.workers)


def on_exit(server: Any) -> None:
    """Leave nothing behind."""
    if _made_for_metrics is not None:
        shutil.rmtree(_made_for_metrics, ignore_errors=True)
        _remove_orphaned_metrics()  # of a server whose workers outlived our start


def post_fork(server: Any, worker: Any) -> None:
    """Tell the worker how many share the cores, also when -w or SIGTTIN said so.

    The application divides the cores by WEB_CONCURRENCY when it is made, which is later.
    """
    os.environ["WEB_CONCURRENCY"] = str(max(1, server.num_workers))


def post_worker_init(worker: Any) -> None:
    """Make SIGTERM stop the engine at once, and idle connections no reason to wait."""
    if (trainings := _extension(worker, "simpleml_training")) is not None:
        trainings.start()
    worker.notify = _finish_without_master(worker)
    waiting = _CloseIdle(worker)
    if hasattr(worker, "timeout_ctx"):  # gevent's
        worker.timeout_ctx = waiting.timeout
    exit_worker = signal.getsignal(signal.SIGTERM)

    def handle_exit(number: int, frame: FrameType | None) -> None:
        import gevent

        # Not in the signal handler itself: it may have interrupted a holder of the engine's lock.
        gevent.spawn(_stop_engine, worker)
        gevent.spawn_later(_LAST_CALL_SECONDS, waiting.close)
        if callable(exit_worker):
            exit_worker(number, frame)  # gunicorn's: accept no more, wait for what runs

    signal.signal(signal.SIGTERM, handle_exit)
    signal.siginterrupt(signal.SIGTERM, False)
    # SIGINT and SIGQUIT keep gunicorn's meaning: end now, cutting what runs (Ctrl-C at a terminal).


def _finish_without_master(worker: Any) -> Callable[[], None]:
    """A heartbeat that stops the worker as SIGTERM does once its master has been killed.

    gunicorn's own ends it at once, in the middle of its texts.
    """
    beat = worker.notify

    def notify() -> None:
        if worker.ppid == os.getppid():
            beat()
            return
        worker.tmp.notify()
        if worker.alive:
            worker.log.info("The master is gone; what runs is finished: %s", worker)
            os.kill(os.getpid(), signal.SIGTERM)

    return notify


def worker_exit(server: Any, worker: Any) -> None:
    """Wait for a training of this worker's to save, before the process that it belongs to is gone.

    It was asked to stop on SIGTERM; with Ctrl-C it is asked here.
    """
    if (trainings := _extension(worker, "simpleml_training")) is not None:
        trainings.stop()
        trainings.join(graceful_timeout - 10)


def child_exit(server: Any, worker: Any) -> None:
    """Drop the gauges of a worker that is gone; its counters and histograms stay.

    prometheus_client's mark_process_dead does the same, but gunicorn 23 comes here from a signal
    handler, where the next worker's end interrupts an import and finds half a module.
    """
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        for gauge in Path(folder).glob(f"gauge_live*_{worker.pid}.db"):
            gauge.unlink(missing_ok=True)


def _stop_engine(worker: Any) -> None:
    """Turn /readyz to 503 and refuse new generations; those in the engine are finished.

    A training saves and ends, to be resumed by the next start.
    """
    if (service := _extension(worker, "simpleml")) is not None:
        service.engine.stop()
    if (trainings := _extension(worker, "simpleml_training")) is not None:
        trainings.stop()


def _extension(worker: Any, name: str) -> Any:
    return getattr(getattr(worker, "wsgi", None), "extensions", {}).get(name)


def _check_settings(workers: int) -> None:
    """Stop here if a setting is wrong: a worker that cannot start would be started for ever."""
    try:
        settings = Settings.read()
    except SettingsError as error:
        raise SystemExit(f"The server cannot start: {error}") from None
    if settings.class_ and workers > 1:
        raise SystemExit(
            f"The server cannot start: SIMPLEML_CLASS is on and there are {workers} workers. A "
            "class has one: its pupils take turns there, and it uses all cores."
        )


def _allow_many_files() -> None:
    """Raise the soft limit of open files, often 1,024: every connection is one."""
    try:
        import resource
    except ImportError:  # not on Unix
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * worker_connections
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _prepare_metrics(workers: int) -> None:
    """An empty folder in which several workers add up their metrics, before any of them starts."""
    global _made_for_metrics
    given = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if given:
        folder = Path(given)
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob("*.db"):  # of processes of an earlier start
            left_over.unlink(missing_ok=True)
    elif workers > 1:
        _remove_orphaned_metrics()
        _made_for_metrics = Path(tempfile.mkdtemp(prefix=_METRICS_PREFIX))
        _hold(_made_for_metrics)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_made_for_metrics)


def _hold(folder: Path) -> None:
    """Lock a folder for as long as this process or one forked from it lives."""
    global _held
    unfinished = folder / f"{_LOCK}.new"
    _held = unfinished.open("wb")
    try_lock(_held)
    unfinished.rename(folder / _LOCK)


def _remove_orphaned_metrics() -> None:
    """Remove the folders of servers that were killed and could not do it themselves."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_METRICS_PREFIX}*/{_LOCK}"):
        folder = lock.parent
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with lock.open("rb") as file:
                if try_lock(file):
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # it has just gone
            continue


class _CloseIdle:
    """Knows the connections that wait for a request, to close them when the worker stops.

    Without this a stopping worker waits `keepalive` seconds for every idle client.
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._waiting: set[_Waiting] = set()

    def timeout(self) -> "_Waiting":
        """What the worker wraps around waiting for a request: ends it after `keepalive`."""
        return _Waiting(self._waiting, self._worker.cfg.keepalive)

    def close(self) -> None:
        """End all waiting, each from the hub: one whose request came meanwhile is left alone."""
        import gevent

        for one in list(self._waiting):
            gevent.get_hub().loop.run_callback(one.end)


class _Waiting:
    def __init__(self, register: "set[_Waiting]", seconds: float) -> None:
        import gevent

        self._register = register
        self._timeout = gevent.Timeout(seconds, False)
        self._greenlet = gevent.getcurrent()

    def __enter__(self) -> None:
        self._register.add(self)
        self._timeout.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._register.discard(self)
        self._timeout.close()
        return error is self._timeout

    def end(self) -> None:
        if self in self._register:
            self._greenlet.throw(self._timeout)
