"""What the field's `sda-cli` sends and what it reads of answers, verb by verb: it cannot be had as a package.

Written from what its sources of 2026 do (NBISweden: `upload`, `list`, `download`, `htsget`), not from their text. Each
verb ends as there: with what it would have printed or saved, or with `Failed` and the words it would have shown.
"""

from __future__ import annotations

import base64
import io
import json
import posixpath
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit
from xml.etree import ElementTree as ET

import boto3
import httpx
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

LEAST_PART_MIB = 15
VERSION = "v0.4.0"


class Failed(Exception):
    """The program ended with an error."""


@dataclass
class SdaCli:
    """One installation: `access_key` (the secret key too), `access_token` and `host_base` of its config file."""

    access_key: str
    access_token: str
    host_base: str
    downloads: str = ""
    part_mib: int = LEAST_PART_MIB
    cookies: dict[str, str] = field(default_factory=dict)

    # the inbox, by the AWS SDK

    def upload(
        self,
        files: Mapping[str, bytes],
        *,
        target: str = "",
        goes_on: bool = False,
        overwrites: bool = False,
    ) -> list[str]:
        """`upload [-r] [--targetDir] [--continue] [--force-overwrite]`: which files were sent."""
        self._check_token()
        sent = []
        if any(content[:8] != b"crypt4gh" for content in files.values()):
            raise Failed("unencrypted file found")
        for name, content in files.items():
            path = posixpath.join(target, name)
            if not overwrites and self._is_there(path):
                if goes_on:
                    continue
                raise Failed(f"file {posixpath.basename(name)} is already uploaded")
            self._put(path, content)
            sent.append(path)
        return sent

    def listed(self, prefix: str = "", *, page: int = 1000) -> list[tuple[str, int]]:
        """`list [prefix]`: paths below the user's folder, and sizes."""
        self._check_token()
        return [(key.partition("/")[2], size) for key, size in self._objects(prefix, page)]

    def _is_there(self, path: str) -> bool:
        first = next(iter(self._objects(path, 1000)), ("", 0))
        return first[0] == posixpath.normpath(f"{self.access_key}/{path}")

    def _put(self, path: str, content: bytes) -> None:
        try:
            self._s3().upload_fileobj(
                io.BytesIO(content),
                self.access_key,
                path,
                ExtraArgs={"ContentEncoding": "UTF-8", "ChecksumAlgorithm": "CRC32"},
                Config=TransferConfig(
                    multipart_threshold=self.part_mib * 1024**2,
                    multipart_chunksize=self.part_mib * 1024**2,
                    max_concurrency=5,
                ),
            )
        except (ClientError, boto3.exceptions.S3UploadFailedError) as error:
            raise Failed(str(error)) from error

    def _s3(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.host_base,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.access_key,
            aws_session_token=self.access_token,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, proxies={}),
        )

    def _objects(self, prefix: str, page: int) -> Iterator[tuple[str, int]]:
        """ListObjects of version 1 of a bucket `user/`, page after page by NextMarker."""
        marker = ""
        while True:
            query = {"max-keys": str(page), "prefix": f"{self.access_key}/{prefix}"}
            document = self._signed_get(query | ({"marker": marker} if marker else {}))
            for entry in document.iterfind("{*}Contents"):
                yield entry.findtext("{*}Key", ""), int(entry.findtext("{*}Size", "0"))
            if document.findtext("{*}IsTruncated") != "true":
                return
            marker = document.findtext("{*}NextMarker", "")
            if not marker:
                raise Failed("file markers not supported by backend")

    def _signed_get(self, query: Mapping[str, str]) -> ET.Element:
        bucket = quote(f"{self.access_key}/", safe="")
        url = f"{self.host_base}/{bucket}?{urlencode(sorted(query.items()), quote_via=quote, safe='')}"
        keys = Credentials(self.access_key, self.access_key, self.access_token)
        request = AWSRequest("GET", url, headers={"accept-encoding": "identity"})
        S3SigV4Auth(keys, "s3", "us-west-2").add_auth(request)
        answer = httpx.get(url, headers=dict(request.headers.items()), trust_env=False)
        document = ET.fromstring(answer.text)
        if answer.status_code != 200:
            raise Failed(
                f"failed to list objects, reason: {document.findtext('Code')}: {document.findtext('Message')}"
            )
        return document

    # downloads, version 1

    def datasets_of_v1(self) -> list[tuple[str, int, int]]:
        """`list --datasets --url URL`: each dataset, with the number of its files and their decrypted size."""
        datasets = self._get_v1("/metadata/datasets").json()
        files = {dataset: self.files_of_v1(dataset) for dataset in datasets}
        return [
            (each, len(files[each]), sum(file["decryptedFileSize"] for file in files[each]))
            for each in datasets
        ]

    def files_of_v1(self, dataset: str, key: str = "") -> list[dict[str, Any]]:
        """`list --dataset ID --url URL`; the id travels as it is."""
        found = self._get_v1(f"/metadata/datasets/{dataset}/files", key).json()
        for file in found:  # it decodes into these types, and fails for others
            assert all(
                isinstance(file[name], str) for name in ("fileId", "datasetId", "filePath", "fileName")
            )
            assert all(isinstance(file[name], str) for name in ("fileStatus", "createdAt", "lastModified"))
            assert all(isinstance(file[name], int) for name in ("fileSize", "decryptedFileSize"))
        return list(found)

    def download_v1(
        self, dataset: str, *arguments: str, key: str = "", escapes: bool = True
    ) -> dict[str, bytes]:
        """`download --dataset-id ID --url URL [--pubkey KEY] PATH_OR_ID …`: what is saved, by path.

        escapes: later releases escape the id, which earlier ones did not.
        """
        self._check_token()
        saved = {}
        for argument in arguments:
            file = _matching_v1(self.files_of_v1(dataset, key), argument)
            saved |= self._save_v1(dataset, file, key, escapes=escapes)
        return saved

    def download_dataset_v1(self, dataset: str, *, folder: str = "", key: str = "") -> dict[str, bytes]:
        """`download --dataset` and `download --recursive FOLDER`."""
        self._check_token()
        wanted = [
            file for file in self.files_of_v1(dataset) if f"{folder}/" in file["filePath"] or not folder
        ]
        if not wanted:
            raise Failed("given path(s) do not exist")
        saved: dict[str, bytes] = {}
        for file in wanted:
            saved |= self._save_v1(file["datasetId"], file, key, escapes=False)
        return saved

    def _save_v1(self, dataset: str, file: dict[str, Any], key: str, *, escapes: bool) -> dict[str, bytes]:
        path = without_user(file["filePath"])
        place = quote(dataset, safe=":") if escapes else dataset
        content = self._get_v1(f"/s3/{place}/{path}", key).content
        return {path.removesuffix(".c4gh") + (".c4gh" if key else ""): content}

    def _get_v1(self, path: str, key: str = "") -> httpx.Response:
        headers = {"SDA-Client-Version": VERSION, "Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {self.access_token}"} | (
            {"Client-Public-Key": key} if key else {}
        )
        answer = self._get(self.downloads + path, headers)
        if answer.status_code == 412:
            raise Failed(answer.text.strip())
        if answer.status_code != 200:
            raise Failed(f"server returned status {answer.status_code}")
        return answer

    # downloads, version 2

    def datasets_of_v2(self) -> list[tuple[str, int, int]]:
        """`list --datasets --api-version v2`: each dataset, with the number of its files and their size."""
        infos = [
            self._get_v2(f"/datasets/{quote(each, safe=':')}").json()
            for each in self._pages("/datasets", "datasets")
        ]
        return [(info["datasetId"], info["files"], info["size"]) for info in infos]

    def files_of_v2(self, dataset: str, **filters: str) -> list[dict[str, Any]]:
        """`list --dataset ID --api-version v2`."""
        return list(self._pages(f"/datasets/{quote(dataset, safe=':')}/files", "files", **filters))

    def download_v2(self, dataset: str, *arguments: str, key: str, folder: str = "") -> dict[str, bytes]:
        """`download --api-version v2 --pubkey KEY PATH_OR_ID …`, or with `--recursive FOLDER`."""
        self._check_token()
        if folder:
            wanted = self.files_of_v2(dataset, pathPrefix=f"{folder}/")
        else:
            wanted = [self._resolved(dataset, argument) for argument in arguments]
        return {file["filePath"]: self._fetched(file, key) for file in wanted}

    def _resolved(self, dataset: str, argument: str) -> dict[str, Any]:
        is_path = "/" in argument or argument.endswith(".c4gh")
        try:
            found = self.files_of_v2(dataset, **({"filePath": argument} if is_path else {}))
        except Failed as error:
            raise _flattened(error, argument) from error
        matching = [file for file in found if is_path or file["fileId"] == argument]
        if not matching:
            raise Failed(f"dataset/file does not exist or access denied: {argument}")
        return matching[0]

    def _fetched(self, file: dict[str, Any], key: str) -> bytes:
        """The address is resolved as a reference; the token goes to the same host alone."""
        url = urljoin(self.downloads, file["downloadUrl"])
        assert urlsplit(url).netloc == urlsplit(self.downloads).netloc
        headers = {"Authorization": f"Bearer {self.access_token}", "X-C4GH-Public-Key": key}
        answer = self._get(url, headers)
        if answer.status_code != 200:
            raise _flattened(_problem(answer), file["filePath"])
        assert int(answer.headers["content-length"]) == len(answer.content)
        return answer.content

    def _pages(self, path: str, under: str, **filters: str) -> Iterator[Any]:
        token = None
        while True:
            query = filters | ({"pageToken": token} if token else {})
            document = self._get_v2(path + (f"?{urlencode(query)}" if query else "")).json()
            yield from document[under]
            token = document["nextPageToken"]
            if not token:
                return

    def _get_v2(self, path: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.access_token}", "Accept": "application/json"}
        answer = self._get(self.downloads + path, headers | {"User-Agent": f"sda-cli/{VERSION}"})
        if not 200 <= answer.status_code < 300:
            raise _problem(answer)
        return answer

    # htsget

    def htsget(
        self, host: str, dataset: str, name: str, *, pem: str, reference: str = ""
    ) -> tuple[str, bytes]:
        """`htsget --host --dataset --filename --pubkey [--reference]`: name of the saved file, and what is in it."""
        key = base64.b64encode(pem.encode()).decode()
        region = f"&referenceName={reference}" if reference else ""
        token = {"Authorization": f"Bearer {self.access_token}"}
        ticket = self._get(
            f"{host}/reads/{dataset}/{name}?encryptionScheme=C4GH{region}",
            token | {"Htsget-Context-Public-Key": key},
        )
        if ticket.status_code != 200:
            raise Failed(f"failed to get the file, status code: {ticket.status_code}")
        urls = json.loads(ticket.text)["htsget"]["urls"]
        is_encrypted = any("base64" in each["url"] for each in urls)
        content = b"".join(self._block(each, token | {"Client-Public-Key": key}) for each in urls)
        return name + (".c4gh" if is_encrypted else ""), content

    def _block(self, each: dict[str, Any], headers: dict[str, str]) -> bytes:
        """It knows `data:;base64,` alone, and takes nothing but 200 for an answer, also to a Range."""
        if "data:;" in each["url"]:
            return base64.b64decode(each["url"].split("data:;base64,")[1], validate=True)
        if told := each.get("headers", {}).get("Range"):
            headers = headers | {"Range": told}
        answer = self._get(each["url"], headers)
        if answer.status_code != 200:
            raise Failed(f"failed to get the file, status code: {answer.status_code}")
        return answer.content

    def _get(self, url: str, headers: dict[str, str]) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=60, cookies=self.cookies) as client:
            answer = client.get(url, headers=headers)
            self.cookies.update(client.cookies)
        return answer

    def _check_token(self) -> None:
        """Before anything is sent: the token must be a JWT that says when it ends, a minute from now at least."""
        parts = self.access_token.split(".")
        if len(parts) != 3:
            raise Failed("could not parse token, reason: token contains an invalid number of segments")
        header, claims = (
            json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2]
        )
        if header.get("alg") not in {
            f"{kind}{bits}" for kind in ("RS", "ES", "HS", "PS") for bits in (256, 384, 512)
        }:
            raise Failed("could not parse token, reason: signing method (alg) is unavailable")
        if "exp" not in claims:
            raise Failed("could not parse token, reason: no expiration date")
        if int(claims["exp"]) - time.time() < 60:
            raise Failed("the provided access token has expired, please renew it")


def without_user(path: str) -> str:
    """The path without a first folder that looks like somebody's address with `_` for `@`."""
    folder, slash, rest = path.partition("/")
    before, at, after = folder.partition("_")
    looks_like_one = bool(at and before and after and "_" not in after) and not {" ", ".."} & {*folder}
    return rest if slash and looks_like_one and not after.endswith(".") else path


def _matching_v1(files: list[dict[str, Any]], argument: str) -> dict[str, Any]:
    """By a part of the path, if there is a `/` in it, else by a part of the id."""
    of = "filePath" if "/" in argument else "fileId"
    wanted = f"{argument.removesuffix('.c4gh')}.c4gh" if of == "filePath" else argument
    for file in files:
        if wanted in file[of]:
            return file
    raise Failed(f"file not found in dataset: {wanted}")


def _problem(answer: httpx.Response) -> Failed:
    """By `title` and `detail` of a problem document."""
    assert answer.headers["content-type"] in {"application/problem+json", "application/json"}
    told = answer.json()
    return Failed(f"{told['title']} ({answer.status_code}): {told['detail']}")


def _flattened(error: Failed, argument: str) -> Failed:
    """A 403 is told like a file that is not there."""
    return (
        Failed(f"dataset/file does not exist or access denied: {argument}")
        if "(403)" in str(error)
        else error
    )
