"""How the package's modules depend on each other, and that importing one does nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "simpleml").rglob("*.py"))
}

# Each may import itself and what stands beside it: web → generation → models. What jobs starts
# is a process of its own.
LAYERS = {
    "version": set[str](),
    "errors": set[str](),
    "native": set[str](),
    "cores": set[str](),
    "files": set[str](),
    "settings": {"errors"},
    "documents": {"errors"},
    "unwanted": {"models"},
    "models": {"errors", "files"},
    "copying": {"errors", "files", "native", "models"},
    "generation": {"cores", "errors", "native", "models"},
    "loader": {"errors", "native", "models", "copying", "generation"},
    "exporting": {"errors", "files", "models", "generation", "loader", "version"},
    "corpora": {"errors", "files", "commands"},
    "training": {
        "copying", "cores", "errors", "documents", "files", "models", "generation", "unwanted",
        "version",
    },
    "jobs": {"errors", "files", "models", "commands"},
    "web": {
        "cores", "corpora", "documents", "errors", "files", "settings", "native", "models",
        "copying", "generation", "loader", "exporting", "jobs", "unwanted", "version",
    },
    "commands": {
        "documents", "errors", "settings", "models", "copying", "generation", "loader", "corpora",
        "training",
        "exporting", "files", "version", "web",
    },
    "originality": {"copying", "commands"},
    "cluster": {"errors", "settings", "web"},
    "__main__": {"commands"},
}  # fmt: skip
PLACES = {
    "flask": {"web", "commands"},
    "werkzeug": {"web"},
    "pydantic": {"web", "jobs", "cluster"},
    "ray": {"cluster", "jobs"},
    "prometheus_client": {"web", "commands"},
    "gunicorn": set[str](),
    "click": {"commands"},
    "segno": {"web", "commands"},
    "gevent": {"web", "commands"},  # in web: web/threads.py
    "onnx": {"generation", "exporting"},
    "onnxruntime": {"generation"},
    "lxml": {"documents"},
    "pypdf": {"documents"},
    "charset_normalizer": {"documents"},
    "tensorflow": {"training"},
    "tflearn": {"training"},
    "keras": {"training"},
    "torch": {"training"},
}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imported(module: str) -> Iterator[str]:
    """Every module that it names in an import, at any place in it."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_the_package_was_found() -> None:
    assert len(MODULES) > 20
    assert {layer(module) for module in MODULES} - {""} >= set(LAYERS)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"simpleml"}))
def test_dependencies_point_one_way(module: str) -> None:
    allowed = LAYERS.get(layer(module), set())
    for name in imported(module):
        parts = name.split(".")
        if parts[0] == "simpleml" and len(parts) > 1 and name not in ("simpleml.__version__",):
            assert parts[1] in allowed | {layer(module)}, f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_libraries_stay_where_they_belong(module: str) -> None:
    for name in imported(module):
        library = name.split(".")[0]
        if library in PLACES:
            assert layer(module) in PLACES[library], f"{module} imports {name}"


TOUCHES_THE_WORLD = {
    "open", "print", "input", "os.environ", "os.getenv", "os.putenv", "os.fork", "os.listdir",
    "os.getcwd", "os.cpu_count", "os.sched_getaffinity", "Thread", "threading.Thread",
    "threading.Timer", "start_thread", "start_new_thread", "subprocess.run", "subprocess.Popen",
    "Path.cwd", "Path.home", "signal.signal", "atexit.register", "logging.basicConfig",
    "monkey.patch_all", "np.random.seed", "read_text", "read_bytes", "write_text", "write_bytes",
    "mkdir", "exists", "iterdir", "glob", "import_module", "importlib.import_module",
    "Settings.read", "create_app", "gevent.get_hub", "gevent.spawn",
}  # fmt: skip


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs when the module is imported: all but the bodies of functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in (*child.decorator_list, *child.args.defaults, *child.args.kw_defaults):
                if part is not None:
                    yield part
                    yield from at_import(part)
        elif isinstance(child, ast.Lambda):
            continue
        else:
            yield child
            yield from at_import(child)


# ONNX Runtime looks at ORT_DISABLE_TELEMETRY when it is first imported: it must stand before that.
SWITCHES_TELEMETRY_OFF = ("simpleml.generation", "os.environ")
# gunicorn's configuration is what it holds when gunicorn imports it; nothing else does.
CONFIGURES_GUNICORN = ("simpleml.commands.gunicorn_conf", "os.environ")


def touched(node: ast.AST) -> str:
    """What a node touches: a name of TOUCHES_THE_WORLD, else something else."""
    if isinstance(node, ast.Attribute):
        return ast.unparse(node)
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        return name if name in TOUCHES_THE_WORLD else name.rpartition(".")[2]
    return ""


@pytest.mark.parametrize("module", sorted(MODULES))
def test_importing_opens_no_file_starts_no_thread_reads_no_environment(module: str) -> None:
    for node in at_import(tree(module)):
        if (module, touched(node)) in (SWITCHES_TELEMETRY_OFF, CONFIGURES_GUNICORN):
            continue
        assert touched(node) not in TOUCHES_THE_WORLD, f"{module}, line {node.lineno}"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n    home = os.environ['HOME']",
        "def f(home=os.getenv('HOME')): ...",
        "text = Path('x').read_text()",
        "with open('x') as file: pass",
        "threading.Thread(target=print).start()",
        "@functools.cache\ndef f(): ...\nprint(f())",
    ],
)
def test_a_module_that_touches_the_world_would_be_seen(source: str) -> None:
    assert any(touched(node) in TOUCHES_THE_WORLD for node in at_import(ast.parse(source)))


def test_what_a_function_does_when_it_is_called_is_its_own_affair() -> None:
    source = "def f():\n    return open(os.environ['HOME'])"
    assert not any(touched(node) in TOUCHES_THE_WORLD for node in at_import(ast.parse(source)))


def test_importing_everything_that_serves_loads_no_tensorflow_and_starts_no_thread() -> None:
    serving = [name for name in MODULES if layer(name) in ("", "errors", "settings", "models")]
    serving += [name for name in MODULES if layer(name) in ("generation", "loader", "jobs", "web")]
    code = (
        "import sys, threading, importlib\n"
        f"for name in {serving!r}: importlib.import_module(name)\n"
        "import simpleml\n"
        "simpleml.ModelLoader, simpleml.SequenceGenerator, simpleml.create_app\n"
        "print([m for m in ('tensorflow', 'tflearn', 'keras', 'torch', 'pandas', 'PIL') "
        "if m in sys.modules], threading.active_count())\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[] 1"


def test_importing_the_package_alone_loads_nothing() -> None:
    code = (
        "import sys, simpleml; print([m for m in ('numpy', 'flask', 'gevent') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    import simpleml

    with pytest.raises(AttributeError, match="no attribute 'Generator'"):
        simpleml.Generator  # noqa: B018
    with pytest.raises(ImportError):
        from simpleml import Generator  # noqa: F401
