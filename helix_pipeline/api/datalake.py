"""/v1/datalake: write files of the archive."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Request

from helix_pipeline.api.models import ARCHIVE_EXAMPLES, ArchiveBody, ArchivedFile, ArchiveReport
from helix_pipeline.api.problems import problems
from helix_pipeline.services.archive import Archived, archive_conversation, archive_day, archive_debate
from helix_pipeline.settings import Settings

MAX_LISTED = 100
router = APIRouter(prefix="/v1/datalake", tags=["Data lake"])


@router.post("/archive", responses=problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE))
def archive(body: Annotated[ArchiveBody, Body(openapi_examples=ARCHIVE_EXAMPLES)], request: Request) -> ArchiveReport:
    """Write a conversation, a debate, or all of a day as Parquet, one file each; answers when they are written."""
    settings: Settings = request.app.state.settings
    if body.conversation_id is not None:
        return _report([archive_conversation(settings, body.conversation_id)])
    if body.debate_id is not None:
        return _report([archive_debate(settings, body.debate_id)])
    assert body.date is not None
    return _report(archive_day(settings, body.date), f"{settings.lake_root}/archive")


def _report(found: Sequence[Archived], folder: str = "") -> ArchiveReport:
    return ArchiveReport(
        path=folder or found[0].path,
        rows=sum(one.rows for one in found),
        bytes=sum(one.bytes for one in found),
        files=len(found),
        first=[ArchivedFile(path=one.path, rows=one.rows, bytes=one.bytes) for one in found[:MAX_LISTED]],
    )
