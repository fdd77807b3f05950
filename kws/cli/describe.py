"""`kws describe`: the documentation of the component types, made from their declarations."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer


def describe(
    component: Annotated[
        str | None,
        typer.Argument(metavar="[COMPONENT]", help="A component type; all in brief without it."),
    ] = None,
) -> None:
    """Explain a component type, or list all of them.

    Prints its formula, its keys with their kind and default, and an example line for a config.
    The ending "Component" may be left out.

    Examples:
      kws describe
      kws describe SpliceComponent
      kws describe affine
    """
    from kws.config import ConfigLine
    from kws.nnet.component import COMPONENTS, component_type

    if component is None:
        width = max(map(len, COMPONENTS))
        for name, cls in sorted(COMPONENTS.items()):
            print(f"{name:{width}}  {_first_line(cls)}")
        return
    names = {name.lower(): name for name in COMPONENTS}
    lower = component.lower()
    name = names.get(lower) or names.get(f"{lower}component") or component
    _describe(component_type(ConfigLine(name, (), "kws describe")))


def _first_line(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]


def _describe(cls: type) -> None:
    from kws.nnet.component import component_keys

    print(f"{cls.__name__}\n")
    print(inspect.cleandoc(cls.__doc__ or ""))
    print("\nKeys:")
    for declared in component_keys(cls):
        if declared.required:
            default = "required"
        elif declared.default is None:
            default = "optional"
        else:
            default = f"default {declared.format(declared.default)}"
        rule = f"; {declared.check.rule}" if declared.check is not None else ""
        print(f"  {declared.name} ({declared.kind_name}, {default})")
        print(f"      {declared.help}{rule}")
    print(f"\nExample:\n  {cls.example}")  # type: ignore[attr-defined]
