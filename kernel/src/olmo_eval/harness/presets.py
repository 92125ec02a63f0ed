"""Harness presets by name."""

from __future__ import annotations

from olmo_eval import plugins
from olmo_eval.harness.config import HarnessConfig

#: asks the model once, with nothing around it
DEFAULT = HarnessConfig()


def get_harness_preset(name: str) -> HarnessConfig:
    """The registered harness called ``name``.

    Raises:
        UnknownNameError: there is none; the hint offers the closest names.
    """
    preset: HarnessConfig = plugins.manager().registry("harnesses").get(name)
    return preset
