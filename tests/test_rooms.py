"""The rooms of the package: each imports only what its `__init__.py` allows, and there is no cycle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pangeo_forge_federation

NAME = pangeo_forge_federation.__name__
PACKAGE = Path(pangeo_forge_federation.__file__).parent
SINGLE_MODULES = {"settings", "version", "problems", "request_notes", "http_session"}
# beside `values` and the single modules, which every room may import
ALLOWED = {
    "values": set(),
    "command_line": set(),
    "files": set(),
    "records": set(),
    "web": set(),
    "storage": {"records", "command_line"},
    "access": {"records", "storage", "command_line"},
    "recording": {"records", "storage", "access"},
    "analyst_sql": {"storage", "web"},
    "replication": {"storage", "command_line"},
    "sync": {"files", "storage", "command_line"},
    "client": {"files", "command_line"},
    "api": {
        "command_line", "files", "records", "storage", "access", "recording", "web", "analyst_sql", "replication",
    },
}  # fmt: skip
ALLOWED["explorer"] = ALLOWED["api"] | {"api"}
ALLOWED["services"] = ALLOWED["server"] = {*ALLOWED, "server", "services"}
# single imports that a room has beside those
EXCEPTIONS = {
    # tokens that were made or revoked are to be in the store before the command ends
    ("access", "replication.control"),
    ("access", "replication.urls"),
    # the line that opens a dataset is the same on a page and in a terminal
    ("client", "records.open_snippets"),
}


def imports():
    """(room, imported module without the package's name, where) of each import within the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if room == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == NAME:
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith(f"{NAME}.")):
                assert not node.level, f"{path}: a relative import"
                modules = [node.module.removeprefix(f"{NAME}.")]
            elif isinstance(node, ast.Import):
                modules = [
                    alias.name.removeprefix(f"{NAME}.") for alias in node.names if alias.name.startswith(f"{NAME}.")
                ]
            yield from ((room, module, path) for module in modules)


def allowed(room):
    if room in SINGLE_MODULES:
        return {"values"}
    if room == "values":
        return set()
    return {"values"} | SINGLE_MODULES | ALLOWED[room]


def test_each_room_imports_what_it_may():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {module}"
        for room, module, path in imports()
        if (target := module.split(".")[0]) != room and target not in allowed(room) and (room, module) not in EXCEPTIONS
    ]
    assert not wrong


def test_there_is_no_cycle_between_rooms():
    graph = {}
    for room, module, _ in imports():
        # `services` is the one module of `server` that plugins start with
        source, target = ("server" if each == "services" else each for each in (room, module.split(".")[0]))
        if source != target:
            graph.setdefault(source, set()).add(target)
    assert list(TopologicalSorter(graph).static_order())


def test_each_room_says_what_it_is():
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(ALLOWED) - {"services"}
    for room in rooms:
        assert ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())), room
