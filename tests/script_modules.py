"""Scripts that are no package, as modules."""

from importlib import util

from pangeo_forge_federation.settings import ROOT


def load_script(name):
    """The module of scripts/NAME.py."""
    spec = util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
