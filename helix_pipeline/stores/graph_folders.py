"""Folders of Parquet files under `graph/` in the lake, on disk or on S3: complete or not at all.

A folder is named by the time it was begun, and counts from when its manifest is there, which is written last. One
without is what a process left that died; it is deleted after a day.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from helix_pipeline.errors import StoreError
from helix_pipeline.stores.lake import Lake

MANIFEST = "manifest.json"
UNFINISHED_FOR = timedelta(days=1)
"""Age at which a folder without a manifest is nobody's work any more."""

_TIME = "%Y-%m-%dT%H-%M-%S.%fZ"


@dataclass(frozen=True)
class Folder:
    """A folder of one kind (`snapshot` or `archive`) in the lake. `name` is the time it was begun."""

    lake: Lake
    kind: str
    name: str

    @property
    def begun(self) -> datetime:
        """Return when the folder was begun."""
        return datetime.strptime(self.name, _TIME).replace(tzinfo=UTC)

    @property
    def path(self) -> str:
        """Return where the folder is, in the form that Spark takes."""
        return self.lake.spark_uri(f"graph/{self.kind}/{self.name}")

    @contextmanager
    def writing(self, file: str, schema: pa.Schema) -> Iterator["Writer"]:
        """Open a Parquet file for a block; it is whole when the block ends well."""
        files, path = self._place(file)
        with (
            self._reached("write", file),
            files.open_output_stream(path) as sink,
            pq.ParquetWriter(sink, schema, compression="zstd") as parquet,
        ):
            yield Writer(parquet, schema)

    @contextmanager
    def reading(self, file: str, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
        """Open a Parquet file for a block; the named columns are read as dictionaries."""
        files, path = self._place(file)
        with (
            self._reached("read", file),
            files.open_input_file(path) as source,
            pq.ParquetFile(source, read_dictionary=list(dictionaries)) as parquet,
        ):
            yield parquet

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest: from now on the folder counts."""
        files, path = self._place(MANIFEST)
        with self._reached("write", MANIFEST):
            with files.open_output_stream(f"{path}.part") as sink:
                sink.write(json.dumps(manifest, indent=1).encode())
            files.move(f"{path}.part", path)

    def manifest(self) -> dict[str, Any]:
        """Return what `finish` was given."""
        files, path = self._place(MANIFEST)
        with self._reached("read", MANIFEST), files.open_input_stream(path) as source:
            found: dict[str, Any] = json.loads(source.read())
            return found

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each Parquet file in it."""
        files, path = self._place("")
        with self._reached("list", ""):
            found = files.get_file_info(fs.FileSelector(path.rstrip("/")))
            return {one.base_name: one.size for one in found if one.base_name.endswith(".parquet")}

    def remove(self) -> None:
        """Delete the folder, the manifest first."""
        files, path = self._place("")
        with self._reached("delete", ""):
            if files.get_file_info(f"{path}{MANIFEST}").is_file:
                files.delete_file(f"{path}{MANIFEST}")
            files.delete_dir(path.rstrip("/"))

    def remove_file(self, file: str) -> None:
        """Delete one file of the folder."""
        files, path = self._place(file)
        with self._reached("delete", file):
            files.delete_file(path)

    def _place(self, file: str) -> tuple[fs.FileSystem, str]:
        files, root = self.lake.filesystem(f"graph/{self.kind}/{self.name}")
        return files, f"{root}/{file}"

    @contextmanager
    def _reached(self, what: str, file: str) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException, ValueError) as error:
            raise StoreError(f"cannot {what} {self.path}/{file}: {' '.join(str(error).split())[:300]}") from None


@dataclass
class Writer:
    """Writes rows into one Parquet file, and counts them."""

    parquet: pq.ParquetWriter
    schema: pa.Schema
    rows: int = 0

    def write(self, rows: list[list[Any]]) -> None:
        """Write rows, each with a value for each column of the schema, as one row group."""
        columns = zip(*rows, strict=True) if rows else ([] for _ in self.schema)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self.schema, strict=True)]
        self.parquet.write_table(pa.table(arrays, schema=self.schema))
        self.rows += len(rows)


def begin(lake: Lake, kind: str) -> Folder:
    """Create a new folder of a kind."""
    folder = Folder(lake, kind, datetime.now(UTC).strftime(_TIME))
    files, path = folder.lake.filesystem(f"graph/{kind}/{folder.name}")
    with folder._reached("create", ""):
        files.create_dir(path, recursive=True)
    return folder


def folders(lake: Lake, kind: str, *, complete: bool = True) -> list[Folder]:
    """Return the folders of a kind, the oldest first: those with a manifest, or those without."""
    files, root = lake.filesystem(f"graph/{kind}")
    try:
        listed = files.get_file_info(fs.FileSelector(root, allow_not_found=True))
        names = sorted(one.base_name for one in listed if one.type is fs.FileType.Directory)
        manifests = files.get_file_info([f"{root}/{name}/{MANIFEST}" for name in names])
    except OSError as error:
        raise StoreError(f"cannot list {lake.spark_uri('graph')}/{kind}: {error}") from None
    pairs = zip(names, manifests, strict=True)
    return [Folder(lake, kind, name) for name, manifest in pairs if manifest.is_file is complete]


def prune(lake: Lake, kind: str, keep: int, tell: Callable[[str], None] = lambda _: None) -> int:
    """Delete all but the newest `keep` folders, and what was never finished; return how many."""
    limit = datetime.now(UTC) - UNFINISHED_FOR
    old = folders(lake, kind)[:-keep] if keep else []
    dead = [one for one in folders(lake, kind, complete=False) if one.begun < limit]
    for folder in (*old, *dead):
        folder.remove()
        tell(folder.path)
    return len(old) + len(dead)
