"""Writes the dashboards: `make dashboards`, or `python docker/grafana/source FOLDER` for another folder."""

import json
import sys
from pathlib import Path

from conversations import conversation_analytics
from entities import entity_growth
from providers import provider_performance
from system import system_health

DASHBOARDS = {
    "provider-performance": provider_performance,
    "conversation-analytics": conversation_analytics,
    "entity-growth": entity_growth,
    "system-health": system_health,
}
FOLDER = Path(__file__).parents[1] / "dashboards"


def write(folder: Path) -> None:
    """Write each dashboard as a file of JSON."""
    for name, made in DASHBOARDS.items():
        text = json.dumps(made(), indent=1, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
