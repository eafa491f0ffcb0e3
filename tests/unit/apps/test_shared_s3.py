"""Which of the two APIs at `/s3` is asked: files for a person who shows a token, everything else is the inbox's."""

from __future__ import annotations

import pytest

from opengdi.apps.process import Part
from opengdi.apps.shared_s3 import SharedS3, sharing_s3
from opengdi.kernel.http.callers import CALLER
from opengdi.kernel.principal import PROGRAM as PROGRAM_SUBJECT
from opengdi.kernel.principal import Principal

PERSON, PROGRAM = Principal("ada", logged_in=True), Principal(f"{PROGRAM_SUBJECT}abc", logged_in=True)
TOKEN, SIGNED = (b"authorization", b"Bearer x"), (b"authorization", b"AWS4-HMAC-SHA256 x")


class Named:
    served = {"": "GET"}  # noqa: RUF012  as the APIs have it

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, scope, receive, send) -> None:
        await send(self._name)


@pytest.mark.parametrize(
    "method, path, query, header, caller, asked",
    [
        ("GET", "/s3/data/a.bam", b"", TOKEN, PERSON, "downloads"),
        (
            "GET",
            "/s3/https://doi.org/10.5555/x/a.bam",
            b"",
            (b"authorization", b"bearer x"),
            PERSON,
            "downloads",
        ),
        ("GET", "/s3/data/a.bam", b"startCoordinate=5", TOKEN, PERSON, "downloads"),
        ("GET", "/s3/data/a.bam", b"", TOKEN, None, "inbox"),
        ("GET", "/s3/data/a.bam", b"", TOKEN, PROGRAM, "inbox"),
        ("GET", "/s3/data/a.bam", b"", SIGNED, PERSON, "inbox"),
        ("GET", "/s3/data/a.bam", b"", (b"x-amz-security-token", b"x"), PERSON, "inbox"),
        ("GET", "/s3/data/a.bam", b"uploadId=1", TOKEN, PERSON, "inbox"),
        ("GET", "/s3/data", b"prefix=a", TOKEN, PERSON, "inbox"),
        ("GET", "/s3/data%2F", b"prefix=a", TOKEN, PERSON, "inbox"),
        ("GET", "/s3/data/", b"", TOKEN, PERSON, "inbox"),
        ("GET", "/s3", b"", TOKEN, PERSON, "inbox"),
        ("HEAD", "/s3/data/a.bam", b"", TOKEN, PERSON, "inbox"),
        ("PUT", "/s3/data/a.bam", b"", TOKEN, PERSON, "inbox"),
        ("POST", "/s3/data/a.bam", b"uploads", TOKEN, PERSON, "inbox"),
        ("DELETE", "/s3/data/a.bam", b"", TOKEN, PERSON, "inbox"),
    ],
)
async def test_what_only_downloads_answer_is_asked_of_them(method, path, query, header, caller, asked):
    heard = []

    async def send(name) -> None:
        heard.append(name)

    known = {} if caller is None else {CALLER: caller}
    scope = {
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [header],
    }
    await SharedS3(Named("inbox"), Named("downloads"))(scope | known, None, send)
    assert heard == [asked]


def test_where_uploads_have_another_address_each_has_its_own():
    inbox, downloads = Named("inbox"), Named("downloads")
    apart = Part(mounts={"/inbox": inbox}), Part(mounts={"/s3": downloads})
    assert sharing_s3(*apart) == apart
    uploads, rest = sharing_s3(
        Part(mounts={"/s3": inbox}), Part(mounts={"/s3": downloads, "/files": downloads})
    )
    assert isinstance(uploads.mounts["/s3"], SharedS3)
    assert rest.mounts == {"/files": downloads}
    assert uploads.mounts["/s3"].served == Named.served
