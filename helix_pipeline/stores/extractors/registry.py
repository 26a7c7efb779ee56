"""Which recogniser is used: the one that graph.extractor names, made once per process."""

import importlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from helix_pipeline.domain.entities.recogniser import Recogniser
from helix_pipeline.errors import SettingsError
from helix_pipeline.settings_sections import GraphSettings

BUILT_IN = {
    "fast": "helix_pipeline.domain.entities.recognition.fast:load",
    "gazetteer": "helix_pipeline.domain.entities.gazetteer:load",
}
"""Names of recognisers that need no settings, and the factory that each stands for."""

CONFIGURED = {
    "accurate": "helix_pipeline.stores.extractors.accurate:load",
    "spacy": "helix_pipeline.stores.extractors.spacy_model:load",
    "gliner": "helix_pipeline.stores.extractors.gliner_model:load",
    "llm": "helix_pipeline.stores.extractors.llm:load",
}
"""Names of those that are made with the settings of the graph."""


@lru_cache(maxsize=4)
def load_recogniser(settings: GraphSettings) -> Recogniser:
    """Return the recogniser `settings.extractor`: a name above or `package.module:factory`, once per process.

    A factory of your own takes no arguments. The settings can be pickled, so that each worker makes its own recogniser.
    Raises SettingsError where the name stands for nothing, for no recogniser, or for one whose needs are not met.
    """
    spec = settings.extractor
    arguments = (settings,) if spec in CONFIGURED else ()
    recogniser = _factory({**BUILT_IN, **CONFIGURED}.get(spec, spec))(*arguments)
    if not isinstance(recogniser, Recogniser):
        raise SettingsError(
            f"graph.extractor: {spec!r} made a {type(recogniser).__name__}, which lacks `version` or `recognise`; "
            "see Recogniser in helix_pipeline.domain.entities.recogniser"
        )
    return recogniser


def _factory(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    if not module or not name:
        known = ", ".join(sorted({**BUILT_IN, **CONFIGURED}))
        raise SettingsError(f"graph.extractor: unknown {path!r}; use one of {known} or package.module:factory")
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(f"graph.extractor: cannot load {path!r} ({error}); install it or name another") from None
    if not callable(factory):
        raise SettingsError(f"graph.extractor: {path!r} is a {type(factory).__name__}; name a function")
    return factory  # type: ignore[no-any-return]
