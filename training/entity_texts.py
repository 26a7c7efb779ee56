"""Texts besides the corpora that the recognisers learn from: ordinary messages and passages, of open licences.

Schema-Guided Dialogue (CC BY-SA 4.0) marks what its messages name; passages of Wikipedia come with the questions of
HotpotQA (CC BY-SA 4.0) and MuSiQue (CC BY 4.0).
"""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from entity_data import Annotated, data

PASSAGE = 160
"""Characters of a passage that are taken, from its beginning."""

_PLACES = (
    *("city", "location", "destination", "origin", "origin_city", "destination_city", "city_of_event", "from_location"),
    *("to_location", "where_to", "area", "venue", "event_location", "attraction_name", "place_name", "hotel_name"),
    *("pickup_location", "pickup_city", "from_station", "to_station", "origin_airport", "destination_airport", "from"),
    *("to", "from_city", "to_city", "origin_station_name", "destination_station_name", "origin_airport_name"),
    "destination_airport_name",
)
_PEOPLE = (
    *("artist", "directed_by", "director", "starring", "cast", "actors", "contact_name", "recipient_name", "receiver"),
    "recipient_account_name",
)
_WORKS = ("movie_name", "movie_title", "title", "song_name", "album", "track")
_LABELS = {
    **dict.fromkeys(_PLACES, "location"),
    **dict.fromkeys(_PEOPLE, "person"),
    **dict.fromkeys(_WORKS, "creative-work"),
    "car_name": "product",
}
"""The label of WNUT17 that a slot of SGD stands for."""

_UNCLEAR = (
    *("event_name", "restaurant_name", "property_name", "theater_name", "stylist_name", "therapist_name"),
    *("doctor_name", "dentist_name", "address", "street_address", "venue_address", "address_of_location"),
)
"""Slots of names that no label fits; messages with one of them are left out."""


def messages() -> list[str]:
    """Return the different messages of SGD, which hardly ever speak of software."""
    return list(dict.fromkeys(row["content"] for row in _sgd()))


def named() -> list[Annotated]:
    """Return messages of SGD that name people, places and works, with the labels of WNUT17."""
    found = {row["content"]: _annotated(row) for row in _sgd() if _clear(row)}
    return [one for one in found.values() if one.spans]


def passages() -> list[str]:
    """Return how passages of Wikipedia begin."""
    paths = sorted(data().glob("multihop/*/passages.jsonl"))
    rows = (json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines())
    return list(dict.fromkeys(row["text"][:PASSAGE].rpartition(" ")[0] for row in rows))


def _sgd() -> Iterator[dict[str, Any]]:
    with gzip.open(data() / "sgd" / "conversations.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _clear(row: dict[str, Any]) -> bool:
    return not any(entity["type"] in _UNCLEAR for entity in row["entities"])


def _annotated(row: dict[str, Any]) -> Annotated:
    spans, end = [], 0
    for entity in sorted(row["entities"], key=lambda one: (one["start"], -one["end"])):
        if entity["start"] >= end and entity["type"] in _LABELS:
            spans.append((entity["start"], entity["end"], _LABELS[entity["type"]]))
            end = entity["end"]
    return Annotated(row["content"], spans)
