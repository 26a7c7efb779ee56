"""What routes of a component that is turned off answer: 404, since for this installation they do not exist.

Not 503, which says that the same request may soon succeed: clients and proxies would ask again and again.
"""

from collections.abc import Callable

from fastapi import Request

from helix_pipeline.errors import HelixError
from helix_pipeline.settings import Settings


class ComponentOffError(HelixError):
    """A component is turned off; `switch` is the environment variable that turns it on."""

    def __init__(self, component: str, switch: str) -> None:
        super().__init__(f"{component} is off: {switch} is false")
        self.switch = switch


def requires(component: str) -> Callable[[Request], None]:
    """Return a dependency for the routes of a component. It raises ComponentOffError where the component is off."""

    def check(request: Request) -> None:
        settings: Settings = request.app.state.settings
        if not settings.features.is_on(component):
            raise ComponentOffError(component, settings.features.switch(component))

    return check
