"""Sends one file, from wherever it stands, and remembers how far it came."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from opengdi.apps.submission.encoding import BATCH_BYTES, Batch, batches, sent_bytes, with_fresh_keys
from opengdi.apps.submission.node import Node, Standing
from opengdi.apps.submission.notes import Notes, Recipe, place_of
from opengdi.apps.submission.plan import Item
from opengdi.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from opengdi.standards.crypt4gh import PublicKey, body_size

Heard = Callable[[int], None]
"""Hears up to which byte a file has arrived."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that the node has whole. resumed_at: byte from which this run sent on; None: it sent nothing."""

    file_id: str
    size_bytes: int
    sha256: str = ""
    plain_sha256: str = ""
    resumed_at: int | None = None


class SourceChanged(Invalid):
    """The file was written to while it was sent."""


class _Other(Exception):
    """What may have left is not what the source holds now, whatever its size and time say."""


class _Elsewhere(Exception):
    """The upload stands before what is at hand: begin again from the start of the source."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What is the same for all files: where to, for which dataset, encrypted to which key, and where notes lie."""

    node: Node
    key: PublicKey
    dataset: str
    notes: Path


def send(errand: Errand, item: Item, heard: Heard) -> Sent:
    """Send a file, or what is missing of it. One that has been sent before, and is unchanged, is only looked up.

    Raises Conflict if the node has another file of this path, Invalid, NotPermitted, Unavailable.
    """
    with item.source.open("rb") as source:
        notes = _opened(errand, item, source)
        if notes.recipe.file_id:
            heard(item_bytes(item))
            return Sent(notes.recipe.file_id, item_bytes(item))
        while True:
            try:
                return _send(errand, notes, source, heard)
            except _Elsewhere:
                continue
            except _Other:
                notes = _fresh(errand, notes, encrypted=item.encrypted)
            except Conflict:
                there = _already_there(errand.node, notes.recipe, source)
                if there is None:
                    raise
                notes.write(replace(_bare(notes.recipe), file_id=there.file_id))
                return there


def forget(errand: Errand, item: Item) -> None:
    """What is known of a file that the node will not have: it is sent anew the next time."""
    place_of(errand.notes, errand.node.url, item.source, item.path).unlink(missing_ok=True)


def item_bytes(item: Item) -> int:
    """How many bytes are sent for a file, but for a header of ours."""
    size = item.source.stat().st_size
    return size if item.encrypted else body_size(size)


def _opened(errand: Errand, item: Item, source: BinaryIO) -> Notes:
    """Notes by which to go on, if the source is what they say, else fresh ones."""
    place = place_of(errand.notes, errand.node.url, item.source, item.path)
    facts = os.fstat(source.fileno())
    wanted = Recipe(
        errand.node.url,
        str(item.source),
        item.path,
        errand.dataset,
        facts.st_size,
        facts.st_mtime_ns,
        BATCH_BYTES,
        str(errand.key),
    )
    known = Notes.read(place)
    if known is not None and _bare(known.recipe) == wanted:
        return known
    location = known.recipe.location if known is not None and not known.recipe.file_id else ""
    return _fresh(errand, Notes(place, replace(wanted, location=location)), encrypted=item.encrypted)


def _fresh(errand: Errand, notes: Notes, *, encrypted: bool) -> Notes:
    """Notes that begin anew, under another key; the upload begun by the old ones is given up."""
    if notes.recipe.location:
        errand.node.give_up(notes.recipe.location)
    bare = _bare(notes.recipe)
    fresh = Notes(notes.path, bare)
    fresh.write(bare if encrypted else with_fresh_keys(bare, errand.key))
    return fresh


def _bare(recipe: Recipe) -> Recipe:
    """What a recipe must be for: all but keys and what became of it."""
    return replace(recipe, data_key="", first_nonce="", header="", location="", file_id="")


def _already_there(node: Node, recipe: Recipe, source: BinaryIO) -> Sent | None:
    """The node's file of this path, if it decrypts to this source: notes may be lost, or an answer."""
    file = node.newest(recipe.path)
    if file is None or not recipe.data_key:
        return None
    source.seek(0)
    digest = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]  # a file has `readinto`
    told = {check["checksum"] for check in file.get("checksums", ()) if check.get("of") == "unencrypted"}
    return Sent(file["fileId"], 0, plain_sha256=digest) if digest in told else None


def _send(errand: Errand, notes: Notes, source: BinaryIO, heard: Heard) -> Sent:
    standing = _begun(errand, notes)
    began, recipe = standing.offset, notes.recipe
    source.seek(0)
    for batch in batches(recipe, source):
        if not notes.agrees(batch.mark):
            raise _Other
        if batch.is_last:
            _check_unchanged(recipe, source)
        if batch.stop > standing.offset or (batch.is_last and not standing.file_id):
            notes.add(batch.mark)
            standing = _delivered(errand.node, recipe, batch, standing, heard)
    if not standing.file_id:
        raise Unavailable(f"{errand.node.url} has all of {recipe.path}, but does not say as which file")
    notes.write(replace(_bare(recipe), location=recipe.location, file_id=standing.file_id))
    heard(batch.stop)
    return Sent(standing.file_id, batch.stop, batch.sha256, _plain(recipe, batch), began)


def _begun(errand: Errand, notes: Notes) -> Standing:
    """The upload as it stands; a new one if there is none, or no more."""
    recipe = notes.recipe
    if recipe.location:
        try:
            return errand.node.standing(recipe.location)
        except NotFound:
            pass  # it expired; the same bytes may be sent again
    metadata = {"path": recipe.path} | ({"dataset": recipe.dataset} if recipe.dataset else {})
    location = errand.node.begin(sent_bytes(recipe), metadata)
    notes.write(replace(recipe, location=location))
    return Standing(0)


def _delivered(node: Node, recipe: Recipe, batch: Batch, standing: Standing, heard: Heard) -> Standing:
    """Send a batch until all of it has arrived, however often that breaks."""
    digests = _digests(recipe, batch) if batch.is_last else {}
    rests = node.rests()
    while True:
        if standing.offset < batch.start:
            raise _Elsewhere
        try:
            rest_of_it = batch.data[standing.offset - batch.start :]
            standing = node.send(recipe.location, standing.offset, rest_of_it, digests)
        except (Unavailable, Conflict) as error:
            pause = next(rests, None)
            if pause is None:
                raise
            time.sleep(pause)
            before, standing = standing, node.standing(recipe.location)
            if isinstance(error, Conflict) and standing == before:
                raise  # it is not about the offset: the archive does not take the file
            if standing.offset > before.offset:
                rests = node.rests()
        heard(standing.offset)
        if standing.offset >= batch.stop and (standing.file_id or not batch.is_last):
            return standing


def _digests(recipe: Recipe, batch: Batch) -> dict[str, str]:
    declared = {"sha256": batch.sha256}
    return declared | {"plain-sha256": batch.mark.sha256} if recipe.data_key else declared


def _plain(recipe: Recipe, batch: Batch) -> str:
    return batch.mark.sha256 if recipe.data_key else ""


def _check_unchanged(recipe: Recipe, source: BinaryIO) -> None:
    facts = os.fstat(source.fileno())
    if (facts.st_size, facts.st_mtime_ns) != (recipe.size, recipe.modified_ns):
        raise SourceChanged(f"{recipe.source} changed while it was sent; submit it again when it is complete")
