"""The steps of the walk about files: handed in encrypted, kept, and given by range to those who may have them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from opengdi.apps.demo.command import gdi
from opengdi.apps.demo.federation import Site
from opengdi.apps.demo.researcher import Researcher, body_sha256
from opengdi.apps.demo.sequencing import Handed, HandedIn
from opengdi.apps.demo.telling import Teller, expect
from opengdi.apps.disk import make_private_folder, write_private

_NOT_THERE: Final = "GDIF-EE-0000000000"


@dataclass
class FileWalk:
    """Files of one country's provider, at its node. `write_files` makes them in the folder that it is given.

    provider_key: of the program that submits. token: of somebody with a visa for the dataset; visitor_token:
    of somebody known, without one.
    """

    tell: Teller
    node: Site
    provider_key: str
    dataset: str
    folder: Path
    write_files: Callable[[Path], HandedIn]
    token: Callable[[], str]
    visitor_token: Callable[[], str]
    _ids: dict[str, str] = field(default_factory=dict)

    def keep(self) -> None:
        """From the provider's folder into the node. Raises StepFailed, naming the step."""
        self._hand_in()
        self._release()

    def keep_too(self) -> None:
        """The same at another node, within a step of the caller's."""
        for file, states in self._handed():
            expect(states, f"{file['path']} has no states")
        for words in (("map", self.dataset, "--wanted"), ("release", self.dataset)):
            told = self.node.gdi("archive", *words).strip()
        self.tell.say(f"{self.node.name}: {told}")

    def use(self) -> None:
        """What the researcher does with it. Raises StepFailed, naming the step."""
        self._refuse()
        self._stream()
        self._encrypt_to_researcher()
        self._go_on_with_a_download()

    def to_try(self, hub: str, who: str) -> str:
        """Commands for somebody who wants to see files for themselves, a line each. who: may have them."""
        variables = " ".join(
            f"{name}={shlex.quote(text)}" for name, text in self._researcher.htslib_variables.items()
        )
        submit = f"--to {self.node.url} --token-file {self._provider / 'token'} --key {self._node_key}"
        return f"""\
Files, at {self.node.name}:
  gdi submit YOUR-FOLDER {submit} --dataset {self.dataset}
  gdi archive list --config {self.node.config}
As {who}, whom the permit names (tokens live for minutes: ask for another one):
  export GDI_LOGIN_STORE={self._researcher.desk / "login"} {variables}
  gdi login --hub {hub} --hint {who}
  gdi token --for {self.node.url} > {self._researcher.token_file}
  samtools view '{self._reads_url()}'
  curl -H "Authorization: Bearer $(cat {self._researcher.token_file})" {self._object_url()}
"""

    # -- steps ---------------------------------------------------------------------------------

    def _hand_in(self) -> None:
        with self.tell.step(
            f"A provider hands in reads and calls, encrypted to the key of {self.node.name} before they leave"
        ):
            for file, states in self._handed():
                self.tell.say(f"{file['path']}, {file['sentBytes']:,} bytes: {states}")
            self.tell.say(
                "The node read each once, checked it, indexed it, and keeps it encrypted as it came."
            )

    def _handed(self) -> Iterator[tuple[Any, str]]:
        """Every file that was handed in, with the states that it went through to be ready."""
        self._settle()
        for file in json.loads(self._submit())["files"]:
            told = self._provider_view(file["fileId"])
            expect(told["state"] == "ready", f"{file['path']} is {told['state']}")
            self._ids[Path(file["source"]).name] = file["fileId"]
            yield file, " → ".join(event["state"] for event in told["events"])

    def _release(self) -> None:
        with self.tell.step("The operator puts the files into the dataset and releases it"):
            for words in (("map", self.dataset, "--wanted"), ("release", self.dataset)):
                self.tell.say(f"gdi archive {words[0]}: {self.node.gdi('archive', *words).strip()}")

    def _refuse(self) -> None:
        with self.tell.step("Files are for those with a visa; others do not even learn which there are"):
            for who, token, file_id, status in (
                ("nobody known", "", self._reads_id, 401),
                ("known, without a visa", self.visitor_token(), self._reads_id, 403),
                ("the same, for a file that does not exist", self.visitor_token(), _NOT_THERE, 403),
                ("with a visa", self.token(), self._reads_id, 200),
            ):
                answer = Researcher(self.node.url, token, self.folder).ask(self._reads_url(file_id))
                expect(answer.status_code == status, f"{who}: {answer.status_code} instead of {status}")
                told = "a ticket" if status == 200 else answer.json()["htsget"]["message"]
                self.tell.say(f"{who}: {status}, {told}")

    def _stream(self) -> None:
        with self.tell.step("With a visa, common programs read a region over the network (htsget)"):
            for file in (self._handed_in.reads, self._handed_in.calls):
                url = self._researcher.ticket_url(file, self._ids[file.name])
                came = self._researcher.stream(file.kind, url)
                count = self._expect_originals(file, came)
                self.tell.say(
                    f"{self._researcher.reader_of(file.kind)}: {count:,} records of {file.name} in "
                    f"{file.stretch.text}, equal to the provider's"
                )

    def _expect_originals(self, file: Handed, came: list[str]) -> int:
        """How many records the stretch has: all came, in order, and around them only others of the same file."""
        wanted = file.records(self._files / file.name)
        everything = file.records(self._files / file.name, all_of_them=True)
        within = set(wanted)
        expect(wanted, f"{file.name} has nothing there")
        expect([each for each in came if each in within] == wanted, "other records than the provider's")
        expect(set(came) <= set(everything), "records that the provider never had")
        return len(wanted)

    def _encrypt_to_researcher(self) -> None:
        with self.tell.step("The same region, encrypted from end to end: only the researcher's key opens it"):
            file = self._handed_in.reads
            url = self._researcher.ticket_url(file, self._reads_id, encryptionScheme="c4gh")
            sealed, plain = (self._researcher.desk / each for each in ("region.bam.c4gh", "region.bam"))
            came_bytes = self._researcher.fetch_encrypted(url, sealed)
            self._researcher.decrypt(sealed, plain)
            count = self._expect_originals(file, file.records(plain, all_of_them=True))
            self.tell.say(
                f"{came_bytes:,} bytes of Crypt4GH instead of all {self._size_bytes(file):,}; "
                f"gdi crypt4gh decrypt gives the {count:,} records, equal to the provider's"
            )

    def _size_bytes(self, file: Handed) -> int:
        return (self._files / file.name).stat().st_size

    def _go_on_with_a_download(self) -> None:
        with self.tell.step("An interrupted download goes on where it stopped"):
            told = self._researcher.ask_json(self._object_url())
            self.tell.say(f"DRS: {told['self_uri']}, {told['size']:,} encrypted bytes")
            sealed, plain = (self._researcher.desk / each for each in ("whole.bam.c4gh", "whole.bam"))
            url = f"{self.node.url}/download/v1/files/{self._reads_id}"
            first = self._researcher.download(url, sealed, stop_after=told["size"] // 3)
            rest = self._researcher.download(url, sealed)
            expect(
                sealed.stat().st_size == first + rest > rest, "the download began again instead of going on"
            )
            expect(
                body_sha256(sealed) == told["checksums"][0]["checksum"],
                "other bytes came than DRS has the SHA-256 of",
            )
            self._researcher.decrypt(sealed, plain)
            original = self._files / self._handed_in.reads.name
            expect(plain.read_bytes() == original.read_bytes(), "it decrypts to something else")
            self.tell.say(f"{first:,} bytes, hung up, {rest:,} more; SHA-256 as DRS says")
            self.tell.say(f"decrypted: the provider's file, SHA-256 {sha256(plain.read_bytes()).hexdigest()}")

    # -- who and what --------------------------------------------------------------------------

    def _settle(self) -> None:
        make_private_folder(self._provider)
        write_private(self._provider / "token", self.provider_key + "\n")
        _ = self._handed_in, self._node_key

    def _submit(self) -> str:
        options = {
            "--to": self.node.url,
            "--token-file": str(self._provider / "token"),
            "--key": self._node_key,
            "--dataset": self.dataset,
            "--state": str(self._provider / "notes"),
            "--patience": "20",
        }
        words = [word for option in options.items() for word in option]
        return gdi("submit", str(self._files), *words, "--json")

    def _provider_view(self, file_id: str) -> Any:
        provider = Researcher(self.node.url, self.provider_key, self._provider)
        return provider.ask_json(f"{self.node.url}/archive/v1/files/{file_id}")

    @cached_property
    def _handed_in(self) -> HandedIn:
        return self.write_files(self._files)

    @cached_property
    def _node_key(self) -> str:
        """The key as its operator tells it to the provider: the line of the key file."""
        return self.node.gdi("archive", "key", "show").splitlines()[1]

    @cached_property
    def _researcher(self) -> Researcher:
        found = Researcher(self.node.url, self.token(), self.folder / "researcher" / self.node.folder.name)
        found.settle()
        return found

    def reads_come(self) -> bool:
        """Whether the researcher gets a ticket for the reads now; only 403 means no."""
        answer = self._researcher.ask(self._reads_url())
        expect(answer.status_code in {200, 403}, f"htsget answers {answer.status_code}")
        return answer.status_code == 200

    @property
    def _provider(self) -> Path:
        return self.folder / "provider" / self.node.folder.name

    @property
    def _files(self) -> Path:
        return self._provider / "files"

    @property
    def _reads_id(self) -> str:
        return self._ids[self._handed_in.reads.name]

    def _reads_url(self, file_id: str = "") -> str:
        return self._researcher.ticket_url(self._handed_in.reads, file_id or self._reads_id)

    def _object_url(self) -> str:
        return f"{self.node.url}/ga4gh/drs/v1/objects/{self._reads_id}"
